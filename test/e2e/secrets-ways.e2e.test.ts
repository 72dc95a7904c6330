/**
 * Values of rows are in no output of the other ways either: into Kafka and into files, from MySQL, MariaDB, DynamoDB and Kafka. Marked
 * values are sent through what a source cannot read and a sink refuses, and everything that is said, and what is kept as state,
 * is searched for them (`MILLRACE_SECRETS=all`: MariaDB too). A way says which codes it is to meet: one that is not met any more has asked nothing.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Producer, stringSerializers } from "@platformatic/kafka";
import { afterEach, describe, expect, it } from "vitest";
import {
  type AttributeValue,
  startAsItIs,
} from "../../packages/dynamodb-local/src/testing/clients.ts";
import { sharedKafka } from "../support/kafka.ts";
import { type MysqlFlavor, mysqlFlavors } from "../support/mysql.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { kafkaPipeline } from "./kafka-pipeline.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { DATE, expectNoValues, MARK, NUMBER, saidWhile, UUID } from "./said.ts";
import { openSession, textRows } from "./sql-session.ts";
import { makeSource } from "./sources.ts";
import { makeTarget, type Target } from "./targets.ts";

const TIMEOUT_MS = 240_000;
const flavors: readonly MysqlFlavor[] =
  process.env["MILLRACE_SECRETS"] === "all" ? mysqlFlavors : ["mysql"];
const MET_MS = 120_000;
/** So many times 32 characters that no compression makes shorter. */
const noise = (times: number): string =>
  `(SELECT string_agg(md5(g::text), '') FROM generate_series(1, ${times}) g)`;

/** What is let go of when the test is over, the last one first. */
const held: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const letGo of held.splice(0).toReversed()) await letGo();
});

async function folderFor(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `millrace-${name}-`));
  held.push(() => rm(folder, { recursive: true }));
  return folder;
}

/** Runs it, has it meet each of the codes, and searches what it said. */
async function searched(
  way: { readonly file: string; readonly pipeline: string; readonly codes: readonly string[] },
  work: (run: MillraceProcess, replayAll: () => Promise<void>) => Promise<void>,
): Promise<string> {
  const { file, pipeline, codes } = way;
  const args = ["run", file, "--json", "--listen", "off"];
  const said = await saidWhile({ args, pipeline, format: "json" }, async (run, replayAll) => {
    await work(run, replayAll);
    const met = () => codes.filter((code) => run.output.join("\n").includes(code));
    await expect.poll(met, { timeout: MET_MS }).toEqual(codes);
  });
  // Not where it ended before anything was done.
  expect(codes.filter((code) => !said.includes(code))).toEqual([]);
  expectNoValues(pipeline, said);
  return said;
}

/** All that a command says, however it ends. */
async function saidBy(...args: readonly string[]): Promise<string> {
  const run = new MillraceProcess(args);
  await run.wait();
  return run.output.join("\n");
}

/** Every row of every state table at a target. */
async function stateOf({ url }: Target): Promise<string> {
  const session = await openSession(url);
  try {
    const tables = await textRows(
      session,
      "SELECT table_name FROM information_schema.tables WHERE table_schema = 'millrace'",
    );
    const texts: string[] = [];
    for (const [table] of tables)
      texts.push(
        JSON.stringify(await textRows(session, `SELECT s::text FROM millrace."${table}" s`)),
      );
    return texts.join("\n");
  } finally {
    await session.end();
  }
}

/** How many dead letters a target has. */
async function lettersAt({ url }: Target): Promise<number> {
  const session = await openSession(url);
  try {
    const [[count] = []] = await textRows(session, "SELECT count(*) FROM millrace.dead_letter");
    return Number(count);
  } finally {
    await session.end();
  }
}

async function atTarget({ url }: Target, sql: string): Promise<void> {
  const session = await openSession(url);
  try {
    await session.query(sql);
  } finally {
    await session.end();
  }
}

async function postgresTarget(): Promise<Target> {
  const target = await makeTarget("postgres");
  held.push(() => target.release());
  return target;
}

