import type { SourceWait } from "../../model/source.ts";
import type { PlaceWait } from "./seen-place.ts";

/** What is said while snapshots wait for what the log has and the engine has not committed. */
export function seenWait({ sinceMs, mayNotFlush }: PlaceWait): SourceWait {
  const why =
    "transactions that the log has are not yet committed in the engine, and snapshots have to see them";
  const remedy =
    "; without GTIDs that can be told only in a moment without commits, or with the right RELOAD, by a new file of the log";
  return {
    what: "load",
    reason: "unseen-transactions",
    why: mayNotFlush ? why + remedy : why,
    sinceMs,
  };
}
