/** A partition's log against a real broker: which topic it reads, and what it knows of what stands before its start. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTopic, type SharedKafka, sharedKafka } from "../../../../../test/support/kafka.ts";
import type { LogItem } from "../../model/change.ts";
import { systemClock } from "../../model/ports.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import type { Json } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import { envelope, send } from "../../topics-between.fixture.ts";
import { lookIn, lookNow, PipelineLook } from "./first-look.ts";
import { partitionSource, type SourceOptions } from "./partition-source.fixture.ts";
import type { PartitionSource } from "./partition-source.ts";
import { behind } from "./position.ts";

let kafka: SharedKafka;
beforeAll(async () => {
  kafka = await sharedKafka();
});
afterAll(() => kafka.release());

const sourceOf = (topic: string, options: SourceOptions = {}): PartitionSource =>
  partitionSource(kafka.bootstrap, topic, options);

const row = (table: string, id: number, op: "c" | "d" = "c") => ({
  key: { id },
  value: envelope(op, op === "c" ? { after: { id } } : { before: { id } }, table),
});

/** What the partition's log brings from an offset on, to the first batch. */
async function readFrom(
  source: PartitionSource,
  offset: number,
  tables: readonly TableShape[],
): Promise<readonly LogItem[]> {
  const log = await source.openLog({
    from: behind(offset),
    tables: new Map(tables.map((shape) => [shape.id, shape])),
    maxValueBytes: 1_000_000,
  });
  try {
    return (await log.next()).items;
  } finally {
    await log.close();
    await source.close();
  }
}

describe("what a task keeps of the first look", () => {
  it("is all of it in the task that begins first, over restarts and losses, and nothing in the others", async () => {
    const topic = await kafka.createTopic("kept", 2);
    await send(kafka, topic, [row("kept", 1)]);
    const cluster = clusterAt(kafka.bootstrap);
    const startup = { mode: "latest-offset" } as const;
    const look = new PipelineLook(
      () => lookNow(cluster, Date.now(), new Map([[topic, 2]])),
      systemClock,
    );
    const sources = [0, 1].map((partition) => sourceOf(topic, { startup, partition, look }));
    const [keeper, other] = sources;
    try {
      const kept: Json[] = [];
      const histories = (): Promise<readonly Json[]> => Promise.resolve(kept);
      const begun = await keeper?.prepare([], null, { histories });
      const history = begun?.history ?? null;
      expect(lookIn(history)).toMatchObject({ ends: { [topic]: [1, 0] } });
      kept.push(history);
      await (
        await keeper?.openLog({ from: behind(1), tables: new Map(), maxValueBytes: 1_000 })
      )?.close();
      const { history: others = null } = (await other?.prepare([], null, { histories })) ?? {};
      expect(lookIn(others)).toBeNull();
      kept.push(others);
      // Begun again, by this process and by another one; and where messages were lost.
      const heir = sourceOf(topic, { startup, look });
      sources.push(heir);
      for (const each of [keeper, heir]) {
        const again = await each?.prepare([], behind(1), { history });
        expect(again?.history).toEqual(history);
        const anew = await each?.prepare([], null, { recreate: true, histories });
        expect(anew?.history).toEqual(history);
      }
    } finally {
      await Promise.all(sources.map((source) => source.close()));
      await cluster.close();
    }
  });
});

describe("the log of a partition at a broker", () => {
  it("is that of the topic it was prepared for, also where another one of that name has the offset", async () => {
    const topic = await kafka.createTopic("remade");
    await send(kafka, topic, [row("remade", 1), row("remade", 2)]);
    const source = sourceOf(topic);
    const found = await source.discover();
    await source.prepare([], null);
    await kafka.admin.deleteTopics({ topics: [topic] });
    const made = () => createTopic(kafka.admin, topic).then(() => true);
    await expect.poll(() => made().catch(() => false), { timeout: 60_000 }).toBe(true);
    const sent = () =>
      send(
        kafka,
        topic,
        [1, 2, 3, 4].map((id) => row("remade", id)),
      );
    await expect
      .poll(
        () =>
          sent().then(
            () => true,
            () => false,
          ),
        { timeout: 60_000 },
      )
      .toBe(true);
    const tables = found.map(({ shape }) => shape);
    await expect(readFrom(source, 2, tables)).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
  });

  it("says of each batch whether the partition has more behind it", async () => {
    const topic = await kafka.createTopic("more");
    for (const id of [1, 2, 3]) await send(kafka, topic, [row("more", id)]);
    const source = sourceOf(topic, { fetchBytes: 1 });
    const tables = (await source.discover()).map(({ shape }) => shape);
    await source.prepare(tables, null);
    const log = await source.openLog({
      from: behind(0),
      tables: new Map(tables.map((shape) => [shape.id, shape])),
      maxValueBytes: 1_000_000,
    });
    try {
      const batches = [await log.next(), await log.next(), await log.next()];
      expect(batches.map(({ items, moreComes }) => [items.length, moreComes])).toEqual([
        [1, true],
        [1, true],
        [1, false],
      ]);
    } finally {
      await log.close();
      await source.close();
    }
  });

  it("knows whose a tombstone is whose delete was read before it was opened", async () => {
    const topic = await kafka.createTopic("several");
    const messages = [row("a", 1), row("b", 1), row("a", 1, "d"), { key: { id: 1 }, value: null }];
    await send(kafka, topic, [...messages, row("b", 2)]);
    const source = sourceOf(topic);
    const tables = (await source.discover()).map(({ shape }) => shape);
    await source.prepare(tables, null);
    const items = await readFrom(source, 3, tables);
    expect(items).toMatchObject([{ kind: "change", op: "c", shape: { name: "b" } }]);
  });

  it("stops at a tombstone that may be of several tables, read lately or not", async () => {
    const topic = await kafka.createTopic("alone");
    const others = Array.from({ length: 80 }, (_, n) => row("b", n + 10));
    await send(kafka, topic, [row("a", 1), ...others, { key: { id: 1 }, value: null }]);
    const source = sourceOf(topic);
    const tables = (await source.discover()).map(({ shape }) => shape);
    await source.prepare(tables, null);
    await expect(readFrom(source, 81, tables)).rejects.toMatchObject({
      code: "MR_MESSAGE_UNREADABLE",
    });
  });
});
