import type { CatalogueEntry } from "./catalogue-entry.ts";
import { FORMAT_ERRORS } from "./format-errors.ts";
import { PIPELINE_ERRORS } from "./pipeline-errors.ts";
import { SINK_ERRORS } from "./sink-errors.ts";
import { SOURCE_ERRORS } from "./source-errors.ts";

export type { CatalogueEntry } from "./catalogue-entry.ts";

/** All error codes, by room. `docs/operations/errors.md` is made from this; one test holds them together. */
export const CATALOGUE = {
  ...PIPELINE_ERRORS,
  ...SOURCE_ERRORS,
  ...SINK_ERRORS,
  ...FORMAT_ERRORS,
} as const satisfies Record<string, CatalogueEntry>;

/** A stable error code. Codes are never reused. */
export type ErrorCode = keyof typeof CATALOGUE;
