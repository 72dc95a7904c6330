/** A life that failed keeps what it can be understood by; another leaves nothing. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Producer, stringSerializers } from "@platformatic/kafka";
import { expect, it, onTestFinished } from "vitest";
import { sharedKafka } from "../support/kafka.ts";
import { keptIfWrong, type LifeFolder } from "./life-folder.ts";
import { type LifeServers, recordLog, sharedBroker } from "./life-servers.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { postgresSink, writePipelineFile } from "./pipeline-file.ts";
import { makeSource, type TestSource } from "./sources.ts";

const TIMEOUT_MS = 300_000;
const HANG_MS = 3_000;

/** The folder that a report names, for as long as the test runs. */
function keptFolder(text: string): string {
  const path = /kept in ([^ )]+)/.exec(text)?.[1] ?? "";
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** All of the files of a folder whose names match, one behind the other. */
async function textOf(folder: string, name: RegExp): Promise<string> {
  const files = (await readdir(folder)).filter((file) => name.test(file)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "latin1")));
  return texts.join("");
}

async function written(source: TestSource): Promise<TestSource> {
  await recordLog(source.url);
  await source.query("CREATE TABLE held (id int PRIMARY KEY, word text)");
  await source.query("INSERT INTO held VALUES (1, 'of the table')");
  await source.query("DELETE FROM held");
  await source.query("INSERT INTO held VALUES (2, 'left in it')");
  return source;
}

it(
  "keeps topics, tables, the sources' logs and what processes said of a life that failed",
  async () => {
    await using kafka = await sharedKafka();
    const [postgres, mysql] = await Promise.all([
      makeSource("postgres").then(written),
      makeSource("mysql").then(written),
    ]);
    try {
      const topic = await kafka.createTopic("held");
      const producer = new Producer({
        clientId: "test",
        bootstrapBrokers: kafka.bootstrap.split(","),
        serializers: stringSerializers,
      });
      await producer.send({ acks: -1, messages: [{ topic, key: "1", value: "of the topic" }] });
      await producer.close();
      const servers: LifeServers = {
        brokers: [await sharedBroker(kafka.bootstrap, kafka.prefix)],
        databases: { postgres: postgres.url, mysql: mysql.url },
      };
      const [kept = "", ...wrong] = await keptIfWrong(servers, async (folder) => {
        await new MillraceProcess(["--version"], undefined, folder.nextLog("asked")).ended;
        folder.note("a blow");
        return ["on purpose"];
      });
      expect(wrong).toEqual(["on purpose"]);
      const folder = keptFolder(kept);
      const told = await readFile(join(folder, "life.log"), "utf8");
      expect(told).toMatch(/ a blow\n.* on purpose\n$/);
      expect(await readFile(join(folder, "01-asked.log"), "utf8")).toMatch(
        /Z millrace --version, no failpoints\n.*Z \d.*\n.*Z ended with 0\n$/,
      );
      const messages = await textOf(join(folder, "broker-1"), new RegExp(`^${topic}-0-.*log$`));
      expect(messages).toContain("payload: of the topic");
      for (const name of ["postgres", "mysql"])
        expect(await textOf(join(folder, name), /\.held\.jsonl$/)).toContain("left in it");
      expect(await textOf(join(folder, "postgres"), /^facts/)).toContain("test_decoding");
      expect(await textOf(join(folder, "postgres"), /^log/)).toContain("of the table");
      expect(await textOf(join(folder, "mysql"), /^facts/)).toContain("gtid_executed");
      expect(await textOf(join(folder, "mysql"), /^binlog/)).toContain("of the table");
    } finally {
      await Promise.all([postgres.release(), mysql.release()]);
    }
  },
  TIMEOUT_MS,
);

it(
  "keeps what held a process that did not end, and notes what could not be kept",
  async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    await once(silent, "listening");
    const asked = once(silent, "connection");
    const address = silent.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const url = `postgres://u:p@127.0.0.1:${port}/none`;
    const hang = async (folder: LifeFolder): Promise<never> => {
      const file = { path: folder.file("life.yaml"), name: "life", sourceUrl: url };
      await writePipelineFile({ ...file, tables: "public.t", sink: postgresSink(url) });
      const args = ["run", folder.file("life.yaml"), "--json", "--listen", "off"];
      const run = new MillraceProcess(args, undefined, folder.nextLog("held"));
      await asked;
      await run.wait(HANG_MS);
      throw new Error("it ended");
    };
    const servers = {
      brokers: [{ node: 1, dataDir: "/nowhere", log: () => Promise.reject(new Error("no log")) }],
      databases: {},
    };
    const error = await keptIfWrong(servers, hang).catch(String);
    expect(error).toContain(`millrace did not end within ${HANG_MS} ms`);
    const folder = keptFolder(String(error));
    const report: unknown = JSON.parse(await readFile(join(folder, "01-held.log.json"), "utf8"));
    expect(JSON.stringify(report)).toContain(`"port":${port}`);
    const told = await readFile(join(folder, "life.log"), "utf8");
    expect(told).toMatch(/not kept: a broker's log: .*no log\n.*not kept: topics: .*nowhere/);
  },
  TIMEOUT_MS,
);

it("leaves nothing of a life that went well", async () => {
  let path = "";
  const live = async (folder: LifeFolder): Promise<readonly string[]> => {
    folder.note("a blow");
    path = folder.path;
    return [];
  };
  expect(await keptIfWrong({ brokers: [], databases: {} }, live)).toEqual([]);
  expect(existsSync(path)).toBe(false);
});
