/** PostgreSQL into Kafka: every change exactly once, in the order of its key, whoever is killed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { adminOf, type KafkaCluster, startKafka } from "../support/kafka.ts";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { consumedMessages } from "./console-consumer.ts";
import { CountingWriter } from "./counting-writer.ts";
import { callToEnd } from "./millrace-call.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { wrongCounts } from "./topic-counts.ts";

/** A broker that was killed is let in again after seconds, and each kill is one more start. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";

let kafka: KafkaCluster;
let source: SharedPostgres;
let folder: string;
beforeAll(async () => {
  [kafka, source] = await Promise.all([startKafka(), sharedPostgres()]);
  folder = await mkdtemp(join(tmpdir(), "millrace-kafka-"));
});
afterAll(async () => {
  await kafka.stop();
  await source.release();
  await rm(folder, { recursive: true });
});

interface Envelope {
  readonly op: string;
  readonly before: { readonly id: number } | null;
  readonly after: { readonly id: number; readonly n: number } | null;
  readonly source: { readonly connector: string; readonly name: string };
}

async function expectEachOnce(table: string): Promise<void> {
  expect(await wrongCounts(source, table, kafka.bootstrap)).toEqual([]);
}

async function pipelineFile(table: string, sink: Record<string, string> = {}): Promise<string> {
  await source.query(
    `CREATE TABLE ${table} (id int PRIMARY KEY, n int NOT NULL, pad text); INSERT INTO ${table} SELECT i, 0, repeat('x', 100) FROM generate_series(1, 300) i`,
  );
  return writeFileOf(table, sink);
}

function writeFileOf(table: string, sink: Record<string, string>): Promise<string> {
  return writePipelineFile({
    path: join(folder, `${table}.yaml`),
    name: `${table}-${source.database}`,
    sourceUrl: source.url,
    tables: `public.${table}`,
    source: {
      "slot.name": `${table}_${source.database}`,
      "publication.name": `${table}_${source.database}`,
    },
    sink: {
      type: "kafka",
      "properties.bootstrap.servers": kafka.bootstrap,
      "topic.partitions": "3",
      ...sink,
    },
  });
}

it("tells every change once and in order, also when the process dies before and after the end of a transaction", async () => {
  const file = await pipelineFile("killed");
  const args = ["run", file, "--json", "--listen", "off"];
  const often = isFull ? ["kafka.sent=kill@3", "kafka.committed=kill@2"] : [];
  for (const failpoint of ["kafka.sent=kill@6", "kafka.committed=kill@5", ...often]) {
    const run = new MillraceProcess(args, failpoint);
    const writer = new CountingWriter(source, "killed", 300);
    expect((await run.wait()).signal).toBe("SIGKILL");
    await writer.stop();
  }
  await callToEnd([...args, "--until-caught-up"]);
  await expectEachOnce("killed");
  const messages = await consumedMessages(kafka.bootstrap, "public.killed");
  const told = messages.map(({ value }) => JSON.parse(value ?? "{}") as Partial<Envelope>);
  expect(told.find(({ op }) => op === "u")?.source).toMatchObject({
    connector: "postgresql",
    name: `killed-${source.database}`,
  });
});

it("tells every change at least once, and the last one last, where the process dies with rows in a topic and their positions in none", async () => {
  // Small transactions: many of them stand between the kills.
  const guarantee = "at-least-once";
  const sink = { "sink.delivery-guarantee": guarantee, "batch-size": "20" };
  const file = await pipelineFile("again", sink);
  const args = ["run", file, "--json", "--listen", "off"];
  for (const failpoint of [
    "kafka.data-sent=kill@6",
    "kafka.committed=kill@5",
    "kafka.data-sent=kill@40",
  ]) {
    const run = new MillraceProcess(args, failpoint);
    const writer = new CountingWriter(source, "again", 300);
    expect((await run.wait()).signal).toBe("SIGKILL");
    await writer.stop();
  }
  // Where the machine is busy the backlog is many of them.
  await writeFileOf("again", { "sink.delivery-guarantee": guarantee });
  await callToEnd([...args, "--until-caught-up"]);
  expect(await wrongCounts(source, "again", kafka.bootstrap, { guarantee })).toEqual([]);
  const messages = await consumedMessages(kafka.bootstrap, "public.again");
  const changes = messages.flatMap(({ value }) => {
    const { op, after = null } = JSON.parse(value ?? "{}") as Partial<Envelope>;
    return op === "r" || after === null ? [] : [`${after.id}/${after.n}`];
  });
  // What was sent before its positions were is told once more.
  expect(changes.length).toBeGreaterThan(new Set(changes).size);
});

it("tells every change once and in order where the process dies with the next transaction's messages ready", async () => {
  // Small transactions: there is always a whole one behind the one under way.
  const file = await pipelineFile("ready", { "batch-size": "10" });
  const args = ["run", file, "--json", "--listen", "off"];
  // While it loads, in its log, and once more behind a takeover.
  for (const nth of [3, 20, 2]) {
    const writer = new CountingWriter(source, "ready", 300);
    await writer.wrote(60);
    await writer.stop();
    const run = new MillraceProcess(args, `kafka.ready=kill@${nth}`);
    expect((await run.wait()).signal).toBe("SIGKILL");
  }
  await callToEnd([...args, "--until-caught-up"]);
  await expectEachOnce("ready");
});

it("tells each row of a load once where the process dies in it, its rows durable and its chunks' ends not", async () => {
  // A chunk is many batches, and a batch of the lane ends within one of the source's.
  const file = await pipelineFile("loaded", { "batch-size": "70" });
  const args = ["run", file, "--json", "--listen", "off"];
  for (const failpoint of [
    "kafka.committed=kill@3",
    "chunk.rows-durable=kill@1",
    "chunk.finished=kill@1",
  ]) {
    const run = new MillraceProcess(args, failpoint);
    expect((await run.wait()).signal).toBe("SIGKILL");
  }
  // What is left of the load may be nothing, where its rows were quicker than their chunks' ends.
  const writer = new CountingWriter(source, "loaded", 300);
  await writer.wrote(20);
  await writer.stop();
  const last = new MillraceProcess(args, "lane.after-commit=kill@1");
  expect((await last.wait()).signal).toBe("SIGKILL");
  await callToEnd([...args, "--until-caught-up"]);
  await expectEachOnce("loaded");
});

/** Impatient, so that what a minute brings happens in it many times. */
const IMPATIENT = { "sink.delivery-timeout": "4s", "request-timeout": "3s" };
const MINUTE_MS = 60_000;

