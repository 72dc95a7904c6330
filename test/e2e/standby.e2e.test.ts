/** Physical replicas: the full load is read from one, the log is read from one, and one is promoted under us. */
import { afterAll, describe, expect, it } from "vitest";
import { type PostgresReplica, startReplica } from "../support/postgres-replica.ts";
import type { PostgresServer } from "../support/postgres.ts";
import type { Section } from "./pipeline-file.ts";
import { startWired, type WiredPipeline } from "./wired-pipeline.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 17);
const BACK_MS = 60_000;
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
      source: { "scan.incremental.snapshot.chunk.size": 2_000 },
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
    // Under writes each chunk waits for all that they logged, which takes minutes on two cores.
    if (isFull) pipeline.write();
    await pipeline.process.running;
    await expect.poll(() => load?.(), { timeout: BACK_MS, interval: 20 }).toBeGreaterThan(0);
    await replica?.kill();
    await sleep(300);
    await replica?.start();
    await pipeline.loaded();
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
        source: { "heartbeat.interval": "1s" },
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
      await pipeline.loaded();
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
}
