import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, type MysqlServer, startMysql } from "../../../test/support/mysql.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { logPosition } from "./sources/mysql/position.ts";
import { soon } from "./tables-between.fixture.ts";

describe.each(mysqlFlavors)("a pipeline from %s of which no table is written to", (flavor) => {
  let server: MysqlServer;
  let between: MysqlBetween;

  beforeAll(async () => {
    server = await startMysql(flavor);
    await server.query("CREATE TABLE items (id INT PRIMARY KEY, v TEXT)");
    await server.query("INSERT INTO items VALUES (1, 'a')");
    between = await mysqlBetween(server);
  });
  afterAll(async () => {
    await between.release();
    await server.stop();
  });

  /** The log file and offset that all is durable up to. */
  function durable(pipeline: Pipeline): { readonly file: number; readonly at: number } {
    const log = pipeline.status().channels.find(({ kind }) => kind === "log");
    if (log === undefined || log.frontier === null) throw new Error("the log stands nowhere");
    return logPosition(log.frontier)[0];
  }

  it("moves on with the log of others, and with files that hold nothing, so that what is behind may be purged", async () => {
    const pipeline = await between.run(between.file({ "heartbeat.interval": "200ms" }));
    await pipeline.caughtUp();
    const began = durable(pipeline);
    const others = await server.createDatabase("others");
    const { pathname } = new URL(others);
    await server.query(`CREATE TABLE \`${pathname.slice(1)}\`.t (id INT PRIMARY KEY)`);
    await server.query(`INSERT INTO \`${pathname.slice(1)}\`.t VALUES (1), (2)`);
    await soon(() => {
      const now = durable(pipeline);
      return now.file === began.file && now.at > began.at;
    });
    // Nobody writes at all.
    await server.query("FLUSH BINARY LOGS");
    await soon(() => durable(pipeline).file > began.file);
    await between.stop();
    const { file } = await server.binlogEnd();
    await server.query(`PURGE BINARY LOGS TO '${file}'`);
    const again = await between.run();
    await server.query("INSERT INTO items VALUES (2, 'b')");
    const { there, here } = await between.both(again);
    expect(there).toEqual(here);
    await between.stop();
  });

  it("has a table in SYNC again once its dead letter is replayed, though nobody writes", async () => {
    const pipeline = await between.run();
    await pipeline.caughtUp();
    const target = `"${server.database}".items`;
    await between.target.query(
      `ALTER TABLE ${target} ADD CONSTRAINT no_bad CHECK (v IS DISTINCT FROM 'bad')`,
    );
    await server.query("INSERT INTO items VALUES (7, 'bad')");
    await soon(() => pipeline.deadLetters().length === 1);
    await pipeline.caughtUp();
    await between.target.query(`ALTER TABLE ${target} DROP CONSTRAINT no_bad`);
    const [outcome] = await pipeline.replayDeadLetters({ all: true });
    expect(outcome).toMatchObject({ outcome: "replayed" });
    await soon(() => pipeline.status().tables.every(({ state }) => state === "SYNC"));
  });
});
