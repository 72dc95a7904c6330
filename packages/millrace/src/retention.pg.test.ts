/** What a server keeps for a pipeline that does not keep up: told, and met by each action. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  databaseOn,
  type PostgresServer,
  type SharedPostgres,
  startPostgres,
} from "../../../test/support/postgres.ts";
import { loadPipeline, type Pipeline, type PipelineEvent } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

const MIB = 1024 * 1024;
/** More than the bound, and less than what makes a test slow. */
const FILL_MIB = 6;

let source: PostgresServer;
let target: PostgresServer;
let pipeline: Pipeline | null = null;
let round = 0;
const events: PipelineEvent[] = [];

beforeAll(async () => {
  [source, target] = await Promise.all([startPostgres(), startPostgres()]);
});
afterAll(() => Promise.all([source.stop(), target.stop()]));
afterEach(async () => {
  await pipeline?.stop();
  await dropSlots(shared(source));
  events.length = 0;
});

const shared = (server: PostgresServer): SharedPostgres =>
  Object.assign(server, { release: () => server.stop() });
const rowsSql = (table: string) =>
  `SELECT count(*)::int AS n, md5(string_agg(t::text, ',' ORDER BY id)) AS hash FROM ${table} t`;
/** The server lets go of log only where it has looked at what is running since. */
const settle = () => source.query("SELECT pg_log_standby_snapshot()");
const slots = () =>
  source.query("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()");

/** Log of another table. */
async function fill(mib = FILL_MIB): Promise<void> {
  await source.query(
    "SELECT pg_logical_emit_message(false, 'filler', repeat('x', 65536)) FROM generate_series(1, $1)",
    [mib * 16],
  );
}

/** A table of its own with some rows, and a pipeline that runs. */
async function begin(
  options: Record<string, unknown>,
  rows = 500,
): Promise<{ table: string; running: Pipeline }> {
  const table = `t${++round}`;
  await source.query(`CREATE TABLE ${table} (id int PRIMARY KEY, v text);
    INSERT INTO ${table} SELECT g, repeat('v', 100) || g FROM generate_series(1, ${rows}) g`);
  const running = await loadPipeline(
    pipelineBetween(shared(source), shared(target), {
      name: table,
      tables: `public.${table}`,
      source: { "scan.incremental.snapshot.chunk.size": 100, ...options },
    }),
  );
  pipeline = running;
  void (async () => {
    for await (const event of running.events()) events.push(event);
  })();
  await running.start();
  return { table, running };
}

const notices = () =>
  events.flatMap((event) => (event.type === "notice" ? [event.message] : [])).join("\n");

async function expectEqual(table: string): Promise<void> {
  const wanted = await source.query(rowsSql(table));
  await expect.poll(() => target.query(rowsSql(table)), { timeout: 60_000 }).toEqual(wanted);
}

describe("a captured table that rests while another one is written", () => {
  it("does not keep the log of that", async () => {
    const { running } = await begin({ "heartbeat.interval": "1s" });
    await running.caughtUp();
    await source.query(
      `CREATE TABLE busy${round} AS SELECT repeat('b', 1000) AS v FROM generate_series(1, 4000)`,
    );
    await fill();
    await expect
      .poll(
        async () => {
          await settle();
          const [slot] = await source.query(
            "SELECT (pg_current_wal_lsn() - restart_lsn)::float8 AS kept FROM pg_replication_slots",
          );
          return slot?.["kept"];
        },
        { timeout: 60_000, interval: 300 },
      )
      .toBeLessThan(MIB);
    expect(running.status().tables).toMatchObject([{ state: "SYNC", changes: 0 }]);
  });
});

