/** What a connector says about its server before anything is started (`validate --connect`). */
export interface Finding {
  /** `error` stops the pipeline, `warning` is a risk, `notice` is worth knowing. */
  readonly severity: "error" | "warning" | "notice";
  /** What was found, one sentence. */
  readonly what: string;
  /** What follows from it for the pipeline, one sentence. */
  readonly whatFollows: string;
  /** What to do, with the SQL or the setting where there is one. */
  readonly remedy: string;
  /** The error that a start would fail with, where it is not the plain refusal of the server that was asked. */
  readonly code?: string;
  /** It is told at a first start too, where nobody has asked. */
  readonly atStart?: true;
  /** The option of the pipeline file that it is about, such as `source.password`. */
  readonly option?: string;
}
