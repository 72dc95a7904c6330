import type { ErrorClass } from "./millrace-error.ts";

/** One row of the catalogue. */
export interface CatalogueEntry {
  readonly class: ErrorClass;
  /** What happened, one sentence for someone who did not write this code. */
  readonly meaning: string;
  /** What the operator should do, one sentence. */
  readonly remedy: string;
}
