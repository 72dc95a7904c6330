import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, type MysqlServer, startMysql } from "../../../test/support/mysql.ts";
import { startFaultProxy } from "../../../test/support/fault-proxy.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { cleanUp } from "./clean-up.ts";
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

  /** What `validate --connect` says of the log that comes next. */
  async function lossesOf(source: Readonly<Record<string, unknown>> = {}) {
    const all = await checkPipeline(between.file(source));
    return all
      .filter(({ code }) => code === "MR_SOURCE_LOSS")
      .map(({ severity, about, what }) => ({ severity, about, what }));
  }

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
    // Counted since the start, over runs and tasks; what is read again counts again.
    const counted = pipeline.status().tables[0]?.changes ?? 0;
    expect(counted).toBeGreaterThan(0);
    await pipeline.restart();
    await server.query("UPDATE items SET v = CONCAT(v, 'z') WHERE id BETWEEN 10 AND 19");
    await expectSame(pipeline);
    expect(pipeline.status().tables[0]?.changes).toBeGreaterThanOrEqual(counted + 10);
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
    expect(await lossesOf()).toEqual([]);
    await expect.poll(kept, { timeout: 60_000 }).toHaveLength(1);
    const lost = expect.stringMatching(/no longer has the log .*\.\d{6}, offset \d+ on; it says/);
    await expect(between.run()).rejects.toMatchObject({
      code: "MR_SOURCE_LOSS",
      detail: lost as string,
      remedy: expect.stringMatching(/on-loss: resync.*binlog_expire_logs_seconds/) as string,
    });
    expect(await lossesOf()).toEqual([
      { severity: "error", about: "source", what: lost as string },
    ]);
    expect(await lossesOf({ "on-loss": "resync" })).toMatchObject([{ severity: "warning" }]);
    await expectSame(await between.run(between.file({ "on-loss": "resync" })));
    await between.stop();
  });

  it("ends where its log has what nobody can apply, and goes on behind it where the file says so", async () => {
    const pipeline = await between.run();
    await expectSame(pipeline);
    const ended = pipeline.done.catch((error: unknown) => error);
    await server.query(
      "SET SESSION binlog_format = STATEMENT; UPDATE items SET v = 'unseen' WHERE id = 7; DELETE FROM items WHERE id = 8",
    );
    const unreadable = {
      code: "MR_SOURCE_UNREADABLE",
      remedy: expect.stringMatching(/binlog_format.*on-loss: resync/) as string,
    };
    expect(await ended).toMatchObject(unreadable);
    await between.stop();
    // Until somebody decides, it ends there again.
    const again = await between.run();
    await expect(again.done).rejects.toMatchObject(unreadable);
    await between.stop();
    const resynced = await between.run(between.file({ "on-loss": "resync" }));
    await server.query("INSERT INTO items VALUES (6000, 'f')");
    const { there, here } = await between.both(resynced);
    expect(there).toEqual(here);
    expect(there).toContain("7 unseen");
    await between.stop();
    await expectSame(await between.run());
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

  it("keeps the state that a running process has, until that one has stopped", async () => {
    const pipeline = await between.run();
    await expectSame(pipeline);
    const held = { code: "MR_STATE_HELD", class: "config" };
    await expect(cleanUp(between.file(), { state: true })).rejects.toMatchObject(held);
    await server.query("INSERT INTO items VALUES (6500, 'g')");
    await expectSame(pipeline);
    await between.stop();
    const cleaned = await cleanUp(between.file(), { state: true });
    expect(cleaned.at(-1)).toMatchObject({ what: "state", outcome: "dropped" });
    const forced = await between.run();
    await expectSame(forced);
    await cleanUp(between.file(), { state: true, force: true });
    await expect(forced.done).rejects.toMatchObject({
      code: "MR_FENCED",
      message: expect.stringContaining("millrace cleanup --state") as string,
    });
    await between.stop();
  });

  it("is forgotten by its sink though its server is gone, which keeps nothing for it", async () => {
    await expectSame(await between.run());
    await between.stop();
    const cleaned = await cleanUp(between.file({ port: 1 }), { state: true });
    expect(cleaned.map(({ what, outcome }) => `${what} ${outcome}`)).toEqual([
      "source kept",
      "state dropped",
    ]);
    await expectSame(await between.run());
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