describe("what is said while rows are refused", () => {
  it("by Kafka holds no value of them", { timeout: TIMEOUT_MS }, async () => {
    const between = await kafkaPipeline(
      "CREATE TABLE bad (k text PRIMARY KEY, v text, w text, u uuid, d date, n bigint)",
    );
    held.push(async () => between[Symbol.asyncDispose]());
    const { file, name, prefix } = between;
    const letters = `${prefix}letters`;
    await between.write({
      sink: { "properties.max.request.size": "20kb", "dead-letters.topic": letters },
    });
    const codes = ["MR_VALUE_TOO_LARGE", "MR_SINK_ROW_REFUSED"];
    await searched({ file, pipeline: name, codes }, async (run) => {
      await run.waitForSync(1);
      await between.source.query(
        `INSERT INTO bad VALUES ('1', '${MARK}' || ${noise(1_000)}, '', '${UUID}', '${DATE}', ${NUMBER}),
           ('2', '${MARK}' || ${noise(400)}, '${MARK}' || ${noise(400)}, '${UUID}', '${DATE}', ${NUMBER})`,
      );
    });
    for (const topic of [`millrace-${name}-state`, letters]) {
      const records = await between.records(topic);
      expect([topic, records.length > 0]).toEqual([topic, true]);
      const kept = records.map((record) => [
        record.key,
        record.value,
        JSON.stringify(record.headers),
      ]);
      expectNoValues(topic, kept.join("\n"));
    }
  });

  it("by a folder holds no value of them", { timeout: TIMEOUT_MS }, async () => {
    const source = await sharedPostgres();
    held.push(() => source.release());
    const folder = await folderFor("files");
    await source.query("CREATE TABLE bad (k text PRIMARY KEY, v text)");
    const [pipeline, path] = [source.database, join(folder, "lines")];
    const sink = { type: "jsonl", path };
    const file = await writePipelineFile({
      path: join(folder, "files.yaml"),
      name: pipeline,
      sourceUrl: source.url,
      tables: "public.bad",
      sink,
    });
    await runToEnd(["run", file, "--json", "--listen", "off", "--until-caught-up"]);
    const said = await searched({ file, pipeline, codes: ["ENOTDIR"] }, async () => {
      // What is no folder takes no state.
      await rm(`${path}.millrace`, { recursive: true });
      await writeFile(`${path}.millrace`, "");
      await source.query(`INSERT INTO bad VALUES ('1', '${MARK}')`);
    });
    expect(said).toContain("MR_SINK_LOST_CONNECTION");
  });

  it.each(flavors)("of %s holds no value of them", { timeout: TIMEOUT_MS }, async (flavor) => {
    const source = await makeSource(flavor);
    held.push(() => source.release());
    const [target, folder] = [await postgresTarget(), await folderFor(flavor)];
    await source.query(
      "CREATE TABLE bad (k INT PRIMARY KEY, v VARCHAR(200) CHARACTER SET utf8mb4, n BIGINT, j JSON, b BLOB, t DATETIME)",
    );
    const pipeline = source.database;
    const fileWith = (most: number): Promise<string> =>
      writePipelineFile({
        path: join(folder, "bad.yaml"),
        name: pipeline,
        sourceUrl: source.url,
        tables: "bad",
        sink: { ...target.sink, "dead-letters.max": most },
      });
    const file = await fileWith(100);
    await runToEnd(["run", file, "--json", "--listen", "off", "--until-caught-up"]);
    await atTarget(target, `ALTER TABLE "${pipeline}".bad ADD CHECK (n < 1000), ADD UNIQUE (v)`);
    const codes = ["MR_SINK_ROW_REFUSED", "MR_SINK_CONSTRAINT"];
    await searched({ file, pipeline, codes }, async (_, replayAll) => {
      const rest = `'{"x": "${MARK}"}', '${MARK}'`;
      await source.query(`INSERT INTO bad VALUES (1, '${MARK}', ${NUMBER}, ${rest}, '${DATE}')`);
      await source.query(
        `INSERT INTO bad VALUES (2, CONCAT('${MARK}', CHAR(0)), 1, ${rest}, NULL)`,
      );
      await source.query(`INSERT INTO bad VALUES (3, '${MARK}', 1, ${rest}, NULL)`);
      await source.query(`INSERT INTO bad VALUES (4, '${MARK}', 2, ${rest}, NULL)`);
      await source.query(
        `SET SESSION sql_mode = ''; INSERT INTO bad VALUES (5, '${MARK}-5', 2, ${rest}, '0000-00-00')`,
      );
      await expect.poll(() => lettersAt(target), { timeout: MET_MS }).toBe(4);
      await replayAll();
    });
    expectNoValues("list", await saidBy("dead-letters", "list", file));
    await fileWith(4);
    await searched({ file, pipeline, codes: ["MR_DEAD_LETTER_LIMIT"] }, async () => {
      await source.query(`INSERT INTO bad VALUES (6, '${MARK}', ${NUMBER}, NULL, NULL, NULL)`);
    });
    const stopped = await saidBy("run", file, "--json", "--listen", "off", "--until-caught-up");
    expect(stopped).toContain("MR_TABLE_STOPPED");
    expectNoValues("a table that is stopped", stopped);
    expectNoValues("state", await stateOf(target));
  });

  it("of DynamoDB holds no value of them", { timeout: TIMEOUT_MS }, async () => {
    const source = await startAsItIs();
    held.push(async () => source[Symbol.asyncDispose]());
    const [target, folder] = [await postgresTarget(), await folderFor("items")];
    const { dynamodb } = source;
    await dynamodb.createTable({
      TableName: "bad",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    });
    const pipeline = new URL(target.url).pathname.slice(1);
    const file = await writePipelineFile({
      path: join(folder, "items.yaml"),
      name: pipeline,
      source: {
        type: "dynamodb",
        endpoint: source.local.url,
        "aws.access.key.id": "test",
        "aws.secret.key": "test",
        "dynamodb.table.whitelist": "bad",
        "init.sync.delay.period": 0,
        "stream.idle.poll.interval": "200ms",
        columns: "bad: n integer, d date",
      },
      sink: target.sink,
      pipeline: { "schema.change.behavior": "exception" },
    });
    await runToEnd(["run", file, "--json", "--listen", "off", "--until-caught-up"]);
    await atTarget(target, "ALTER TABLE public.bad ADD CHECK (n < 1000)");
    const codes = ["MR_VALUE_DOES_NOT_FIT", "MR_SINK_ROW_REFUSED"];
    await searched({ file, pipeline, codes }, async () => {
      const put = (id: string, attributes: Readonly<Record<string, AttributeValue>>) =>
        dynamodb.putItem({ TableName: "bad", Item: { id: { S: id }, ...attributes } });
      await put("1", { n: { S: MARK } });
      await put("2", { n: { N: `${NUMBER}.${NUMBER}` } });
      await put("3", { d: { S: `${MARK}-${DATE}` } });
      await put("4", { n: { N: NUMBER }, v: { S: UUID } });
      await put("5", { v: { S: `${MARK}\u0000` } });
      await expect.poll(() => lettersAt(target), { timeout: MET_MS }).toBe(5);
    });
    expectNoValues("state", await stateOf(target));
  });
});

