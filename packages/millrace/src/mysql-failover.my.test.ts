import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../../../test/support/fault-proxy.ts";
import {
  type MysqlDatabase,
  mysqlFlavors,
  type MysqlServer,
  startMysql,
} from "../../../test/support/mysql.ts";
import { type MysqlReplica, startMysqlReplica } from "../../../test/support/mysql-replica.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon } from "./tables-between.fixture.ts";

const ITEMS = `CREATE TABLE items (id BIGINT PRIMARY KEY, v TEXT);
  INSERT INTO items WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, 'a' FROM n`;

/** Its rows are read at the server that took over. */
const PREPARED = [
  "XA START 'x'",
  "UPDATE items SET v = 'x' WHERE id IN (850, 852)",
  "XA END 'x'",
  "XA PREPARE 'x'",
];

/** Each test starts two servers: MariaDB's turn comes in the long form. */
const FLAVORS = process.env["MILLRACE_E2E_FULL"] === "1" ? mysqlFlavors : (["mysql"] as const);

describe.each(FLAVORS)("a pipeline from %s whose server is replaced by its replica", (flavor) => {
  let first: MysqlServer;
  let second: MysqlReplica;
  let way: FaultProxy;
  let between: MysqlBetween;

  beforeEach(async () => {
    first = await startMysql(flavor);
    await first.query(ITEMS);
    second = await startMysqlReplica(first);
    await second.caughtUp();
    way = await startFaultProxy(first);
    between = await mysqlBetween(first);
  });
  afterEach(async () => {
    await between.release();
    await way.close();
    await second.stop();
    await first.stop();
  });

  const file = (source: Readonly<Record<string, unknown>> = {}) =>
    between.file({ hostname: way.host, port: way.port, ...source });

  async function expectSame(pipeline: Pipeline, server: MysqlDatabase): Promise<void> {
    const { there, here } = await between.both(pipeline, server);
    expect(there).toEqual(here);
  }

  /** The name leads to the replica from now on. */
  async function failOver(): Promise<void> {
    await first.kill();
    await second.promote();
    way.redirect(second);
  }

  it("goes on there, at once and after a restart, and knows when it has caught up", async () => {
    const pipeline = await between.run(file());
    await first.query("UPDATE items SET v = 'b' WHERE id < 300; DELETE FROM items WHERE id = 7");
    const session = await first.connect();
    for (const sql of PREPARED) await session.query(sql);
    await expectSame(pipeline, first);
    await second.caughtUp();
    await failOver();
    // Nothing is written at the new server yet.
    await expectSame(pipeline, second);
    await second.query(
      "UPDATE items SET v = 'c' WHERE id < 200; INSERT INTO items VALUES (5000, 'd'); XA COMMIT 'x'",
    );
    await expectSame(pipeline, second);
    await between.stop();
    await second.query(
      "UPDATE items SET v = 'e' WHERE id > 800; INSERT INTO items VALUES (5001, 'd')",
    );
    await expectSame(await between.run(file()), second);
  });

  it("tells of a loss where the replica lacks what the sink was given", async () => {
    const pipeline = await between.run(file({ "connect.timeout": "1s" }));
    await second.query("STOP REPLICA");
    await first.query("UPDATE items SET v = 'only here' WHERE id < 10");
    await expectSame(pipeline, first);
    await failOver();
    await expect(pipeline.done).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
    const again = await between.run(file({ "on-loss": "resync", "connect.timeout": "1s" }));
    await expectSame(again, second);
  });

  it("loads a table again whose load was under way", async () => {
    const pipeline = await between.run(
      file({
        "scan.incremental.snapshot.chunk.size": 100,
        "scan.snapshot.max-rows-per-second": 40,
      }),
    );
    const told: string[] = [];
    void (async () => {
      for await (const event of pipeline.events())
        if (event.type === "notice") told.push(`${event.table ?? ""}: ${event.message}`);
    })();
    await soon(() => (pipeline.status().tables[0]?.rowsLoaded ?? 0) > 100);
    await first.query("UPDATE items SET v = 'during' WHERE id % 7 = 0");
    await second.caughtUp();
    await failOver();
    await second.query("UPDATE items SET v = 'after' WHERE id % 11 = 0");
    // Up to where the old server's snapshots had to be followed, the new one's log does not say.
    const again =
      /\.items: another server took over while the table was being loaded; it is loaded again/;
    await soon(() => told.some((line) => again.test(line)), 40_000);
    await between.stop();
    await expectSame(await between.run(file()), second);
  }, 120_000);
});

describe("a pipeline from mysql without GTIDs", () => {
  it("tells of a loss at another server", async () => {
    const settings = { gtid_mode: "OFF", enforce_gtid_consistency: "OFF" };
    await using first = await startMysql("mysql", { settings });
    await first.query(ITEMS);
    await using second = await startMysqlReplica(first, { settings, by: "position" });
    await second.caughtUp();
    const between = await mysqlBetween(first);
    const pipeline = await between.run();
    const { there, here } = await between.both(pipeline);
    expect(there).toEqual(here);
    await between.stop();
    await second.promote();
    await expect(between.run(between.file({ port: second.port }))).rejects.toMatchObject({
      code: "MR_SOURCE_LOSS",
      message: expect.stringContaining("without GTIDs") as string,
    });
    await between.release();
  });
});
