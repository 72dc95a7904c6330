import { MillraceError } from "../../errors/millrace-error.ts";
import {
  HEARTBEAT_SCHEMAS,
  type MessageSchemas,
  schemaChangeSchemas,
  TRANSACTION_SCHEMAS,
} from "../../formats/meta-schemas.ts";
import type { TransactionMeter } from "../../formats/transaction-meter.ts";
import type { SourceBlock } from "../../model/source-block.ts";
import type { BatchSender } from "./batch-sender.ts";
import { HeartbeatTeller } from "./heartbeat-teller.ts";
import { LetterTeller } from "./letter-teller.ts";
import { SchemaTeller } from "./schema-teller.ts";
import { SideOutput } from "./side-output.ts";
import type { SideTeller } from "./side-teller.ts";
import type { NewTopic } from "./topic-making.ts";
import { MAKE_TOPIC } from "./topic-policy.ts";
import type { Topics } from "./topics.ts";
import type { BatchPlace } from "./transaction-batches.ts";
import { TransactionTeller } from "./transaction-teller.ts";

/** Topics beside those of tables; null: nothing is told. */
export interface SideTopicOptions {
  readonly heartbeat: { readonly topic: string; readonly intervalMs: number } | null;
  readonly transactions: { readonly topic: string; readonly meter: TransactionMeter } | null;
  readonly schemaChanges: { readonly topic: string; readonly block: SourceBlock } | null;
  readonly deadLetters: { readonly topic: string } | null;
  /** Debezium's name of the server. */
  readonly serverName: string;
  /** Messages of Debezium's forms have their schema in them. */
  readonly includeSchema: boolean;
  /** Whether missing ones are made. */
  readonly create: "if-missing" | "never";
  /** Null: the broker's default. */
  readonly replicationFactor: number | null;
}

/** A topic that holds what stands, and one that is read once. */
const COMPACTED = new Map([["cleanup.policy", "compact"]]);
const PLAIN: ReadonlyMap<string, string> = new Map();

/** Where each of them is, by its name: found, or made with one partition. @throws MillraceError MR_SINK_SCHEMA, KafkaFault */
export async function prepareSideTopics(
  options: SideTopicOptions,
  topics: Topics,
): Promise<ReadonlyMap<string, BatchPlace>> {
  const places = new Map<string, BatchPlace>();
  for (const topic of sideTopics(options))
    places.set(topic.name, (await topics.find(topic.name)) ?? (await made(topic, options, topics)));
  await topics.refuseLacking(new Map([...places.keys()].map((name) => [name, ["WRITE"]])));
  return places;
}

/** Each of them as it would be made. */
export function sideTopics(options: SideTopicOptions): readonly NewTopic[] {
  const { heartbeat, transactions, schemaChanges, deadLetters, replicationFactor } = options;
  const wanted = new Map<string, NewTopic>();
  for (const [name, configs] of [
    [heartbeat?.topic, COMPACTED],
    [transactions?.topic, PLAIN],
    [schemaChanges?.topic, PLAIN],
    [deadLetters?.topic, COMPACTED],
  ] as const)
    if (name !== undefined && !wanted.has(name))
      wanted.set(name, { name, partitions: 1, replicationFactor, configs });
  return [...wanted.values()];
}

/** What goes to them, by their names: rows never do. */
export function sideTopicUses(
  options: SideTopicOptions,
): readonly (readonly [name: string, what: string])[] {
  const { heartbeat, transactions, schemaChanges, deadLetters } = options;
  const uses = [
    [heartbeat?.topic, "heartbeats go to (heartbeat.topic)"],
    [transactions?.topic, "begins and ends of transactions go to (transaction.topic)"],
    [schemaChanges?.topic, "schema changes go to (schema-changes.topic)"],
    [deadLetters?.topic, "dead letters go to (dead-letters.topic)"],
  ] as const;
  return uses.flatMap(([name, what]) => (name === undefined ? [] : [[name, what] as const]));
}

async function made(
  topic: NewTopic,
  { create }: SideTopicOptions,
  topics: Topics,
): Promise<BatchPlace> {
  const { name } = topic;
  if (create === "never") throw noSideTopic(name);
  await topics.make(topic);
  const found = await topics.find(name);
  if (found !== null) return found;
  throw new MillraceError("MR_SINK_SCHEMA", `topic ${name} is gone again`);
}

/** It is missing, and nobody may make it. */
export function noSideTopic(name: string): MillraceError {
  const what = `there is no topic ${name}, and create is "never"`;
  return new MillraceError("MR_SINK_SCHEMA", what, { remedy: MAKE_TOPIC });
}

/** Who tells what on them. */
export function sideTellers(
  options: SideTopicOptions,
  task: string,
  places: ReadonlyMap<string, BatchPlace>,
  sender: BatchSender,
): readonly SideTeller[] {
  const { heartbeat, transactions, schemaChanges, deadLetters, serverName } = options;
  const to = (name: string, schemas: (() => MessageSchemas) | null = null): SideOutput => {
    const place = places.get(name);
    if (place === undefined) throw new MillraceError("MR_BUG", `topic ${name} was not prepared`);
    return new SideOutput(sender, place, options.includeSchema ? schemas : null);
  };
  const tellers: SideTeller[] = [];
  if (schemaChanges !== null)
    tellers.push(
      new SchemaTeller(
        task,
        to(schemaChanges.topic, () => schemaChangeSchemas(schemaChanges.block)),
        schemaChanges.block,
      ),
    );
  if (transactions !== null) {
    const output = to(transactions.topic, () => TRANSACTION_SCHEMAS);
    tellers.push(new TransactionTeller(task, output, transactions.meter));
  }
  if (deadLetters !== null) tellers.push(new LetterTeller(to(deadLetters.topic)));
  if (heartbeat !== null) {
    const output = to(heartbeat.topic, () => HEARTBEAT_SCHEMAS);
    tellers.push(new HeartbeatTeller(output, serverName, heartbeat.intervalMs));
  }
  return tellers;
}
