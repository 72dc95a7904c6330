/** Tables into topics that keep the last message of each key, and take none without one. */
import { readFileSync } from "node:fs";
import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from "@platformatic/kafka";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkPipeline } from "./check-pipeline.ts";
import { recordsIn } from "./kafka/cluster.fixture.ts";
import { silentLogger } from "./model/ports.ts";
import { tablesIntoTopics } from "./tables-into-topics.fixture.ts";

const { SET } = IncrementalAlterConfigOperationTypes;
const EXAMPLE = new URL("../../../examples/postgres-to-kafka.yaml", import.meta.url);

const { kafka, between, cluster, release } = await tablesIntoTopics();
afterEach(() => between.stop());
afterAll(release);

/** A table into topics as the shipped example makes them, but for these settings. */
function fileOf(name: string, settings: Readonly<Record<string, unknown>> = {}): object {
  const { sink } = parse(readFileSync(EXAMPLE, "utf8")) as { sink: Record<string, unknown> };
  expect(sink["topic.configs"]).toBe("cleanup.policy:compact");
  return between.file({
    tables: `public.${name}`,
    source: { "publication.name": name, "slot.name": `${between.source.database}_${name}` },
    pipeline: { name: `${kafka.prefix}${name}` },
    more: {
      sink: {
        ...sink,
        "properties.bootstrap.servers": kafka.bootstrap,
        "topic.pattern": `${kafka.prefix}{schema}.{table}`,
        ...settings,
      },
    },
  });
}

/** What the messages of a topic say in short, by partition: the key's id and the operation. */
async function told(topic: string): Promise<readonly string[]> {
  const partitions = (await cluster.topics([topic])).get(topic)?.leaders.length ?? 0;
  const all = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => recordsIn(cluster, topic, partition)),
  );
  return all.flat().map(([key, value]) => {
    const { id } = JSON.parse(key ?? "{}") as { id?: number };
    const { op } = JSON.parse(value ?? "{}") as { op?: string };
    return `${id ?? "no key"} ${op ?? "no value"}`;
  });
}

async function compact(topic: string): Promise<void> {
  const configs = [{ name: "cleanup.policy", value: "compact", configOperation: SET }];
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs };
  await kafka.admin.incrementalAlterConfigs({ resources: [resource], validateOnly: false });
}

/** Rows, a TRUNCATE, a row, a TRUNCATE; gives what the operator was told. */
async function follow(name: string, file: object): Promise<readonly string[]> {
  await between.source.query(`CREATE TABLE ${name} (id int PRIMARY KEY);
    INSERT INTO ${name} VALUES (1), (2)`);
  const notices: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => notices.push(message) };
  const pipeline = await between.run(file, { log });
  await pipeline.caughtUp();
  await between.follow(pipeline, `TRUNCATE ${name}`);
  await between.follow(pipeline, `INSERT INTO ${name} VALUES (3)`);
  await between.follow(pipeline, `TRUNCATE ${name}`);
  await between.follow(pipeline, `INSERT INTO ${name} VALUES (4); DELETE FROM ${name}`);
  expect(pipeline.status().tables.map(({ state }) => state)).toEqual(["SYNC"]);
  return notices.filter((notice) => notice.includes("TRUNCATE"));
}

const ROWS = ["1 r", "2 r", "3 c", "4 c", "4 d", "4 no value"];

describe("a topic that is compacted", () => {
  it("is told the rows of the shipped example, and no TRUNCATE, which the operator hears of once", async () => {
    const notices = await follow("made", fileOf("made"));
    expect((await told(`${kafka.prefix}public.made`)).toSorted()).toEqual(ROWS);
    expect(notices).toEqual([
      expect.stringMatching(/public\.made is compacted and is not told .*public\.made was emptied/),
    ]);
  });

  it("is seen as such where it was there before, whatever the file says", async () => {
    const topic = await kafka.createTopic("public.there", 2, {
      "cleanup.policy": "compact,delete",
    });
    const notices = await follow("there", fileOf("there", { "topic.configs": undefined }));
    expect((await told(topic)).toSorted()).toEqual(ROWS);
    expect(notices).toHaveLength(1);
  });

  it("is no matter to a topic that is not, whatever the file would make", async () => {
    const topic = await kafka.createTopic("public.plain", 1);
    const notices = await follow("plain", fileOf("plain"));
    const all = await told(topic);
    expect(all.filter((one) => !one.startsWith("no key")).toSorted()).toEqual(ROWS);
    expect(all.filter((one) => one === "no key t")).toHaveLength(2);
    expect(all).toContain("no key no value");
    expect(notices).toEqual([]);
  });

  it("stops a pipeline that it was not compacted for, which goes on when it is started again", async () => {
    const topic = await kafka.createTopic("public.later", 1);
    const file = fileOf("later", { "topic.configs": undefined });
    await between.source.query("CREATE TABLE later (id int PRIMARY KEY)");
    const pipeline = await between.run(file);
    await pipeline.caughtUp();
    await compact(topic);
    await between.source.query("INSERT INTO later VALUES (1)");
    // The broker refuses such messages a moment after it was told to.
    const refusal = async (): Promise<unknown> => {
      await between.source.query("TRUNCATE later");
      return pipeline.caughtUp().then(
        () => null,
        (error: unknown) => error,
      );
    };
    await expect.poll(refusal, { timeout: 60_000 }).toMatchObject({
      code: "MR_SINK_ROW_REFUSED",
      remedy: expect.stringMatching(/dead letter where there is one.* start the pipeline again/),
    });
    await between.stop();
    const again = await between.run(file);
    await again.caughtUp();
    await between.follow(again, "INSERT INTO later VALUES (2)");
    expect((await told(topic)).filter((one) => !one.startsWith("no key"))).toEqual(["1 c", "2 c"]);
  });

  it.each(["made_keyless", "there_keyless"])(
    "does not take a table without key, which is said before anything is read: %s",
    async (name) => {
      const topic = `${kafka.prefix}public.${name}`;
      const isThere = name.startsWith("there");
      if (isThere) await kafka.createTopic(`public.${name}`, 1, { "cleanup.policy": "compact" });
      await between.source.query(`CREATE TABLE ${name} (v int);
        ALTER TABLE ${name} REPLICA IDENTITY FULL; INSERT INTO ${name} VALUES (1)`);
      const file = fileOf(name, isThere ? { "topic.configs": undefined } : {});
      const said = (await checkPipeline(file)).filter(({ severity }) => severity === "error");
      expect(said).toMatchObject([
        {
          about: "sink",
          code: "MR_SINK_SCHEMA",
          what: expect.stringMatching(/public\.\w+_keyless has no key, and topic .* is compacted/),
          remedy: expect.stringMatching(/sink\.tableId-to-topic\.mapping/),
        },
      ]);
      const pipeline = await between.run(file).catch((error: unknown) => error);
      expect(pipeline).toMatchObject({ code: "MR_SINK_SCHEMA", remedy: said[0]?.remedy });
      expect(await told(topic)).toEqual([]);
      const found = (await cluster.topics([topic])).get(topic) ?? null;
      expect(found !== null).toBe(isThere);
    },
  );
});
