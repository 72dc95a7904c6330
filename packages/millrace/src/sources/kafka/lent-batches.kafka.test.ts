/**
 * A Fetch's bytes are overwritten as soon as the log has made its last batch of them: whatever the pipeline does with the batches,
 * however late, has none of those bytes.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../../../test/support/kafka.ts";
import { createFormat } from "../../formats/create-format.ts";
import { column, event, table } from "../../formats/event.fixture.ts";
import { DEFAULT_FORMAT } from "../../formats/format.ts";
import { MessageList } from "../../formats/messages.fixture.ts";
import { ByteLender } from "../../kafka/lent-bytes.ts";
import type { LogBatch } from "../../model/change.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import { UNCHANGED, type Value } from "../../model/value.ts";
import { TYPE_SAMPLES } from "../../testkit/sample-values.ts";
import { send, type Sent } from "../../topics-between.fixture.ts";
import { PipelineLook } from "./first-look.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { PartitionSource } from "./partition-source.ts";
import { behind, nextOffset } from "./position.ts";

/** Several of these are one answer, and several answers the topic. */
const FETCH_BYTES = 300_000;
const TOPIC_BYTES = 2_500_000;
const SEND_BYTES = 200_000;
/** What a message takes besides its value, about. */
const MESSAGE_BYTES = 100;

let kafka: SharedKafka;
beforeAll(async () => {
  kafka = await sharedKafka();
});
afterAll(() => kafka.release());

/** Whatever was given back is gone at once. */
class SpoilingLender extends ByteLender {
  /** Bytes that were lent more than once. */
  again = 0;
  readonly #seen = new WeakSet<ArrayBufferLike>();

  override lend(length: number): Buffer {
    const lent = super.lend(length);
    if (this.#seen.has(lent.buffer)) this.again++;
    return lent;
  }

  override giveBack(bytes: Buffer): void {
    // What was decompressed is nobody's to lend, and gone all the same.
    bytes.fill(0xdb);
    this.#seen.add(bytes.buffer);
    super.giveBack(bytes);
  }
}

/** Lends nothing twice. */
class GenerousLender extends ByteLender {
  override giveBack(): void {
    // Whoever has them may keep them.
  }
}

const GONE = "__debezium_unavailable_value";

type Format = KafkaSourceOptions["format"];

/** Every value of every type: written, changed, moved to another key, deleted, and left out. */
async function messagesOf(value: Format, includeSchema: boolean): Promise<readonly Sent[]> {
  const output = new MessageList();
  for (const { column: name, type, sourceType, values } of TYPE_SAMPLES) {
    const id = column("id", { kind: "int", bits: 64 }, { nullable: false });
    const typed = table("s", `of_${name}`, [id, column(name, type, { sourceType })]);
    const options = { ...DEFAULT_FORMAT, value, includeSchema };
    const format = createFormat(options, {
      names: { serverName: "shop", version: "1" },
      block: null,
    });
    const encoder = await format.encoder(typed, "t");
    const row = (key: number, sample: Value): readonly Value[] => [String(key), sample];
    const written = values.filter((sample) => !(name === "c_dec" && sample === "NaN"));
    for (const [key, sample] of [...written, null, ...written].entries()) {
      const [before, after] = [row(key, sample), row(key, sample)];
      encoder.change(event(typed, { after }), 7, output);
      encoder.change(event(typed, { op: "u", before: [String(key), UNCHANGED], after }), 7, output);
      encoder.change(event(typed, { op: "u", before, after: row(key + 100, sample) }), 7, output);
      encoder.change(event(typed, { op: "d", before: row(key + 100, sample) }), 7, output);
    }
  }
  return output.messages.map(({ key, value: text }) => ({ key: key ?? undefined, value: text }));
}

async function fill(topic: string, messages: readonly Sent[]): Promise<number> {
  let [bytes, count] = [0, 0];
  while (bytes < TOPIC_BYTES) {
    let page: Sent[] = [];
    let pageBytes = 0;
    for (const message of messages) {
      page.push(message);
      pageBytes += String(message.value).length + MESSAGE_BYTES;
      if (pageBytes < SEND_BYTES) continue;
      await send(kafka, topic, page);
      bytes += pageBytes;
      count += page.length;
      [page, pageBytes] = [[], 0];
    }
    if (page.length > 0) await send(kafka, topic, page);
    bytes += pageBytes;
    count += page.length;
  }
  return count;
}

function sourceOf(topic: string, format: Format, lender: ByteLender): PartitionSource {
  const [host = "", port = ""] = kafka.bootstrap.split(":");
  const options: KafkaSourceOptions = {
    cluster: {
      bootstrap: [{ host, port: Number(port) }],
      clientId: "test",
      tls: null,
      sasl: null,
      connectTimeoutMs: 5_000,
      requestTimeoutMs: 10_000,
      lender,
    },
    choice: { topics: [topic], pattern: null },
    format,
    unavailable: GONE,
    matches: () => true,
    primaryKeys: new Map(),
    startup: { mode: "earliest-offset" },
    groupId: "none",
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 100,
    discoveryIntervalMs: 1_000,
    fetchBytes: FETCH_BYTES,
    fetchWaitMs: 50,
    unreadable: "skip",
    truncate: "refuse",
  };
  const context = { pipeline: "p", clock: systemClock, random: Math.random, log: silentLogger };
  const look = new PipelineLook(() => Promise.resolve({ sinceMs: 0, partitions: {} }), systemClock);
  const counts = (): ReadonlyMap<string, number> => new Map([[topic, 1]]);
  const parts = { topic, partition: 0, counts, look, acknowledged: () => undefined };
  return new PartitionSource(options, context, parts);
}

function toldIn({ items, found = [] }: LogBatch): readonly TableShape[] {
  return [...items.flatMap((item) => (item.kind === "shape" ? [item.shape] : [])), ...found];
}

/** Everything that the log gives to its end, looked at once all of it is given; it begins anew for each table that it finds. */
async function readAll(topic: string, format: Format, lender: ByteLender): Promise<LogBatch[]> {
  const source = sourceOf(topic, format, lender);
  const given: LogBatch[] = [];
  try {
    const tables = new Map<TableShape["id"], TableShape>();
    await source.prepare([], null);
    const end = nextOffset(await source.logEnd());
    for (let from: Position = behind(0); nextOffset(from) < end;) {
      const log = await source.openLog({ from, tables: new Map(tables), maxValueBytes: 1_000_000 });
      for (let isNew = false; !isNew && nextOffset(from) < end;) {
        const batch = await log.next();
        given.push(batch);
        from = batch.position;
        for (const shape of toldIn(batch)) tables.set(shape.id, shape);
        isNew = batch.found !== undefined;
      }
      await log.close();
    }
    return given;
  } finally {
    await source.close();
  }
}

it.each([
  ["debezium-json", true],
  ["debezium-json", false],
  ["plain-json", false],
] as const)(
  "a Fetch's bytes are in no batch of %s (with schema: %s)",
  async (format, includeSchema) => {
    const topic = await kafka.createTopic(`lent-${format}-${includeSchema}`);
    const count = await fill(topic, await messagesOf(format, includeSchema));
    const lender = new SpoilingLender();
    const spoiled = await readAll(topic, format, lender);
    expect(lender.again).toBeGreaterThan(0);
    const kept = await readAll(topic, format, new GenerousLender());
    const itemsOf = (batches: readonly LogBatch[]) => batches.flatMap(({ items }) => items);
    expect(itemsOf(spoiled)).toEqual(itemsOf(kept));
    expect(itemsOf(kept).length).toBeGreaterThan(count / 2);
  },
);
