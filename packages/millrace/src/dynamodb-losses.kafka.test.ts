import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { makeTable, start, type Started } from "../../dynamodb-local/src/testing/clients.ts";
import type { Cluster } from "./kafka/cluster.ts";
import { clusterAt, recordsIn } from "./kafka/cluster.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";
import type { Pipeline, PipelineEvent } from "./pipeline-handle.ts";
import { tableOf } from "./tables-between.fixture.ts";

/*
 * Days of a pipeline into a topic, in the service's time. A topic keeps what is gone at the source until somebody deletes it: its readers
 * tell ghosts by their generation, once the newer one is whole.
 */

const HOUR_MS = 3_600_000;
const POLL = { timeout: 120_000, interval: 200 };
const TIMEOUT_MS = 600_000;

let kafka: SharedKafka;
let cluster: Cluster;
let started: Started;
let running: Pipeline | null = null;
beforeAll(async () => {
  [kafka, started] = await Promise.all([sharedKafka(), start()]);
  cluster = clusterAt(kafka.bootstrap);
});
afterEach(() => stop());
afterAll(async () => {
  await cluster.close();
  await Promise.all([kafka.release(), started[Symbol.asyncDispose]()]);
});

async function stop(): Promise<void> {
  await running?.stop();
  running = null;
}

const put = (TableName: string, id: string, n: number) =>
  started.dynamodb.putItem({ TableName, Item: { id: { S: id }, n: { N: String(n) } } });

const remove = (TableName: string, id: string) =>
  started.dynamodb.deleteItem({ TableName, Key: { id: { S: id } } });

const pass = (hours: number): void => started.local.control.shiftClock(hours * HOUR_MS);

async function run(
  table: string,
  events: PipelineEvent[] = [],
  options: Readonly<Record<string, string>> = {},
): Promise<Pipeline> {
  const file = pipelineFileOf({
    source: {
      type: "dynamodb",
      endpoint: started.local.url,
      "aws.access.key.id": "test",
      "aws.secret.key": "test",
      "dynamodb.table.whitelist": table,
      "init.sync.delay.period": 0,
      "stream.idle.poll.interval": "200ms",
      ...options,
    },
    sink: {
      type: "kafka",
      "properties.bootstrap.servers": kafka.bootstrap,
      "value.format": "dynamodb-envelope",
      "kafka.topic.prefix": kafka.prefix,
      "topic.partitions": 1,
    },
    pipeline: { name: `${kafka.prefix}${table}`, parallelism: 1 },
  });
  const pipeline = await loadPipeline(file);
  running = pipeline;
  void listen(pipeline, events);
  await pipeline.start();
  return pipeline;
}

async function listen(pipeline: Pipeline, events: PipelineEvent[]): Promise<void> {
  for await (const event of pipeline.events()) events.push(event);
}

/** A message of the topic: a change, a tombstone, or the end of a generation. */
type Told =
  | {
      readonly op: "r" | "c" | "u" | "d";
      readonly id: string;
      readonly n: string;
      readonly generation: number;
    }
  | { readonly op: "tombstone"; readonly id: string }
  | { readonly op: "generation-end" };

interface Envelope {
  readonly op: "r" | "c" | "u" | "d";
  readonly document: string;
  readonly source: { readonly init_sync_start: number };
}

async function toldOf(table: string): Promise<readonly Told[]> {
  const records = await recordsIn(cluster, `${kafka.prefix}${table}`);
  return records.map(([key, value]): Told => {
    if (key === null) return { op: "generation-end" };
    const { id } = JSON.parse(key) as { readonly id: string };
    if (value === null) return { op: "tombstone", id };
    const { op, document, source } = JSON.parse(value) as Envelope;
    const { n } = JSON.parse(document) as { readonly n?: { readonly n: string } };
    return { op, id, n: n?.n ?? "", generation: source.init_sync_start };
  });
}

const shortOf = (told: readonly Told[]): string[] =>
  told.map((one) =>
    "n" in one ? `${one.op} ${one.id} ${one.n}`.trim() : "id" in one ? `- ${one.id}` : "end",
  );

