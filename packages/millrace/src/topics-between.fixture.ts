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

/** Writes messages of a topic, in order. */
export async function send(
  { bootstrap }: SharedKafka,
  topic: string,
  messages: readonly Sent[],
): Promise<void> {
  const producer = new Producer({
    clientId: "test",
    bootstrapBrokers: bootstrap.split(","),
    serializers: stringSerializers,
  });
  try {
    await producer.send({
      acks: -1,
      messages: messages.map(({ key, value, partition = 0 }) => ({
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
