/** Physical replicas: the full load is read from one, the log is read from one, and one is promoted under us. */
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { type PostgresReplica, startReplica } from "../support/postgres-replica.ts";
import type { PostgresServer } from "../support/postgres.ts";
import type { Section } from "./pipeline-file.ts";
import { startWired } from "./start-wired.ts";
import type { WiredPipeline } from "./wired-pipeline.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 17);
const BACK_MS = 120_000;
/** Servers end and begin here, and none falls silent: a busy machine is not taken for that. */
const BOUNDS: Section = { "connect.timeout": "20s", "read.timeout": "30s" };
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("the full load from a standby that lags", () => {
  let replica: PostgresReplica | null = null;
  let pipeline: WiredPipeline | null = null;
  afterAll(async () => {
    await pipeline?.release();
    await replica?.stop();
  });

  it("is equal, follows the log meanwhile, and goes on where the standby was away", async () => {
    let load: (() => Promise<number>) | null = null;
    pipeline = await startWired({
      kind: "postgres",
      seed,
      loadRows: 2_000,
      source: { ...BOUNDS, "scan.incremental.snapshot.chunk.size": 2_000 },
      more: async (server: PostgresServer): Promise<Section> => {
        const settings = { recovery_min_apply_delay: "300ms", max_standby_streaming_delay: "1s" };
        replica = await startReplica(server, { settings });
        const there = replica;
        load = async () =>
          (
            await there.query(
              "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'millrace%'",
            )
          ).length;
        return { "snapshot.hostname": there.host, "snapshot.port": there.port };
      },
    });
    pipeline.write();
    await pipeline.process.running;
    await expect.poll(() => load?.(), { timeout: BACK_MS, interval: 20 }).toBeGreaterThan(0);
    await replica?.kill();
    await sleep(300);
    // Each chunk waits for all that they logged: under writes that never rest that takes minutes on two cores.
    if (!isFull) await pipeline.rest();
    await replica?.start();
    await pipeline.loaded(BACK_MS);
    expect(pipeline.process.isRunning).toBe(true);
    expect(await pipeline.differences()).toEqual([]);
  });
});

if (isFull) {
  describe("the log from a standby", () => {
    let replica: PostgresReplica | null = null;
    let old: PostgresServer | null = null;
    let pipeline: WiredPipeline | null = null;
    afterAll(async () => {
      await pipeline?.release();
      await old?.stop();
    });

    it("is loaded and followed, over its restart and its promotion", async () => {
      pipeline = await startWired({
        kind: "postgres",
        seed,
        source: { ...BOUNDS, "heartbeat.interval": "1s" },
        more: async (server) => {
          replica = await startReplica(server);
          return {
            hostname: replica.host,
            port: replica.port,
            "primary.hostname": server.host,
            "primary.port": server.port,
          };
        },
      });
      pipeline.write();
      await pipeline.loaded(BACK_MS);
      await pipeline.arrived(BACK_MS);
      if (replica === null) throw new Error("there is no replica");
      await replica.restart();
      await pipeline.arrived(BACK_MS);
      await pipeline.restart();
      expect(await pipeline.differences()).toEqual([]);
      await replica.caughtUp();
      old = pipeline.server;
      await old.stopFast();
      await replica.promote();
      await pipeline.moveTo(replica);
      pipeline.write();
      await sleep(500);
      expect(await pipeline.differences(BACK_MS)).toEqual([]);
      // What it sent as a standby and what it sends now is one log to the next start, too.
      await pipeline.restart();
      pipeline.write();
      expect(await pipeline.differences(BACK_MS)).toEqual([]);
    });
  });
  describe("a slot on a standby that the standby gives up", () => {
    let replica: PostgresReplica | null = null;
    let pipeline: WiredPipeline | null = null;
    afterEach(async () => {
      await pipeline?.release();
      await replica?.stop();
      pipeline = null;
    });

    /** What takes the slot away while its reader stands still. */
    const causes: readonly {
      readonly what: string;
      readonly settings: Readonly<Record<string, string>>;
      readonly remedy: RegExp;
      readonly take: (primary: PostgresServer, standby: PostgresReplica) => Promise<void>;
      readonly mend?: (primary: PostgresServer) => Promise<void>;
    }[] = [
      {
        what: "rows_removed",
        settings: { hot_standby_feedback: "off" },
        remedy: /hot_standby_feedback = on/,
        take: async (primary) => {
          // Two transactions: rows that one both made and removed are in nobody's way.
          await primary.query("CREATE TABLE gone (a int, b int, c int)");
          await primary.query("DROP TABLE gone");
          for (const name of ["pg_class", "pg_attribute", "pg_type", "pg_depend"])
            await primary.query(`VACUUM pg_catalog.${name}`);
        },
      },
      {
        what: "wal_removed",
        settings: { max_slot_wal_keep_size: "1MB", max_wal_size: "32MB", min_wal_size: "32MB" },
        remedy: /max_slot_wal_keep_size/,
        take: async (primary, standby) => {
          const fill = "INSERT INTO filler SELECT repeat('x', 500) FROM generate_series(1, 60000)";
          await primary.query("CREATE TABLE filler (v text)");
          for (let round = 0; round < 4; round += 1) {
            await primary.query(fill);
            await primary.query("SELECT pg_switch_wal()");
            await primary.query("CHECKPOINT");
            await standby.caughtUp();
            await standby.query("CHECKPOINT");
          }
        },
      },
      {
        what: "wal_level_insufficient",
        settings: {},
        remedy: /wal_level = logical/,
        take: (primary) => primary.restart({ wal_level: "replica" }),
        mend: (primary) => primary.restart({ wal_level: "logical" }),
      },
    ];

    it.each(causes)("$what: stops, says why and what helps; resync loads anew", async (cause) => {
      pipeline = await startWired({
        kind: "postgres",
        seed,
        source: { ...BOUNDS, "heartbeat.interval": "1s", "publication.name": "wire" },
        more: async (server) => {
          replica = await startReplica(server, { settings: cause.settings });
          return {
            hostname: replica.host,
            port: replica.port,
            "primary.hostname": server.host,
            "primary.port": server.port,
          };
        },
      });
      await pipeline.loaded(BACK_MS);
      await pipeline.arrived(BACK_MS);
      if (replica === null) throw new Error("there is no replica");
      const standby: PostgresReplica = replica;
      const run = pipeline.process;
      process.kill(run.pid, "SIGSTOP");
      await cause.take(pipeline.server, standby);
      const reason = async (): Promise<unknown> =>
        (await standby.query("SELECT invalidation_reason AS why FROM pg_replication_slots"))[0];
      await expect.poll(reason, { timeout: BACK_MS }).toEqual({ why: cause.what });
      process.kill(run.pid, "SIGCONT");
      expect((await run.wait(BACK_MS)).code).toBe(1);
      expect(run.tail()).toContain("MR_SOURCE_SLOT_LOST");
      expect(run.tail()).toMatch(cause.remedy);
      await cause.mend?.(pipeline.server);
      await pipeline.useSource({ "on-loss": "resync" });
      pipeline.process = pipeline.start();
      pipeline.write();
      expect(await pipeline.differences(BACK_MS)).toEqual([]);
      expect(pipeline.process.isRunning).toBe(true);
    });
  });
}
