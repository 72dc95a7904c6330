/** MySQL and MariaDB into Kafka: every change exactly once, in the order of its key, whoever is killed and whatever is cut. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sharedKafka } from "../support/kafka.ts";
import { mysqlFlavors, sharedMysql } from "../support/mysql.ts";
import { consumedMessages } from "./console-consumer.ts";
import { CountingWriter } from "./counting-writer.ts";
import { callToEnd } from "./millrace-call.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { wrongCounts } from "./topic-counts.ts";
import { liveTopicLife, troubles } from "./topic-kill-life.ts";

/** Each kill is one more start: one of one server in `npm test`, more of both in the long form. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const flavors = isFull ? mysqlFlavors : mysqlFlavors.slice(-1);
const kills = isFull
  ? [
      "kafka.sent=kill@6",
      "kafka.committed=kill@5",
      "lane.after-commit=kill@4",
      "mysql-log.opened=kill@1",
    ]
  : ["chunk.rows-durable=kill@1", "kafka.committed=kill@5"];

const ROWS = 300;
const NUMBERS = `WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ${ROWS}) SELECT`;

it.each(flavors)(
  "tells every change of %s once and in order, whoever is killed",
  async (flavor) => {
    await using source = await sharedMysql(flavor);
    await using kafka = await sharedKafka();
    const folder = await mkdtemp(join(tmpdir(), "millrace-mysql-kafka-"));
    try {
      await source.query("CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL, pad text)");
      await source.query(`INSERT INTO counted ${NUMBERS} n, 0, repeat('x', 100) FROM i`);
      const file = await writePipelineFile({
        path: join(folder, "counted.yaml"),
        name: source.database,
        sourceUrl: source.url,
        tables: "counted",
        sink: {
          type: "kafka",
          "properties.bootstrap.servers": kafka.bootstrap,
          "topic.pattern": `${kafka.prefix}{schema}.{table}`,
          "topic.partitions": 3,
        },
      });
      const args = ["run", file, "--json", "--listen", "off"];
      for (const failpoint of kills) {
        const run = new MillraceProcess(args, failpoint);
        const writer = new CountingWriter(source, "counted", ROWS);
        try {
          expect((await run.wait(120_000)).signal).toBe("SIGKILL");
        } finally {
          await writer.stop();
        }
      }
      await callToEnd([...args, "--until-caught-up"]);
      const schema = `${kafka.prefix}${source.database}`;
      expect(await wrongCounts(source, "counted", kafka.bootstrap, { schema })).toEqual([]);
      const messages = await consumedMessages(kafka.bootstrap, `${schema}.counted`);
      const last = messages.findLast(({ value }) => value?.includes('"op":"u"') === true);
      expect(JSON.parse(last?.value ?? "{}")).toMatchObject({
        op: "u",
        source: { connector: flavor, db: source.database, table: "counted" },
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  600_000,
);

it.each(flavors)(
  "tells rows, keys and columns that come and go of %s once through cuts, brokers that die and a process that was taken over from",
  async (from) => {
    const life = isFull
      ? { troubles: [...troubles] }
      : { troubles: ["cut", "broker", "zombie"] as const, earlyKills: 1 };
    expect(await liveTopicLife({ from, seed: 4, ...life })).toEqual([]);
  },
  1_200_000,
);
