import { catchUp, type CaughtUp } from "../caught-up.ts";
import type { BenchBroker } from "../kafka/bench-broker.ts";
import { type Pace, startPlayer } from "./start-player.ts";

/** What a topic may be promised. */
export const GUARANTEES = ["exactly-once", "at-least-once"] as const;

/** Records of the recorded page: as many as GetRecords answers with at most. */
export const PAGE = 1_000;

interface Drain {
  readonly shards: number;
  /** Of each shard. */
  readonly pages: number;
  readonly guarantee: (typeof GUARANTEES)[number];
  /** As the service paces its readers, and we ourselves; without it as fast as it goes. */
  readonly pace?: Pace;
}

/** Reads a stream that is served from `page` into a topic, to its end. */
export async function drainStream(
  page: string,
  broker: BenchBroker,
  { shards, pages, guarantee, pace }: Drain,
): Promise<CaughtUp> {
  const player = await startPlayer(page, shards, pages, pace);
  const name = `d${Math.random().toString(36).slice(2, 10)}`;
  try {
    const made = await catchUp({
      source: {
        type: "dynamodb",
        endpoint: player.url,
        "aws.access.key.id": "test",
        "aws.secret.key": "test",
        "dynamodb.table.whitelist": "table-1",
        "scan.startup.mode": "earliest-offset",
        "stream.idle.poll.interval": "200ms",
        ...(pace === undefined ? { "stream.read.interval": "0s" } : {}),
      },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": broker.bootstrap,
        "sink.delivery-guarantee": guarantee,
        "value.format": "dynamodb-envelope",
        "kafka.topic.prefix": `${name}-`,
        "topic.partitions": 4,
      },
      pipeline: { name },
    });
    const topic = `${name}-table-1`;
    const told = await broker.records(topic);
    if (told < shards * pages * PAGE) throw new Error(`the topic has ${told} messages`);
    await broker.remove(topic);
    return made;
  } finally {
    player.stop();
  }
}
