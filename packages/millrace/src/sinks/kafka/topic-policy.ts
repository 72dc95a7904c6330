import { MillraceError } from "../../errors/millrace-error.ts";
import type { TargetTable } from "../../model/table.ts";

/** What helps where the file says that nothing is to be made. */
export const MAKE_TOPIC =
  "Have the topic made (kafka-topics.sh --create), or write create: if-missing, then start again.";

/** By a topic's `cleanup.policy`: `compact`, `delete`, or both. */
export function isCompacted(policy: string | undefined): boolean {
  return policy?.split(",").some((one) => one.trim() === "compact") ?? false;
}

/** Its first message would be refused by the broker, with everything that is written beside it. */
export function refuseWithoutKey(
  { id, keyless }: TargetTable,
  { name, compacted }: { readonly name: string; readonly compacted: boolean },
): void {
  if (!keyless || !compacted) return;
  throw new MillraceError(
    "MR_SINK_SCHEMA",
    `${id} has no key, and topic ${name} is compacted (cleanup.policy): it takes no message without key`,
    {
      remedy:
        "Give the table a key, or a topic that is not compacted: make one and name it in sink.tableId-to-topic.mapping, or leave cleanup.policy out of topic.configs; or leave the table out.",
    },
  );
}
