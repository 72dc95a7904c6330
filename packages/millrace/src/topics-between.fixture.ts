/** Pipelines of tests from topics into tables. */
import { Producer, stringSerializers } from "@platformatic/kafka";
import type { SharedKafka } from "../../../test/support/kafka.ts";
import type { SharedPostgres } from "../../../test/support/postgres.ts";

type Section = Readonly<Record<string, unknown>>;

/** A pipeline from topics into `type: postgres`, as an object that `loadPipeline` takes. */
export function pipelineFromTopics(
  kafka: SharedKafka,
  target: SharedPostgres,
  given: { readonly name: string; readonly source: Section; readonly pipeline?: Section },
) {
  return {
    source: {
      type: "kafka",
      "properties.bootstrap.servers": kafka.bootstrap,
      "properties.group.id": `${kafka.prefix}${given.name}`,
      ...given.source,
    },
    sink: {
      type: "postgres",
      host: target.host,
      port: target.port,
      username: target.user,
      password: target.password,
      database: target.database,
    },
    pipeline: { name: given.name, ...given.pipeline },
  };
}

/** A message to be sent; an object is sent as JSON. */
export interface Sent {
  readonly key?: unknown;
  readonly value: unknown;
  readonly partition?: number;
}

/** Writes messages of a topic, in the order of each partition. */
export async function send(
  { bootstrap }: { readonly bootstrap: string },
  topic: string,
  messages: readonly Sent[],
): Promise<void> {
  const producer = new Producer({
    clientId: "test",
    bootstrapBrokers: bootstrap.split(","),
    serializers: stringSerializers,
  });
  try {
    // One partition at a time: where one of several is not led yet, the library sends all of them again.
    for (const [partition, own] of Map.groupBy(messages, (each) => each.partition ?? 0))
      await producer.send({
        acks: -1,
        messages: own.map(({ key, value }) => ({
          topic,
          partition,
          ...(key === undefined ? {} : { key: textOf(key) }),
          ...(value === null ? {} : { value: textOf(value) }),
        })),
      });
  } finally {
    await producer.close();
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Debezium's envelope without its schema. */
export function envelope(
  op: "c" | "r" | "u" | "d" | "t",
  rows: { readonly before?: object | null; readonly after?: object | null },
  table = "orders",
): object {
  const source = { connector: "postgresql", schema: "public", table, ts_ms: 1_700_000_000_000 };
  return { before: null, after: null, ...rows, source, op, ts_ms: 1_700_000_000_000 };
}
