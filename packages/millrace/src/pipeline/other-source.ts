import { MillraceError } from "../errors/millrace-error.ts";
import type { Json } from "../model/position.ts";

/** What is told where a pipeline's state is another source's; null where it is this one's. Who looks beforehand says the same. */
export function otherSource(begun: Json, now: Json): MillraceError | null {
  if (JSON.stringify(begun) === JSON.stringify(now)) return null;
  return new MillraceError(
    "MR_SOURCE_IDENTITY",
    `this pipeline began with source ${JSON.stringify(begun)}, the file points at ${JSON.stringify(now)}`,
  );
}
