import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { cleanUp } from "./clean-up.ts";
import { loadPipeline } from "./load-pipeline.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { planPipeline } from "./plan-pipeline.ts";
import { readDeadLetters } from "./read-dead-letters.ts";
import { envelope, pipelineFromTopics, send } from "./topics-between.fixture.ts";

let kafka: SharedKafka;
let target: SharedPostgres;
beforeAll(async () => {
  [kafka, target] = await Promise.all([sharedKafka(), sharedPostgres()]);
});
afterAll(async () => {
  await Promise.all([kafka.release(), target.release()]);
});

let count = 0;
const POLL = { timeout: 60_000 };

/** A pipeline of its own name, or of one that has begun already, while `work` is done. */
async function running(
  source: Readonly<Record<string, unknown>>,
  work: (pipeline: Pipeline) => Promise<void>,
  name = `k${++count}`,
): Promise<void> {
  const pipeline = await loadPipeline(pipelineFromTopics(kafka, target, { name, source }));
  await pipeline.start();
  try {
    await work(pipeline);
  } finally {
    await pipeline.stop();
  }
}

describe("a topic of Debezium's messages", () => {
  it("becomes its table: rows, updates, deletes, columns that come", async () => {
    const topic = await kafka.createTopic("orders", 2);
    await send(kafka, topic, [
      { key: { id: 1 }, value: envelope("r", { after: { id: 1, name: "a" } }) },
      { key: { id: 2 }, value: envelope("c", { after: { id: 2, name: "b" } }), partition: 1 },
      { key: { id: 1 }, value: envelope("u", { after: { id: 1, name: "c" } }) },
      { key: { id: 3 }, value: envelope("c", { after: { id: 3, name: "x" } }) },
      { key: { id: 3 }, value: envelope("d", { before: { id: 3, name: "x" } }) },
      { key: { id: 3 }, value: null },
    ]);
    await running({ topic }, async (pipeline) => {
      await pipeline.caughtUp();
      expect(await target.query("SELECT id::int, name FROM public.orders ORDER BY id")).toEqual([
        { id: 1, name: "c" },
        { id: 2, name: "b" },
      ]);
      expect(pipeline.status().tables).toMatchObject([{ id: "public.orders", state: "SYNC" }]);
      const lags = () => pipeline.status().channels.map(({ lagMessages }) => lagMessages);
      await expect.poll(lags, POLL).toEqual([0, 0]);
      await send(kafka, topic, [
        { key: { id: 1 }, value: envelope("u", { after: { id: 1, name: "d", n: 5 } }) },
        { key: { id: 2 }, value: null, partition: 1 },
      ]);
      await expect
        .poll(() => target.query("SELECT id::int, name, n::int FROM public.orders ORDER BY id"), {
          timeout: 60_000,
        })
        .toEqual([{ id: 1, name: "d", n: 5 }]);
    });
  });
});

