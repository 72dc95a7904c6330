import { MillraceError } from "../../errors/millrace-error.ts";
import { ServiceFault, type FaultKind } from "./service-fault.ts";

/** What kind of refusal an error of {@link DynamoApi} is made of; null where it is made of none. */
export function faultKind(error: unknown): FaultKind | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++)
    if (at instanceof ServiceFault) return at.kind;
  return null;
}

/** Why what comes next is gone (I8). */
export type Loss =
  | { readonly why: "remade" | "no-table" | "no-stream" | "other-stream" | "stream-gone" }
  | { readonly why: "disabled" }
  | { readonly why: "shard-gone" | "trimmed" | "late-shard"; readonly shard: string }
  | { readonly why: "too-old"; readonly hours: number; readonly limitHours: number };

/** The reason of a loss, as what follows the table's name. */
export function lossText(loss: Loss): string {
  switch (loss.why) {
    case "remade":
      return "was deleted and made anew";
    case "no-table":
      return "is gone";
    case "no-stream":
      return "has no stream any more: changes since it was disabled are in none";
    case "disabled":
      return "has its stream disabled: what is changed from now on is in none";
    case "other-stream":
      return "had its stream disabled and enabled again: changes in between are in none";
    case "stream-gone":
      return "has a stream that the service does not know any more";
    case "shard-gone":
      return `has no shard ${loss.shard} any more, which was not read to its end`;
    case "trimmed":
      return `has a stream whose shard ${loss.shard} is trimmed behind the last record that was read`;
    case "late-shard":
      return `has a shard ${loss.shard} in its stream that was not listed while its children were read`;
    case "too-old":
      return `was not read for ${loss.hours} hours, and is safe for ${loss.limitHours}: what its stream has lost since nobody can tell`;
  }
}

const REMEDY =
  "With `on-loss: resync` the table is loaded anew and rows that are gone at the source are deleted at the sink; `continue` goes on with what there is, " +
  "and says so for ever. Records live for 24 hours: a pipeline has to run at least once in 20.";

/** @see Loss */
export function lostLog(table: string, loss: Loss, cause?: unknown): MillraceError {
  return new MillraceError("MR_SOURCE_LOSS", `table ${table} ${lossText(loss)}`, {
    remedy: REMEDY,
    facts: { table, why: loss.why },
    ...(cause === undefined ? {} : { cause }),
  });
}
