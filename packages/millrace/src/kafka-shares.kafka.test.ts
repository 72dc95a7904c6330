/** Shares that are lost, partitions and topics that come and go, and where each is begun with. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTopic, type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { buildSink } from "./build-sink.ts";
import { loadConfig } from "./config/load.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import type { Pipeline, PipelineEvent } from "./pipeline-handle.ts";
import { envelope, pipelineFromTopics, send } from "./topics-between.fixture.ts";

let kafka: SharedKafka;
let target: SharedPostgres;
beforeAll(async () => {
  [kafka, target] = await Promise.all([sharedKafka(), sharedPostgres()]);
});
afterAll(async () => {
  await Promise.all([kafka.release(), target.release()]);
});

type Section = Readonly<Record<string, unknown>>;

const POLL = { timeout: 60_000 };
const LIVELY = {
  "properties.heartbeat.interval.ms": "100ms",
  "properties.session.timeout.ms": "6s",
  "scan.topic-partition-discovery.interval": "1s",
};

function fileOf(name: string, source: Section, more: Section = {}): object {
  return {
    ...pipelineFromTopics(kafka, target, { name, source: { ...LIVELY, ...source } }),
    ...more,
  };
}

async function running(file: object, work: (pipeline: Pipeline) => Promise<void>): Promise<void> {
  const pipeline = await loadPipeline(file);
  await pipeline.start();
  try {
    await work(pipeline);
  } finally {
    await pipeline.stop();
  }
}

const row = (table: string, id: number, partition = 0) => ({
  key: { id },
  value: envelope("c", { after: { id } }, table),
  partition,
});

const ids = async (table: string): Promise<readonly unknown[]> =>
  (await target.query(`SELECT id::int FROM public.${table} ORDER BY id`)).map(({ id }) => id);

const channels = (pipeline: Pipeline): readonly string[] =>
  pipeline
    .status()
    .channels.map(({ id }) => id)
    .toSorted();

describe("a share that somebody took over who is gone", () => {
  it("is begun anew by the process that has it in the group", async () => {
    const topic = await kafka.createTopic("taken");
    await send(kafka, topic, [row("taken", 1)]);
    const file = fileOf("taken", { topic });
    await running(file, async (pipeline) => {
      await pipeline.caughtUp();
      // As a process does that was frozen before it took over, and whom the group has forgotten since.
      const context = { clock: systemClock, random: Math.random, log: silentLogger };
      const config = loadConfig(file, {});
      const other = await buildSink(config.sink, { ...context, pipeline: "taken" }, null, {});
      await other.open();
      const { fence } = await other.takeOver({ pipeline: "taken", task: `${topic}-0`, lanes: 1 });
      await other.close();
      await send(kafka, topic, [row("taken", 2)]);
      await expect.poll(() => ids("taken"), POLL).toEqual([1, 2]);
      const held = await target.query(
        "SELECT max(fence)::int AS fence FROM millrace.lane WHERE pipeline = 'taken'",
      );
      expect(held).toEqual([{ fence: fence + 1 }]);
      expect(pipeline.status()).toMatchObject({ state: "running", error: null });
    });
  });
});

describe("partitions and topics that come later", () => {
  it("are read from their first message on, also where the pipeline began with the latest", async () => {
    const topic = await kafka.createTopic("later_0");
    const pattern = `${kafka.prefix}later_\\d`;
    await send(kafka, topic, [row("later", 1)]);
    const source = { "topic-pattern": pattern, "scan.startup.mode": "latest-offset" };
    const file = fileOf("later", source);
    await running(file, async (pipeline) => {
      await expect.poll(() => channels(pipeline), POLL).toHaveLength(1);
      await pipeline.caughtUp();
      await send(kafka, topic, [row("later", 2)]);
      await expect.poll(() => ids("later"), POLL).toEqual([2]);
    });
    // While nobody looks, and while somebody does.
    await kafka.admin.createPartitions({ topics: [{ name: topic, count: 2 }] });
    const written = () => send(kafka, topic, [row("later", 3, 1)]).then(() => true);
    await expect.poll(() => written().catch(() => false), POLL).toBe(true);
    await running(file, async (pipeline) => {
      await expect.poll(() => ids("later"), POLL).toEqual([2, 3]);
      const second = await kafka.createTopic("later_1");
      await send(kafka, second, [row("later", 4)]);
      await expect.poll(() => ids("later"), POLL).toEqual([2, 3, 4]);
      expect(channels(pipeline)).toEqual([`${topic}-0/log`, `${topic}-1/log`, `${second}-0/log`]);
      await kafka.admin.deleteTopics({ topics: [second] });
      await expect.poll(() => channels(pipeline), POLL).toHaveLength(2);
      await send(kafka, topic, [row("later", 5)]);
      await expect.poll(() => ids("later"), POLL).toEqual([2, 3, 4, 5]);
      // The same name is another topic: what was not read of the first one is lost, and the file has to say what then.
      await createTopic(kafka.admin, second);
      await send(kafka, second, [row("later", 6)]);
      const why = () => pipeline.status().waits.map(({ why: text }) => text);
      await expect.poll(why, POLL).toEqual([expect.stringContaining("made anew")]);
    });
    await running(fileOf("later", { ...source, "on-loss": "resync" }), async () => {
      await expect.poll(() => ids("later"), POLL).toEqual([2, 3, 4, 5, 6]);
    });
  });
});

describe("where a partition is begun with", () => {
  const begun = async (name: string, source: Section, expected: readonly number[]) => {
    const topic = `${kafka.prefix}begins`;
    const route = [{ "source-table": "public.begins", "sink-table": `public.${name}` }];
    await running(fileOf(name, { topic, ...source }, { route }), async (pipeline) => {
      await pipeline.caughtUp();
      expect(await ids(name)).toEqual(expected);
    });
  };

  it("is a time, or an offset, which it has to reach", async () => {
    const topic = await kafka.createTopic("begins", 2);
    await send(kafka, topic, [row("begins", 1), row("begins", 2, 1)]);
    const betweenMs = await systemClock.sleep(20).then(() => Date.now());
    await systemClock.sleep(20);
    await send(kafka, topic, [row("begins", 3), row("begins", 4, 1), row("begins", 5, 1)]);
    await begun(
      "by_time",
      { "scan.startup.mode": "timestamp", "scan.startup.timestamp-millis": String(betweenMs) },
      [3, 4, 5],
    );
    const at = (offset: number): Section => ({
      "scan.startup.mode": "specific-offsets",
      "scan.startup.specific-offsets": `partition:0,offset:${offset};partition:1,offset:2`,
    });
    await begun("by_offset", at(1), [3, 5]);
    const beyond = await loadPipeline(fileOf("beyond", { topic, ...at(3) }));
    await beyond.start();
    const why = () => beyond.status().waits.map(({ why: text }) => text);
    await expect
      .poll(why, POLL)
      .toEqual([expect.stringMatching(/begins-0 has stopped: .*at offset 3, and it ends at 2/)]);
    await beyond.stop();
  });
});

describe("a table that several topics bring", () => {
  it("is not emptied by the TRUNCATE of one of them", async () => {
    const [one, other] = await Promise.all([
      kafka.createTopic("one.public.both"),
      kafka.createTopic("other.public.both"),
    ]);
    await send(kafka, one, [row("both", 1)]);
    await send(kafka, other, [row("both", 2)]);
    await running(fileOf("both", { topic: `${one},${other}` }), async (pipeline) => {
      await pipeline.caughtUp();
      await expect.poll(() => ids("both"), POLL).toEqual([1, 2]);
      await send(kafka, one, [{ value: envelope("t", {}, "both") }]);
      await expect
        .poll(() => pipeline.status().waits.map(({ why }) => why), POLL)
        .toEqual([expect.stringMatching(/TRUNCATE of public\.both would remove rows/)]);
      expect(await ids("both")).toEqual([1, 2]);
    });
  });
});

describe("a table without key in one of a topic's partitions", () => {
  const told = (op: "c" | "t", id: number | null, partition: number) => ({
    value: envelope(op, id === null ? {} : { after: { id } }, "alone"),
    partition,
  });

  it("is emptied by its TRUNCATE as long as the other partitions have nothing, and not where they have", async () => {
    const topic = await kafka.createTopic("public.alone", 3);
    await send(kafka, topic, [told("t", null, 2), told("c", 1, 2), told("c", 2, 2)]);
    await running(fileOf("alone", { topic }), async (pipeline) => {
      await expect.poll(() => ids("alone").catch(() => []), POLL).toEqual([1, 2]);
      await send(kafka, topic, [told("t", null, 2), told("c", 3, 2)]);
      await expect.poll(() => ids("alone"), POLL).toEqual([3]);
      expect(pipeline.status()).toMatchObject({ error: null, waits: [] });
    });
    await send(kafka, topic, [told("c", 4, 0), told("t", null, 2)]);
    await running(fileOf("alone", { topic }), async (pipeline) => {
      const error = () => pipeline.status().error?.message;
      await expect.poll(error, POLL).toMatch(/TRUNCATE of public\.alone would (remove|leave)/);
      expect(pipeline.status().error?.remedy).toMatch(/one partition.*on-truncate: ignore/);
      await expect.poll(() => ids("alone"), POLL).toEqual([3, 4]);
      const stopped = { code: "MR_SCHEMA_CHANGE_REFUSED" };
      expect(pipeline.status().tables).toMatchObject([{ id: "public.alone", stopped }]);
    });
  });
});

describe("a table of which too many rows are refused", () => {
  it("stops its partition, which cannot be read anew, and goes on once that is mended", async () => {
    const topic = await kafka.createTopic("refused");
    await target.query(
      "CREATE TABLE public.refused (id bigint PRIMARY KEY, n bigint, CONSTRAINT small CHECK (n < 100))",
    );
    const of = (id: number, n: number) => ({
      key: { id },
      value: envelope("c", { after: { id, n } }, "refused"),
    });
    const good = [of(1, 1), of(2, 2)];
    const bad = [1, 2, 3].map((n) => of(100 + n, 100_000 + n));
    await send(kafka, topic, [...good, ...bad, of(3, 3)]);
    const file = fileOf("refused", { topic }) as { sink: Section };
    const limited = { ...file, sink: { ...file.sink, "dead-letters.max": 1 } };
    const stopped = await loadPipeline(limited);
    await stopped.start().catch(() => undefined);
    await expect(stopped.done).rejects.toMatchObject({ code: "MR_DEAD_LETTER_LIMIT" });
    await stopped.stop();
    await target.query("ALTER TABLE public.refused DROP CONSTRAINT small");
    await running(limited, async (pipeline) => {
      await pipeline.caughtUp();
      // The one that has its letter already is told again only by another message of its key.
      expect(await ids("refused")).toEqual(expect.arrayContaining([1, 2, 3, 102, 103]));
      expect(pipeline.status().tables).toMatchObject([{ state: "SYNC", stopped: null }]);
    });
  });
});

/** What a process says that it waits for of the others; an end before that has said nothing. */
async function toldLeft(events: AsyncIterable<PipelineEvent>): Promise<string> {
  for await (const event of events) {
    if (event.type === "caught-up") break;
    if (event.type === "notice" && event.message.includes("other processes")) return event.message;
  }
  return "nothing";
}

describe("two processes of one pipeline", () => {
  it("are caught up when every partition is, whoever has it", async () => {
    const topic = await kafka.createTopic("both", 2);
    await send(kafka, topic, [row("both", 1), row("both", 2, 1)]);
    const file = fileOf("both", { topic });
    await running(file, async (one) => {
      await one.caughtUp();
      await running(file, async (other) => {
        const counts = () => [one, other].map((pipeline) => channels(pipeline).length);
        await expect.poll(counts, { timeout: 60_000 }).toEqual([1, 1]);
        await one.pause();
        await send(kafka, topic, [row("both", 3), row("both", 4, 1)]);
        const events = other.events();
        const caughtUp = other.caughtUp();
        expect(await toldLeft(events)).toMatch(/what is left: \S+both-[01]$/);
        await one.resume();
        await caughtUp;
        expect(await ids("both")).toEqual([1, 2, 3, 4]);
      });
    });
  });
});