/** What a reader has in the end who lets go of rows that the newest whole generation did not tell. */
function foldOf(told: readonly Told[]): {
  readonly rows: object;
  readonly ghosts: readonly string[];
} {
  const rows = new Map<string, { readonly n: string; readonly generation: number }>();
  for (const one of told) {
    if (one.op === "tombstone" || one.op === "d") rows.delete(one.id);
    else if (one.op !== "generation-end") rows.set(one.id, one);
  }
  const newest = Math.max(...[...rows.values()].map(({ generation }) => generation));
  const entries = [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    rows: Object.fromEntries(
      entries.flatMap(([id, { n, generation }]) => (generation === newest ? [[id, n]] : [])),
    ),
    ghosts: entries.flatMap(([id, { generation }]) => (generation === newest ? [] : [id])),
  };
}

async function itemsOf(TableName: string): Promise<object> {
  const { Items = [] } = await started.dynamodb.scan({ TableName, ConsistentRead: true });
  const items = Items.map(({ id, n }): [string, string] => [id?.S ?? "", n?.N ?? ""]);
  return Object.fromEntries(items.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** A table that was loaded and followed, whose pipeline then rests. */
async function followed(table: string): Promise<void> {
  await makeTable(started.dynamodb, table);
  for (const id of ["changed", "deleted", "kept"]) await put(table, id, 1);
  await (await run(table)).caughtUp();
  await put(table, "followed", 1);
  await expect.poll(async () => shortOf(await toldOf(table)), POLL).toContain("c followed 1");
  await stop();
}

describe("a topic", { timeout: TIMEOUT_MS }, () => {
  it("whose pipeline was down for 30 hours is told all rows anew, and which of the old ones are gone", async () => {
    await followed("resynced");
    pass(1);
    await remove("resynced", "deleted");
    await put("resynced", "changed", 2);
    pass(27);
    await put("resynced", "young", 1);
    pass(2);
    const before = await toldOf("resynced");
    const events: PipelineEvent[] = [];
    const pipeline = await run("resynced", events);
    const since = async () => shortOf((await toldOf("resynced")).slice(before.length));
    await expect.poll(since, POLL).toContain("end");
    const notices = events.flatMap((event) => (event.type === "notice" ? [event.message] : []));
    expect(notices.join("\n")).toMatch(/resynced was not read for 30 hours.* loaded again/);
    const scanned = (await since()).filter((one) => one.startsWith("r "));
    expect(scanned.toSorted()).toEqual(["r changed 2", "r followed 1", "r kept 1", "r young 1"]);
    await put("resynced", "after", 1);
    await remove("resynced", "kept");
    await expect.poll(since, POLL).toContain("- kept");
    const told = await toldOf("resynced");
    expect(foldOf(told)).toEqual({ rows: await itemsOf("resynced"), ghosts: ["deleted"] });
    const changes = shortOf(told).filter((one) => /^[cud] /.test(one));
    expect(changes).toHaveLength(new Set(changes).size);
    expect(tableOf(pipeline, "public.resynced")).toMatchObject({ state: "SYNC", rowsLoaded: 4 });
  });

  it("whose pipeline was down for 19 hours is told each change once and nothing else", async () => {
    await followed("rested");
    const before = await toldOf("rested");
    pass(1);
    await remove("rested", "deleted");
    started.local.control.split({ table: "rested" });
    await put("rested", "changed", 2);
    pass(17);
    await put("rested", "changed", 3);
    pass(1);
    await run("rested");
    const since = async () => shortOf((await toldOf("rested")).slice(before.length));
    await expect.poll(since, POLL).toContain("u changed 3");
    expect((await since()).toSorted()).toEqual([
      "- deleted",
      "d deleted",
      "u changed 2",
      "u changed 3",
    ]);
    expect(foldOf(await toldOf("rested"))).toEqual({ rows: await itemsOf("rested"), ghosts: [] });
  });

  it("that began with what was new is told all rows after a loss, and every delete that the stream has still", async () => {
    const latest = { "scan.startup.mode": "latest-offset" };
    await makeTable(started.dynamodb, "latest");
    await (await run("latest", [], latest)).caughtUp();
    for (const id of ["deleted", "kept"]) await put("latest", id, 1);
    await expect.poll(async () => shortOf(await toldOf("latest")), POLL).toContain("c kept 1");
    await stop();
    pass(29);
    await remove("latest", "deleted");
    pass(1);
    await run("latest", [], latest);
    await expect.poll(async () => shortOf(await toldOf("latest")), POLL).toContain("- deleted");
    await put("latest", "after", 1);
    await expect.poll(async () => shortOf(await toldOf("latest")), POLL).toContain("c after 1");
    const told = await toldOf("latest");
    expect(shortOf(told)).toContain("end");
    expect(foldOf(told)).toEqual({ rows: await itemsOf("latest"), ghosts: [] });
  });
});
