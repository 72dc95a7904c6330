/** A server on which nobody writes any more: its log says nothing that would move the pipeline. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadPipeline } from "../../packages/millrace/src/load-pipeline.ts";
import { sharedKafka } from "../support/kafka.ts";
import { startMysql } from "../support/mysql.ts";
import { compareDatabases } from "./compare-databases.ts";
import { consumedMessages } from "./console-consumer.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { makeTarget } from "./targets.ts";

it("a load that was killed goes on where the source's log rests since it began", async () => {
  await using source = await startMysql("mariadb");
  const target = await makeTarget("dsql");
  const folder = await mkdtemp(join(tmpdir(), "millrace-idle-"));
  try {
    await source.query("CREATE TABLE rests (id INT PRIMARY KEY, v INT)");
    await source.query("INSERT INTO rests SELECT seq, seq * 2 FROM seq_1_to_1000");
    const file = await writePipelineFile({
      path: join(folder, "idle.yaml"),
      name: "idle",
      sourceUrl: source.url,
      tables: String.raw`\.*`,
      source: { "heartbeat.interval": "10min", "read.timeout": "30min" },
      sink: target.sink,
    });
    const args = ["run", file, "--json", "--listen", "off"];
    const killed = new MillraceProcess(args, "chunk.finished=kill@2");
    expect(await killed.ended).toEqual({ code: null, signal: "SIGKILL" });
    await runToEnd([...args, "--until-caught-up"], 40_000);
    const table = { schema: "test", name: "rests" };
    const compared = [{ source: table, target: table }];
    expect(await compareDatabases(source.url, target.url, compared)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
    await target.release();
  }
});

it("has a heartbeat on its topic every interval, though the position does not move", async () => {
  await using source = await startMysql("mysql");
  await using kafka = await sharedKafka();
  const folder = await mkdtemp(join(tmpdir(), "millrace-beats-"));
  try {
    await source.query("CREATE TABLE rests (id INT PRIMARY KEY); INSERT INTO rests VALUES (1)");
    const beat = `${kafka.prefix}beat`;
    const file = await writePipelineFile({
      path: join(folder, "beats.yaml"),
      name: "beats",
      sourceUrl: source.url,
      tables: "rests",
      source: { "heartbeat.interval": "10min", "read.timeout": "30min" },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": kafka.bootstrap,
        "topic.pattern": `${kafka.prefix}{schema}.{table}`,
        "state.topic": `${kafka.prefix}state`,
        "heartbeat.topic": beat,
        "heartbeat.topic.interval": "1s",
      },
    });
    const pipeline = await loadPipeline(file);
    await pipeline.start();
    try {
      await pipeline.caughtUp();
      const beats = async () => (await consumedMessages(kafka.bootstrap, beat)).length;
      const first = await beats();
      await expect.poll(beats, { timeout: 60_000, interval: 1_000 }).toBeGreaterThan(first + 4);
    } finally {
      await pipeline.stop();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
