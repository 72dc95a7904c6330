import { MillraceError } from "../../errors/millrace-error.ts";
import type { TransactionMeter } from "../../formats/transaction-meter.ts";
import type { SourceBlock } from "../../model/source-block.ts";
import type { BatchPlace, BatchSender } from "./batch-sender.ts";
import { HeartbeatTeller } from "./heartbeat-teller.ts";
import { LetterTeller } from "./letter-teller.ts";
import { SchemaTeller } from "./schema-teller.ts";
import { SideOutput } from "./side-output.ts";
import type { SideTeller } from "./side-teller.ts";
import type { Topics } from "./topics.ts";
import { TransactionTeller } from "./transaction-teller.ts";

/** Topics beside those of tables; null: nothing is told. */
export interface SideTopicOptions {
  readonly heartbeat: { readonly topic: string; readonly intervalMs: number } | null;
  readonly transactions: { readonly topic: string; readonly meter: TransactionMeter } | null;
  readonly schemaChanges: { readonly topic: string; readonly block: SourceBlock } | null;
  readonly deadLetters: { readonly topic: string } | null;
  /** Debezium's name of the server. */
  readonly serverName: string;
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
  const { heartbeat, transactions, schemaChanges, deadLetters } = options;
  const wanted = [
    [heartbeat?.topic, COMPACTED],
    [transactions?.topic, PLAIN],
    [schemaChanges?.topic, PLAIN],
    [deadLetters?.topic, COMPACTED],
  ] as const;
  const places = new Map<string, BatchPlace>();
  for (const [name, configs] of wanted) {
    if (name === undefined || places.has(name)) continue;
    places.set(name, (await topics.find(name)) ?? (await made(name, configs, options, topics)));
  }
  return places;
}

async function made(
  name: string,
  configs: ReadonlyMap<string, string>,
  { create, replicationFactor }: SideTopicOptions,
  topics: Topics,
): Promise<BatchPlace> {
  if (create === "never")
    throw new MillraceError("MR_SINK_SCHEMA", `there is no topic ${name}, and create is "never"`);
  await topics.make({ name, partitions: 1, replicationFactor, configs });
  const found = await topics.find(name);
  if (found !== null) return found;
  throw new MillraceError("MR_SINK_SCHEMA", `topic ${name} is gone again`);
}

/** Who tells what on them. */
export function sideTellers(
  options: SideTopicOptions,
  task: string,
  places: ReadonlyMap<string, BatchPlace>,
  sender: BatchSender,
): readonly SideTeller[] {
  const { heartbeat, transactions, schemaChanges, deadLetters, serverName } = options;
  const to = (name: string): SideOutput => {
    const place = places.get(name);
    if (place === undefined) throw new MillraceError("MR_BUG", `topic ${name} was not prepared`);
    return new SideOutput(sender, place);
  };
  const tellers: SideTeller[] = [];
  if (schemaChanges !== null)
    tellers.push(new SchemaTeller(task, to(schemaChanges.topic), schemaChanges.block));
  if (transactions !== null)
    tellers.push(new TransactionTeller(task, to(transactions.topic), transactions.meter));
  if (deadLetters !== null) tellers.push(new LetterTeller(to(deadLetters.topic)));
  if (heartbeat !== null)
    tellers.push(new HeartbeatTeller(to(heartbeat.topic), serverName, heartbeat.intervalMs));
  return tellers;
}
