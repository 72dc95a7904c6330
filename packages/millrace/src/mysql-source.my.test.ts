import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, type MysqlServer, startMysql } from "../../../test/support/mysql.ts";
import { startFaultProxy } from "../../../test/support/fault-proxy.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon } from "./tables-between.fixture.ts";

const ITEMS = `CREATE TABLE items (id BIGINT PRIMARY KEY, v TEXT);
  INSERT INTO items WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, 'a' FROM n`;

const FULL = process.env["MILLRACE_E2E_FULL"] === "1";
/** After so many bytes of what the server sends. */
const CUTS = FULL ? [3_000, 20_011, 90_001, 150_007, 300_043] : [20_011];

describe.each(mysqlFlavors)("a pipeline from %s", (flavor) => {
  let server: MysqlServer;
  let between: MysqlBetween;

  beforeAll(async () => {
    server = await startMysql(flavor);
    await server.query(ITEMS);
    between = await mysqlBetween(server);
  });
  afterAll(async () => {
    await between.release();
    await server.stop();
  });

  async function expectSame(pipeline: Pipeline): Promise<void> {
    const { there, here } = await between.both(pipeline);
    expect(there).toEqual(here);
  }

  it("loads, follows and goes on after a restart", async () => {
    const pipeline = await between.run();
    await expectSame(pipeline);
    await server.query(
      "INSERT INTO items VALUES (1000, 'b'); UPDATE items SET v = 'c' WHERE id < 100; UPDATE items SET id = 5000 WHERE id = 50; DELETE FROM items WHERE id BETWEEN 200 AND 300",
    );
    await expectSame(pipeline);
    await between.stop();
    await server.query(
      "UPDATE items SET v = 'd' WHERE id > 400; DELETE FROM items WHERE id = 1000",
    );
    await expectSame(await between.run());
    await between.stop();
  });

  it("goes on when its server was killed", async () => {
    const pipeline = await between.run();
    for (const end of FULL ? (["kill", "shutDown"] as const) : (["kill"] as const)) {
      await server[end]();
      await soon(() => pipeline.status().retrying !== null);
      await server.start();
      await server.query("UPDATE items SET v = CONCAT(v, 'x') WHERE id < 30");
      await expectSame(pipeline);
    }
    await between.stop();
  });

  it("ends with a loss where the log that comes next was purged, and loads again where the file says so", async () => {
    await server.query(
      "UPDATE items SET v = 'lost' WHERE id = 1; FLUSH BINARY LOGS; FLUSH BINARY LOGS",
    );
    const { file } = await server.binlogEnd();
    const kept = async (): Promise<unknown[]> => {
      await server.query(`PURGE BINARY LOGS TO '${file}'`);
      return server.query("SHOW BINARY LOGS");
    };
    await expect.poll(kept, { timeout: 20_000 }).toHaveLength(1);
    await expect(between.run()).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
    await expectSame(await between.run(between.file({ "on-loss": "resync" })));
    await between.stop();
  });

  it("takes a log that was begun anew for a loss, though its file has the old name and is long enough", async () => {
    await server.query(flavor === "mysql" ? "RESET BINARY LOGS AND GTIDS" : "RESET MASTER");
    await server.query("INSERT INTO items VALUES (7000, 'e')");
    const run = await between.run(between.file({ "on-loss": "resync" }));
    await expectSame(run);
    await between.stop();
    const { position } = await server.binlogEnd();
    // The time in a file's first event is in seconds.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await server.query(flavor === "mysql" ? "RESET BINARY LOGS AND GTIDS" : "RESET MASTER");
    while ((await server.binlogEnd()).position <= position)
      await server.query("UPDATE items SET v = CONCAT(v, 'y') WHERE id < 300");
    await expect(between.run()).rejects.toMatchObject({
      code: "MR_SOURCE_LOSS",
      message: expect.stringContaining("begun anew") as string,
    });
    await expectSame(await between.run(between.file({ "on-loss": "resync" })));
    await between.stop();
  });

  it("loses and repeats nothing where its connections are cut in the midst of what they carry", async () => {
    const proxy = await startFaultProxy(server);
    const pipeline = await between.run(between.file({ hostname: proxy.host, port: proxy.port }));
    for (const bytes of CUTS) {
      const trigger = { at: "bytes", direction: "down", count: bytes } as const;
      const cuts = proxy.arm({ fault: { kind: "cut" }, trigger, times: 3 });
      for (let round = 0; round < 10; round += 1)
        await server.query("UPDATE items SET v = LEFT(CONCAT(UUID(), v), 200)");
      await expectSame(pipeline);
      expect(cuts.fired).toBeGreaterThan(0);
      cuts.disarm();
    }
    await between.stop();
    await proxy.close();
  });
});