describe("pause-load", () => {
  it("reads no new chunk until the slot keeps less again, then goes on to the end", async () => {
    const { running, table } = await begin(
      {
        "slot.max-retained": `${FILL_MIB}mb`,
        "slot.max-retained.action": "pause-load",
        "scan.snapshot.max-rows-per-second": 1_000,
      },
      3_000,
    );
    const holding = source.query("BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(4); COMMIT");
    await fill();
    await expect
      .poll(() => running.status().load.paused, { timeout: 60_000 })
      .toMatch(/no new chunk is read until it is less than 4\.8 MiB/);
    expect(running.status().retention).toMatchObject({
      limitBytes: FILL_MIB * MIB,
      limitOf: "pipeline",
      limitSeconds: 0,
    });
    expect(notices()).toMatch(
      /keeps .* MiB of its log for this pipeline, 1\d\d % of slot\.max-retained \(6 MiB\)/,
    );
    // What is under way is read to its end.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const loaded = () => running.status().tables[0]?.rowsLoaded ?? 0;
    const before = loaded();
    await source.query(`UPDATE ${table} SET v = 'later' WHERE id % 500 = 0`);
    await expect
      .poll(() => target.query(`SELECT count(*)::int AS n FROM ${table} WHERE v = 'later'`))
      .toEqual([{ n: 6 }]);
    expect([before < 3_000, loaded()]).toEqual([true, before]);
    await holding;
    await expect
      .poll(
        async () => {
          await settle();
          return running.status().load.paused;
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBeNull();
    await running.caughtUp();
    await expectEqual(table);
  });
});

describe("resync", () => {
  it("gives the slot up and loads the table anew, without ghosts", async () => {
    const { running, table } = await begin({
      "slot.max-retained": `${FILL_MIB}mb`,
      "slot.max-retained.action": "resync",
      "on-loss": "resync",
    });
    await running.caughtUp();
    await running.pause();
    await source.query(
      `DELETE FROM ${table} WHERE id % 3 = 0; UPDATE ${table} SET v = 'new' WHERE id % 7 = 0`,
    );
    await fill();
    await expect
      .poll(notices, { timeout: 60_000 })
      .toMatch(/MR_SOURCE_RETAINED.*all tables are loaded again/);
    await expect
      .poll(() => running.status().retention?.retainedBytes ?? Infinity, { timeout: 60_000 })
      .toBeLessThan(FILL_MIB * MIB);
    await running.resume();
    await running.caughtUp();
    await expectEqual(table);
  });

  it("gives the slot up while the sink cannot be reached, and loads the table anew when it can", async () => {
    const { running, table } = await begin({
      "slot.max-retained": `${FILL_MIB}mb`,
      "slot.max-retained.action": "resync",
      "on-loss": "resync",
    });
    await running.caughtUp();
    await target.stopFast();
    await source.query(`DELETE FROM ${table} WHERE id % 2 = 0`);
    await fill();
    await expect.poll(slots, { timeout: 60_000 }).toEqual([]);
    expect(running.status().state).toBe("retrying");
    await target.start();
    await expectEqual(table);
    expect(notices()).toMatch(/all tables are loaded again/);
  });

  it("leaves a slot alone until the source was compared with the one that the pipeline began with", async () => {
    const { running, table } = await begin({});
    await running.caughtUp();
    await running.stop();
    const other = await databaseOn(source);
    const slot = `millrace_${table}`;
    await source.query("SELECT pg_drop_replication_slot($1)", [slot]);
    await other.query(`CREATE TABLE ${table} (id int PRIMARY KEY, v text)`);
    await other.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
    await fill();
    // The file leads to another source, which has a slot of this name.
    const moved = await loadPipeline(
      pipelineBetween(other, shared(target), {
        name: table,
        tables: `public.${table}`,
        source: {
          "slot.max-retained": `${FILL_MIB}mb`,
          "slot.max-retained.action": "resync",
          "on-loss": "resync",
        },
      }),
    );
    pipeline = moved;
    void (async () => {
      for await (const event of moved.events()) events.push(event);
    })();
    const takeoverHeld = target.query(
      "BEGIN; LOCK TABLE millrace.lane, millrace.state; SELECT pg_sleep(2); COMMIT",
    );
    const refused = expect(moved.start()).rejects.toMatchObject({ code: "MR_SOURCE_IDENTITY" });
    await expect.poll(notices, { timeout: 60_000 }).toMatch(/is not given up before/);
    await takeoverHeld;
    await refused;
    const kept = await other.query("SELECT slot_name FROM pg_replication_slots");
    await dropSlots(other);
    await other.release();
    expect(kept).toEqual([{ slot_name: slot }]);
  });
});

describe("a slot that the server itself gave up (max_slot_wal_keep_size)", () => {
  it("stops the pipeline with on-loss: fail, and has the table loaded anew with on-loss: resync", async () => {
    const { running, table } = await begin({ "on-loss": "fail" });
    await running.caughtUp();
    await source.query("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'");
    await source.query("SELECT pg_reload_conf()");
    await expect
      .poll(() => running.status().retention?.limitOf, { timeout: 60_000 })
      .toBe("server");
    await running.pause();
    await source.query(`DELETE FROM ${table} WHERE id % 3 = 0`);
    for (let n = 0; n < 4; n++) {
      await fill();
      await source.query("SELECT pg_switch_wal()");
    }
    await source.query("CHECKPOINT");
    await running.resume();
    await expect(running.done).rejects.toMatchObject({ code: "MR_SOURCE_SLOT_LOST" });
    const again = await loadPipeline(
      pipelineBetween(shared(source), shared(target), {
        name: table,
        tables: `public.${table}`,
        source: { "on-loss": "resync" },
      }),
    );
    pipeline = again;
    await again.start();
    await again.caughtUp();
    await expectEqual(table);
  });
});