describe("messages", () => {
  const rows = (table: string): Promise<unknown> =>
    target.query(`SELECT to_jsonb(t) - '_millrace_key' AS row FROM public.${table} t ORDER BY 1`);

  it("of several tables in one topic bring each of them, wherever it first comes", async () => {
    const topic = await kafka.createTopic("mixed");
    await send(kafka, topic, [
      { key: { id: 1 }, value: envelope("c", { after: { id: 1, a: "x" } }, "mixed_a") },
    ]);
    await running({ topic }, async (pipeline) => {
      await pipeline.caughtUp();
      await send(kafka, topic, [
        { key: { id: 1 }, value: envelope("u", { after: { id: 1, a: "y" } }, "mixed_a") },
        { key: { id: 7 }, value: envelope("c", { after: { id: 7, b: 1.5 } }, "mixed_b") },
        { key: { id: 1 }, value: envelope("u", { after: { id: 1, a: "z" } }, "mixed_a") },
      ]);
      await expect.poll(() => pipeline.status().tables.length, POLL).toBe(2);
      await expect.poll(() => rows("mixed_a"), POLL).toEqual([{ row: { id: 1, a: "z" } }]);
      await expect.poll(() => rows("mixed_b"), POLL).toEqual([{ row: { id: 7, b: 1.5 } }]);
    });
  });

  it("of a partition that begins with columns which the others did not bring widen the table", async () => {
    const topic = await kafka.createTopic("sparse", 2);
    const row = (after: object) => envelope("c", { after }, "sparse");
    await send(kafka, topic, [{ key: { id: 1 }, value: row({ id: 1, n: 1 }) }]);
    await running({ topic }, async (pipeline) => {
      await pipeline.caughtUp();
      await send(kafka, topic, [
        { key: { id: 2 }, value: row({ id: 2, n: 2, more: "x" }), partition: 1 },
        { key: { id: 3 }, value: row({ id: 3, n: 3 }) },
      ]);
      await expect
        .poll(() => rows("sparse"), POLL)
        .toEqual([
          { row: { id: 1, n: 1, more: null } },
          { row: { id: 2, n: 2, more: "x" } },
          { row: { id: 3, n: 3, more: null } },
        ]);
    });
  });

  it("leave what they do not have as the sink has it, and what the sink does not have is a letter", async () => {
    const gone = "__debezium_unavailable_value";
    const name = `k${++count}`;
    const topic = await kafka.createTopic("toasted");
    await send(kafka, topic, [
      { key: { id: 1 }, value: envelope("c", { after: { id: 1, n: 1, big: "long" } }, "toasted") },
      { key: { id: 1 }, value: envelope("u", { after: { id: 1, n: 2, big: gone } }, "toasted") },
      { key: { id: 9 }, value: envelope("u", { after: { id: 9, n: 2, big: gone } }, "toasted") },
    ]);
    await running(
      { topic },
      async (pipeline) => {
        await pipeline.caughtUp();
        expect(await rows("toasted")).toEqual([{ row: { id: 1, n: 2, big: "long" } }]);
        expect(pipeline.status().tables).toMatchObject([{ deadLetters: 1 }]);
        const file = pipelineFromTopics(kafka, target, { name, source: { topic } });
        const [letter] = await readDeadLetters(file);
        expect(letter).toMatchObject({ table: "public.toasted", code: "MR_ROW_INCOMPLETE" });
        await expect(pipeline.resync("public.toasted")).rejects.toMatchObject({
          code: "MR_LOG_ONLY",
        });
      },
      name,
    );
    const file = pipelineFromTopics(kafka, target, { name, source: { topic } });
    const left = () => target.query(`SELECT 1 FROM millrace.state WHERE pipeline = '${name}'`);
    expect(await left()).not.toEqual([]);
    expect(await cleanUp(file, { state: true })).toMatchObject([
      { what: "source", outcome: "kept" },
      { what: "state", outcome: "dropped" },
    ]);
    expect(await left()).toEqual([]);
  });

  it("that are plain are rows, by key or without one", async () => {
    const topic = await kafka.createTopic("plain");
    await send(kafka, topic, [
      { key: { id: 1 }, value: { id: 1, tags: ["a"] } },
      { key: { id: 2 }, value: { id: 2, tags: [] } },
      { key: { id: 1 }, value: { id: 1, tags: ["b"] } },
      { key: { id: 2 }, value: null },
    ]);
    const name = topic.replaceAll("-", "_");
    const keyless = await kafka.createTopic("keyless");
    await send(kafka, keyless, [{ value: { n: 1 } }, { value: { n: 1 } }]);
    const file = { "value.format": "plain-json", topic: `${topic},${keyless}` };
    const made = `k${++count}`;
    const route = (from: string, to: string) => ({
      "source-table": `public.${from}`,
      "sink-table": to,
    });
    const pipeline = await loadPipeline({
      ...pipelineFromTopics(kafka, target, { name: made, source: file }),
      route: [route(topic, `public.${name}`), route(keyless, "public.keyless_rows")],
    });
    await pipeline.start();
    await pipeline.caughtUp();
    expect(await rows(name)).toEqual([{ row: { id: 1, tags: ["b"] } }]);
    expect(await rows("keyless_rows")).toEqual([{ row: { n: 1 } }, { row: { n: 1 } }]);
    await pipeline.stop();
  });

  it("that stand before one that cannot be read are at the sink when their task stops", async () => {
    const topic = await kafka.createTopic("before_bad");
    const good = Array.from({ length: 4_000 }, (_, id) => ({
      key: { id },
      value: envelope("c", { after: { id } }, "before_bad"),
    }));
    await send(kafka, topic, [...good, { key: { id: 9_000 }, value: "{no json" }]);
    const file = pipelineFromTopics(kafka, target, { name: `k${++count}`, source: { topic } });
    const sink = { ...file.sink, "batch-size": 100 };
    const pipeline = await loadPipeline({ ...file, sink });
    await pipeline.start().catch(() => undefined);
    await expect(pipeline.done).rejects.toMatchObject({ code: "MR_MESSAGE_UNREADABLE" });
    expect(await target.query("SELECT count(*)::int AS n FROM public.before_bad")).toEqual([
      { n: 4_000 },
    ]);
    await pipeline.stop();
  });

  it("that cannot be read stop their task, or are skipped and counted", async () => {
    const topic = await kafka.createTopic("bad");
    await send(kafka, topic, [
      { key: { id: 1 }, value: envelope("c", { after: { id: 1 } }, "bad") },
      { key: { id: 2 }, value: "{no json" },
      { key: { id: 3 }, value: envelope("c", { after: { id: 3 } }, "bad") },
    ]);
    const name = `k${++count}`;
    const strict = await loadPipeline(
      pipelineFromTopics(kafka, target, { name, source: { topic } }),
    );
    await strict.start().catch(() => undefined);
    await expect(strict.done).rejects.toMatchObject({ code: "MR_MESSAGE_UNREADABLE" });
    expect(await rows("bad")).toEqual([{ row: { id: 1 } }]);
    await strict.stop();
    const lenient = { topic, "ignore-parse-errors": "true" };
    await running(
      lenient,
      async (pipeline) => {
        await pipeline.caughtUp();
        expect(await rows("bad")).toEqual([{ row: { id: 1 } }, { row: { id: 3 } }]);
        const [wait] = pipeline.status().waits;
        expect(wait).toMatchObject({ reason: "messages-skipped" });
      },
      name,
    );
  });

  it("that were trimmed before they were read are a loss, and the policy decides", async () => {
    const topic = await kafka.createTopic("trimmed");
    const row = (id: number) => ({
      key: { id },
      value: envelope("c", { after: { id } }, "trimmed"),
    });
    await send(kafka, topic, [row(1)]);
    const name = `k${++count}`;
    await running({ topic }, (pipeline) => pipeline.caughtUp(), name);
    await send(kafka, topic, [row(2), row(3)]);
    await kafka.admin.deleteRecords({
      topics: [{ name: topic, partitions: [{ partition: 0, offset: 2n }] }],
    });
    const failing = await loadPipeline(
      pipelineFromTopics(kafka, target, { name, source: { topic } }),
    );
    await failing.start().catch(() => undefined);
    await expect(failing.done).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
    await failing.stop();
    const going = { topic, "on-loss": "resync" };
    await running(going, (pipeline) => pipeline.caughtUp(), name);
    expect(await rows("trimmed")).toEqual([{ row: { id: 1 } }, { row: { id: 3 } }]);
  });
});