describe("what is said of a topic", () => {
  it(
    "holds no value of a message: refused, of another type, and no message at all",
    { timeout: TIMEOUT_MS },
    async () => {
      const kafka = await sharedKafka();
      held.push(() => kafka.release());
      const [target, folder] = [await postgresTarget(), await folderFor("topic")];
      const topic = await kafka.createTopic("bad", 1);
      const producer = new Producer({
        clientId: "test",
        bootstrapBrokers: kafka.bootstrap.split(","),
        serializers: stringSerializers,
      });
      held.push(() => producer.close());
      const tell = (key: string, value: string) =>
        producer.send({ messages: [{ topic, key, value }] });
      const row = (id: number, rest: object) =>
        tell(
          `{"id":${id}}`,
          JSON.stringify({
            op: "c",
            after: { id, v: "fine", n: 1, ...rest },
            source: { schema: "public", table: "bad" },
          }),
        );
      await row(0, {});
      const pipeline = `${kafka.prefix}bad`;
      const file = await writePipelineFile({
        path: join(folder, "topic.yaml"),
        name: pipeline,
        source: {
          type: "kafka",
          "properties.bootstrap.servers": kafka.bootstrap,
          topic,
        },
        sink: target.sink,
      });
      await runToEnd(["run", file, "--json", "--listen", "off", "--until-caught-up"]);
      await atTarget(target, "ALTER TABLE public.bad ADD CHECK (n < 1000), ADD UNIQUE (v)");
      const codes = ["MR_SINK_ROW_REFUSED", "MR_SINK_CONSTRAINT", "MR_MESSAGE_UNREADABLE"];
      await searched({ file, pipeline, codes }, async () => {
        await row(1, { v: MARK, n: Number(NUMBER) });
        await row(2, { v: `${MARK}\u0000` });
        await row(3, { v: `${MARK}-3`, n: MARK });
        await row(4, { v: "fine" });
        // What cannot be read ends the run, and nothing before it may be under way then.
        await expect.poll(() => lettersAt(target), { timeout: MET_MS }).toBe(4);
        await tell(`{"id":5}`, `${MARK} is no JSON {`);
      });
      expectNoValues("state", await stateOf(target));
    },
  );
});
