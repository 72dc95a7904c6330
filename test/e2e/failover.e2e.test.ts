/** The primary is gone and a replica takes over: with the slot, without it, and without commits that the sink has. */
import { afterEach, describe, expect, it } from "vitest";
import { type PostgresReplica, startReplica } from "../support/postgres-replica.ts";
import type { PostgresServer } from "../support/postgres.ts";
import { targetKinds } from "./targets.ts";
import { startWired, type WiredOptions } from "./start-wired.ts";
import type { WiredPipeline } from "./wired-pipeline.ts";

/** The replica keeps the slot in step. */
const SYNCED = { sync_replication_slots: "on" };
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 19);
const BACK_MS = 120_000;
const LOAD_MS = 120_000;

describe("a replica that takes over", () => {
  let pipeline: WiredPipeline | null = null;
  const servers: PostgresServer[] = [];
  afterEach(async () => {
    await pipeline?.release();
    for (const server of servers.splice(0)) await server.stop();
    pipeline = null;
  });

  /** A pipeline that follows a primary with a replica. */
  async function begin(
    options: Partial<WiredOptions>,
    { synced, held }: { synced: boolean; held: boolean },
  ): Promise<{ running: WiredPipeline; replica: PostgresReplica }> {
    const made = Promise.withResolvers<PostgresReplica>();
    const running = await startWired({
      kind: "postgres",
      seed,
      ...options,
      more: async (server) => {
        const replica = await startReplica(server, synced ? { settings: SYNCED } : {});
        made.resolve(replica);
        if (held) {
          await server.query("ALTER SYSTEM SET synchronized_standby_slots = 'replica'");
          await server.query("SELECT pg_reload_conf()");
        }
        return synced ? { "slot.failover": true } : {};
      },
    });
    pipeline = running;
    const replica = await made.promise;
    servers.push(replica, running.server);
    await running.loaded(LOAD_MS);
    if (synced) await bringSlot(running, replica);
    running.write();
    return { running, replica };
  }

  /** Waits until the replica has the slot for good: it moves on only where the primary says which transactions run. */
  async function bringSlot(running: WiredPipeline, replica: PostgresReplica): Promise<void> {
    const synchronised = async (): Promise<unknown> => {
      await running.server.query("SELECT pg_log_standby_snapshot()");
      await running.arrived(BACK_MS);
      const sql = "SELECT synced AND NOT temporary AS there FROM pg_replication_slots";
      return (await replica.query(sql))[0];
    };
    await expect.poll(synchronised, { timeout: BACK_MS, interval: 300 }).toEqual({ there: true });
  }

  /** The primary dies; the pipeline's name leads to the replica. */
  async function failOver(running: WiredPipeline, replica: PostgresReplica): Promise<void> {
    await running.server.kill();
    await running.rest();
    await replica.promote();
    await running.moveTo(replica);
  }

  it.each(isFull ? targetKinds : (["dsql"] as const))(
    "with the slot carried over goes on where the primary was, once (%s)",
    async (kind) => {
      const { running, replica } = await begin(
        {
          kind,
          prepare: async (server) => {
            await server.query(
              "CREATE TABLE heap (v text); ALTER TABLE heap REPLICA IDENTITY FULL",
            );
            return server.url;
          },
        },
        { synced: true, held: true },
      );
      await running.server.query("INSERT INTO heap SELECT 'before' FROM generate_series(1, 50)");
      await failOver(running, replica);
      // Servers know one another as before: nobody is left who could hold the new primary's log back.
      await replica.query("ALTER SYSTEM RESET synchronized_standby_slots");
      await replica.query("SELECT pg_reload_conf()");
      await replica.query("INSERT INTO heap SELECT 'after' FROM generate_series(1, 50)");
      running.write();
      await running.arrived(BACK_MS);
      expect(await running.differences()).toEqual([]);
      expect(running.process.isRunning).toBe(true);
      const count = "SELECT v, count(*)::int AS n FROM heap GROUP BY v ORDER BY v";
      expect(await running.atTarget(count)).toEqual(await replica.query(count));
      await running.restart();
      running.write();
      expect(await running.differences(BACK_MS)).toEqual([]);
    },
  );

  it("without commits that the sink has is a loss, though the slot is there and its log goes on", async () => {
    const { running, replica } = await begin({}, { synced: true, held: false });
    await running.rest();
    await running.arrived(BACK_MS);
    await replica.caughtUp();
    await replica.stopFast();
    await running.server.query("INSERT INTO mark VALUES (-1, 1)");
    await running.arrived(BACK_MS);
    await running.server.kill();
    await replica.start();
    await replica.promote();
    // Its log soon ends behind what the sink has: positions alone tell nothing.
    await replica.query("INSERT INTO mark SELECT -2, g FROM generate_series(1, 5000) g");
    await running.moveTo(replica);
    expect(await running.process.wait(BACK_MS)).toEqual({ code: 1, signal: null });
    expect(running.process.tail()).toMatch(/MR_SOURCE_LOSS.*without the last commits/);
    await running.useSource({ "on-loss": "resync" });
    running.process = running.start();
    await running.loaded(LOAD_MS);
    running.write();
    expect(await running.differences(BACK_MS)).toEqual([]);
    expect(await running.atTarget("SELECT 1 FROM mark WHERE round = -1")).toEqual([]);
  });

  if (isFull) {
    it("without the slot is a loss; resync makes it equal", async () => {
      const { running, replica } = await begin({}, { synced: false, held: false });
      await running.rest();
      await replica.caughtUp();
      await failOver(running, replica);
      expect(await running.process.wait(BACK_MS)).toEqual({ code: 1, signal: null });
      expect(running.process.tail()).toContain("MR_SOURCE_SLOT_MISSING");
      await running.useSource({ "on-loss": "resync" });
      running.process = running.start();
      await running.loaded(LOAD_MS);
      running.write();
      expect(await running.differences(BACK_MS)).toEqual([]);
    });

    it("a primary that holds its log back for a dead standby is waited for, and told of", async () => {
      const { running, replica } = await begin({}, { synced: true, held: true });
      await running.rest();
      await running.arrived(BACK_MS);
      await replica.kill();
      await running.server.query("INSERT INTO mark VALUES (-1, 1)");
      await expect
        .poll(() => running.process.tail(), { timeout: BACK_MS, interval: 500 })
        .toContain("synchronized_standby_slots");
      // Longer than a server may be silent.
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      // On a busy machine its start may have been tried twice: only what it told since is meant.
      const since = running.process.tail().split("synchronized_standby_slots").at(-1);
      expect(since).not.toContain("MR_SOURCE_LOST_CONNECTION");
      expect(await running.atTarget("SELECT 1 FROM mark WHERE round = -1")).toEqual([]);
      await replica.start();
      await running.arrived(BACK_MS);
      expect(await running.differences(BACK_MS)).toEqual([]);
    });
  }
});