describe("who looks before a start", () => {
  it("finds the tables of the topics, and says which topic is not there", async () => {
    const topic = await kafka.createTopic("planned", 2);
    const row = { key: { id: 1 }, value: envelope("c", { after: { id: 1 } }, "planned") };
    await send(kafka, topic, [{ ...row, partition: 1 }]);
    const file = (name: string) =>
      pipelineFromTopics(kafka, target, { name: "looks", source: { topic: name } });
    const plan = await planPipeline(file(topic));
    expect(plan.tables).toMatchObject([
      { table: "public.planned", targets: [{ table: "public.planned", exists: false }] },
    ]);
    expect(plan.findings.filter(({ severity }) => severity === "error")).toEqual([]);
    const [finding] = await checkPipeline(file(`${topic}-no`));
    expect(finding).toMatchObject({ about: "source", severity: "error" });
    expect(finding?.what).toContain(`${topic}-no`);
    const pipeline = await loadPipeline(file(`${topic}-no`));
    await expect(pipeline.start()).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
  });
});

describe("a first start", () => {
  it("tells what looks like base64 without schema, and tables of one target, as who looks before hears it", async () => {
    const topic = await kafka.createTopic("warned");
    const of = (table: string, price: string) => ({
      key: { id: 1 },
      value: envelope("c", { after: { id: 1, price } }, table),
    });
    await send(kafka, topic, [of("warned_a", "AfQ="), of("warned_b", "plain")]);
    const route = [
      { "source-table": String.raw`public.warned_\.*`, "sink-table": "public.warned" },
    ];
    const file = {
      ...pipelineFromTopics(kafka, target, { name: "warned", source: { topic } }),
      route,
    };
    const warnings = (await planPipeline(file)).findings
      .filter(({ severity }) => severity === "warning")
      .map(({ what }) => what);
    expect(warnings).toEqual([
      "Messages of public.warned_a have no schema, and price is base64 in them, as Debezium writes decimals and bytes.",
      "public.warned_a and public.warned_b go to one target, public.warned.",
    ]);
    const pipeline = await loadPipeline(file);
    const told: string[] = [];
    const heard = (async () => {
      for await (const event of pipeline.events())
        if (event.type === "notice") told.push(event.message);
    })();
    await pipeline.start();
    await pipeline.caughtUp();
    await pipeline.stop();
    await heard;
    for (const what of warnings)
      expect(told.filter((message) => message.startsWith(what))).toHaveLength(1);
  });
});