/** A pipeline under a writer while something is done to its brokers; in the end everything has to be there once. */
async function expectOnceThrough(
  cluster: KafkaCluster,
  table: string,
  trouble: (run: MillraceProcess) => Promise<void>,
  sink: Record<string, string> = {},
): Promise<void> {
  const own = { ...IMPATIENT, "properties.bootstrap.servers": cluster.bootstrap, ...sink };
  const file = await pipelineFile(table, own);
  const args = ["run", file, "--json", "--listen", "off"];
  const run = new MillraceProcess(args);
  try {
    await run.waitForSync(1);
    const writer = new CountingWriter(source, table, 300);
    await writer.wrote(20);
    await trouble(run);
    await writer.wrote(20);
    await writer.stop();
    await run.stop();
  } finally {
    // One that is over already is not touched.
    run.kill();
  }
  await callToEnd([...args, "--until-caught-up"]);
  expect(await wrongCounts(source, table, cluster.bootstrap)).toEqual([]);
}

/** The run says that it goes on trying, and why. */
async function says(run: MillraceProcess, why: RegExp): Promise<void> {
  await expect
    .poll(() => run.output.some((line) => why.test(line)), { timeout: 60_000 })
    .toBe(true);
  expect(run.isRunning).toBe(true);
}

if (isFull) {
  it("goes on by itself when all brokers were gone for a minute", async () => {
    await expectOnceThrough(kafka, "outage", async (run) => {
      await kafka.kill();
      await says(run, /MR_SINK_LOST_CONNECTION/);
      await new Promise((resolve) => setTimeout(resolve, MINUTE_MS));
      await kafka.start();
    });
  }, 300_000);

  it("waits while a topic has too few replicas in sync", async () => {
    await using two = await startKafka({ brokers: 2 });
    const want = { "topic.replication-factor": "2", "topic.configs": "min.insync.replicas:2" };
    await expectOnceThrough(
      two,
      "replicas",
      async (run) => {
        await two.kill(2);
        // A run that begins meanwhile is not told where its state ends, and the last transaction may not end either.
        await says(run, /NOT_ENOUGH_REPLICAS|OFFSET_NOT_AVAILABLE|CONCURRENT_TRANSACTIONS/);
        await two.start(2);
      },
      want,
    );
  }, 300_000);

  it("goes on when the brokers' disk was full and has room again", async () => {
    const disk = new SmallDisk("96m", "data");
    const full = await startKafka({ disk });
    try {
      await expectOnceThrough(full, "full_disk", async (run) => {
        await disk.fill();
        await says(run, /MR_SINK_LOST_CONNECTION/);
        // A broker that has lost its only disk ends itself: whoever makes room starts it again.
        await disk.free();
        await full.kill();
        await full.start();
      });
    } finally {
      await full.stop();
      disk.release();
    }
  }, 300_000);
}

it("says a delete and its tombstone, and leaves nothing of the pipeline's state behind after a clean-up", async () => {
  const file = await pipelineFile("cleaned");
  const args = ["run", file, "--json", "--listen", "off", "--until-caught-up"];
  await callToEnd(args);
  await source.query("DELETE FROM cleaned WHERE id = 7");
  await callToEnd(args);
  const messages = await consumedMessages(kafka.bootstrap, "public.cleaned");
  const loaded = messages.map(({ value }) => JSON.parse(value ?? "{}") as Partial<Envelope>);
  const ids = loaded.filter(({ op }) => op === "r").map(({ after }) => after?.id ?? 0);
  expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
  const last = messages.filter(({ key }) => key === '{"id":7}').slice(-2);
  expect((JSON.parse(last[0]?.value ?? "null") as Envelope).op).toBe("d");
  expect(last[1]?.value).toBeNull();
  await callToEnd(["cleanup", file, "--state"]);
  const state = `millrace-cleaned-${source.database}-state`;
  const kept = new Map<string | null, string | null>();
  for (const { key, value } of await consumedMessages(kafka.bootstrap, state)) kept.set(key, value);
  expect([...kept.values()].filter((value) => value !== null)).toEqual([]);
  const admin = adminOf(kafka.bootstrap);
  const configs = await admin.listTopics();
  await admin.close();
  expect(configs).toContain(state);
});
