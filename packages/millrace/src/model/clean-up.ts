/** What came of one thing that a pipeline has at a server, when it is cleaned up. */
export interface CleanedUp {
  readonly what: "slot" | "publication" | "event-trigger" | "topic" | "state" | "source";
  /** As its server calls it. */
  readonly name: string;
  /** `kept` is on purpose, `refused` is not. */
  readonly outcome: "dropped" | "absent" | "kept" | "refused";
  /** Why it is still there, with what to do; null where it is not. */
  readonly why: string | null;
}