describe("PostgreSQL through our own topics", () => {
  it("comes to equal tables", async () => {
    await using source = await sharedPostgres();
    await source.query(
      "CREATE TABLE through (id bigint PRIMARY KEY, t text, n numeric(12,3), d date, ts timestamptz, b bytea, j jsonb, u uuid, f float8, a int[])",
    );
    await source.query(
      "INSERT INTO through SELECT i, repeat('x', i), i / 7.0, '2020-01-01'::date + i, now() + i * interval '1 h', decode(md5(i::text), 'hex'), jsonb_build_object('i', i), md5(i::text)::uuid, i / 3.0::float8, ARRAY[i, NULL] FROM generate_series(1, 100) i",
    );
    const out = await loadPipeline({
      source: {
        type: "postgres",
        hostname: source.host,
        port: source.port,
        username: source.user,
        password: source.password,
        tables: `${source.database}.public.through`,
      },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": kafka.bootstrap,
        "topic.pattern": `${kafka.prefix}{schema}.{table}`,
        "topic.partitions": "3",
        "debezium-json.include-schema.enabled": "true",
      },
      pipeline: { name: `${kafka.prefix}out` },
    });
    await out.start();
    await out.caughtUp();
    await source.query("UPDATE through SET t = 'changed', n = NULL WHERE id % 5 = 0");
    await source.query("DELETE FROM through WHERE id % 7 = 0");
    await source.query("UPDATE through SET id = id + 1000 WHERE id % 11 = 0");
    await out.caughtUp();
    await running({ topic: `${kafka.prefix}public.through` }, async (pipeline) => {
      await pipeline.caughtUp();
      const all = "SELECT id, t, n, d, ts, b, j, u, f, a::text AS a FROM through ORDER BY id";
      expect(await target.query(all)).toEqual(await source.query(all));
    });
    await out.stop();
  });
});

describe("two processes of one pipeline", () => {
  it("share the partitions, and one takes over what the other leaves", async () => {
    const topic = await kafka.createTopic("shared", 4);
    const rows = Array.from({ length: 40 }, (_, id) => ({
      key: { id },
      value: envelope("c", { after: { id, n: 1 } }, "shared"),
      partition: id % 4,
    }));
    await send(kafka, topic, rows);
    const file = {
      topic,
      "properties.heartbeat.interval.ms": "200ms",
      "properties.session.timeout.ms": "6s",
    };
    const channels = (pipeline: Pipeline): number => pipeline.status().channels.length;
    await running(
      file,
      async (first) => {
        await expect.poll(() => channels(first), { timeout: 60_000 }).toBe(4);
        await running(
          file,
          async (second) => {
            await expect.poll(() => channels(first), { timeout: 60_000 }).toBe(2);
            await expect.poll(() => channels(second), { timeout: 60_000 }).toBe(2);
            await send(
              kafka,
              topic,
              rows.map(({ key, partition }) => ({
                key,
                partition,
                value: envelope("u", { after: { ...key, n: 2 } }, "shared"),
              })),
            );
            const twos = () => target.query("SELECT count(*)::int AS n FROM shared WHERE n = 2");
            await expect.poll(twos, { timeout: 60_000 }).toEqual([{ n: 40 }]);
            expect(second.status().state).toBe("running");
          },
          "shares",
        );
        await expect.poll(() => channels(first), { timeout: 60_000 }).toBe(4);
        await first.caughtUp();
        expect(first.status().state).toBe("running");
      },
      "shares",
    );
  });
});
