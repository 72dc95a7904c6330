import type { Cluster } from "../../kafka/cluster.ts";
import { KafkaFault, mayComeToBe } from "../../kafka/kafka-fault.ts";
import { NO_ID } from "../../kafka/partition.ts";
import type { TableId } from "../../model/table.ts";

/** A topic that was there is gone where nobody has known it for so long, milliseconds. */
export const GONE_MS = 5_000;

/**
 * The ids of the topics of these names by target, those left out that have none; an empty id where the brokers give none. A broker
 * that lags behind may not know a topic that is there: one of `written` is asked for again until it is sure (I8).
 */
export async function topicIdentities(
  cluster: Cluster,
  names: ReadonlyMap<TableId, string>,
  written: ReadonlySet<TableId>,
): Promise<ReadonlyMap<TableId, string>> {
  const expected = new Set([...names].flatMap(([id, name]) => (written.has(id) ? [name] : [])));
  const facts = new Map(await cluster.topics([...new Set(names.values())]));
  const look = async (): Promise<void> => {
    const unseen = [...expected].filter((name) => (facts.get(name) ?? null) === null);
    if (unseen.length === 0) return;
    for (const [name, found] of await cluster.topics(unseen)) facts.set(name, found);
    if (unseen.some((name) => (facts.get(name) ?? null) === null))
      throw new KafkaFault("missing", "UNKNOWN_TOPIC_OR_PARTITION", "a topic is not there");
  };
  await cluster.patiently(GONE_MS, look, mayComeToBe).catch((thrown: unknown) => {
    if (!(thrown instanceof KafkaFault) || thrown.kind !== "missing") throw thrown;
  });
  return new Map(
    [...names].flatMap(([id, name]) => {
      const found = facts.get(name) ?? null;
      return found === null ? [] : [[id, found.id === NO_ID ? "" : found.id] as const];
    }),
  );
}
