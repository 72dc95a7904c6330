/** Servers that are killed or run out of disk and come back under writes, and rights that are taken and given back. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PostgresServer } from "../support/postgres.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { makeOwnTarget, type OwnTarget } from "./own-target.ts";
import { postgresSink } from "./pipeline-file.ts";
import { targetKinds } from "./targets.ts";
import { startWired } from "./start-wired.ts";
import { type WiredPipeline, wiredTables } from "./wired-pipeline.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 13);
const KILLS = isFull ? 10 : 1;
const BACK_MS = 120_000;
/** For what waits for a retry as well, on a busy machine. */
const WAITS_MS = 120_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const rounds = Array.from({ length: KILLS }, (_, round) => round);

/** Every test run kills on one kind of sink, and takes one right; the rest by MILLRACE_E2E_FULL=1. */
const killedKinds = isFull ? targetKinds : (["dsql"] as const);

describe.each(killedKinds)("a server that is killed and started again, into %s", (kind) => {
  let target: OwnTarget;
  let pipeline: WiredPipeline;
  beforeAll(async () => {
    target = await makeOwnTarget(kind);
    pipeline = await startWired({ kind, seed, target });
    await pipeline.loaded();
  });
  afterAll(() => pipeline.release());

  it.each(rounds)("the source: the pipeline waits, goes on and is equal (round %i)", async () => {
    pipeline.write();
    await sleep(pipeline.dice.between(0, 800));
    await pipeline.server.kill();
    await sleep(pipeline.dice.between(0, 500));
    await pipeline.server.start();
    await pipeline.rest();
    pipeline.write();
    await pipeline.arrived(BACK_MS);
    expect(await pipeline.differences()).toEqual([]);
  });

  it.each(rounds)("the sink: the pipeline waits, goes on and is equal (round %i)", async () => {
    pipeline.write();
    await sleep(pipeline.dice.between(0, 800));
    await target.kill();
    await sleep(pipeline.dice.between(0, 500));
    await target.start();
    await pipeline.arrived(BACK_MS);
    expect(await pipeline.differences()).toEqual([]);
  });
});

/** Everything that a reader needs, given by an administrator. */
async function makeReader(server: PostgresServer): Promise<string> {
  const names = ["mark", ...wiredTables.map(({ name }) => name)].join(", ");
  await server.query(
    `CREATE ROLE reader LOGIN REPLICATION PASSWORD 'r';
     GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
     CREATE PUBLICATION wire FOR TABLE ${names}
       WITH (publish_via_partition_root = true, publish_generated_columns = stored)`,
  );
  const url = new URL(server.url);
  url.username = "reader";
  url.password = "r";
  return url.href;
}

const cutReader =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('reader', 'writer')";

const rights = [
  {
    what: "REPLICATION at the source",
    take: "ALTER ROLE reader NOREPLICATION",
    give: "ALTER ROLE reader REPLICATION",
    at: "source",
    says: ["MR_SOURCE_REFUSED", "REPLICATION"],
  },
  {
    what: "login at the source",
    take: "ALTER ROLE reader NOLOGIN",
    give: "ALTER ROLE reader LOGIN",
    at: "source",
    says: ["MR_SOURCE_REFUSED", "reader"],
  },
  {
    what: "login at the sink",
    take: "ALTER ROLE writer NOLOGIN",
    give: "ALTER ROLE writer LOGIN",
    at: "sink",
    says: ["MR_SINK_REFUSED", "writer"],
  },
  {
    what: "INSERT on a target table",
    take: "REVOKE INSERT ON k_int8 FROM writer",
    give: "GRANT INSERT ON k_int8 TO writer",
    at: "sink",
    says: ["MR_SINK_REFUSED", "k_int8"],
  },
] as const;

describe("rights that are taken away and given back", () => {
  let target: OwnTarget;
  let pipeline: WiredPipeline;

  beforeEach(async () => {
    target = await makeOwnTarget("postgres");
    await target.query("CREATE ROLE writer LOGIN PASSWORD 'w'");
    await target.query("GRANT CREATE ON DATABASE postgres TO writer");
    await target.query("GRANT CREATE ON SCHEMA public TO writer");
    const url = new URL(target.url);
    url.username = "writer";
    url.password = "w";
    pipeline = await startWired({
      kind: "postgres",
      seed,
      target: { ...target, sink: postgresSink(url.href) },
      prepare: makeReader,
      source: { "publication.create": "never", "publication.name": "wire" },
    });
    await pipeline.loaded();
  });
  afterEach(() => pipeline.release());

  it.each(isFull ? rights : rights.slice(0, 1))(
    "$what: stops and says so; goes on once it is back",
    async ({ take, give, at, says }) => {
      const query = (sql: string): Promise<unknown> =>
        at === "source" ? pipeline.server.query(sql) : target.query(sql);
      pipeline.write();
      await query(take);
      await query(cutReader);
      expect(await pipeline.process.wait()).toEqual({ code: 1, signal: null });
      for (const word of says) expect(pipeline.process.tail()).toContain(word);
      await query(give);
      pipeline.process = pipeline.start();
      await pipeline.arrived(BACK_MS);
      expect(await pipeline.differences()).toEqual([]);
    },
  );

  if (isFull) {
    it("SELECT at the source: what is in SYNC goes on without", async () => {
      pipeline.write();
      await pipeline.server.query("REVOKE SELECT ON k_txt FROM reader");
      await pipeline.arrived(BACK_MS);
      expect(await pipeline.differences()).toEqual([]);
      expect(pipeline.process.isRunning).toBe(true);
    });

    it("SELECT at the source: a table that is to be loaded says so", async () => {
      await pipeline.process.stop();
      await pipeline.server.query("REVOKE SELECT ON k_txt FROM reader");
      await target.query("DELETE FROM millrace.state");
      pipeline.process = pipeline.start();
      expect((await pipeline.process.wait()).code).toBe(2);
      expect(pipeline.process.tail()).toMatch(/may not read.*k_txt.*GRANT SELECT ON.*k_txt/);
    });
  }
});

if (isFull && process.platform === "linux") {
  describe("a full disk under the source's log", () => {
    let pipeline: WiredPipeline | null = null;
    const disk = new SmallDisk("112m");
    afterAll(async () => {
      await pipeline?.release();
      disk.release();
    });

    it("ends the server; the pipeline waits, goes on and is equal", async () => {
      const settings = { max_wal_size: "48MB", min_wal_size: "32MB", restart_after_crash: "off" };
      pipeline = await startWired({ kind: "postgres", seed, settings, within: disk.within });
      const { server } = pipeline;
      await pipeline.loaded();
      pipeline.write();
      await pipeline.arrived(BACK_MS);
      await disk.fill();
      // Whoever commits finds no room for the next segment: the server ends, and takes every session along.
      const burst = "INSERT INTO mark SELECT 1000 + g, g FROM generate_series(1, 400000) g";
      await expect(server.query(burst)).rejects.toThrow();
      await expect.poll(() => server.log(), { timeout: BACK_MS }).toMatch(/PANIC.*No space left/);
      await pipeline.rest();
      await server.kill();
      await disk.free();
      await server.start();
      await pipeline.arrived(BACK_MS);
      pipeline.write();
      expect(await pipeline.differences(BACK_MS)).toEqual([]);
      expect(pipeline.process.isRunning).toBe(true);
    });
  });
  describe.each(targetKinds)("a full disk under the tables of the sink, %s", (kind) => {
    let pipeline: WiredPipeline | null = null;
    const disk = new SmallDisk("160m", "base");
    afterAll(async () => {
      await pipeline?.release();
      disk.release();
    });

    /** Nothing can be written any more; the process says what it waits for, and goes on waiting. */
    const fillsAndSaysSo = async ({ process: run, server }: WiredPipeline): Promise<void> => {
      run.output.length = 0;
      await disk.fill();
      // More than fits into the pages that are there.
      const wide =
        "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 100 + g % 2))";
      const from = Math.floor(performance.now() * 1_000);
      await server.query(
        `INSERT INTO loaded SELECT ${from} + g, ${wide} FROM generate_series(1, 4000) g`,
      );
      const said = () => run.output.find((line) => /"retry".*disk is full/.test(line));
      await expect.poll(said, { timeout: WAITS_MS }).toMatch(/Make room/);
      await sleep(1_000);
      expect(run.isRunning).toBe(true);
      expect(run.output.join("\n")).not.toMatch(/"type":"dead-letter"|lost over COPY/);
      await disk.free();
    };

    it("makes load and log wait and say so; then all goes on and is equal", async () => {
      const target = await makeOwnTarget(kind, { within: disk.within });
      pipeline = await startWired({
        kind,
        seed,
        target,
        loadRows: 20_000,
        sink: { "connect-timeout-ms": 20_000, "request-timeout-ms": 20_000 },
        source: {
          "connect.timeout": "20s",
          "read.timeout": "20s",
          "scan.incremental.snapshot.chunk.size": 1_000,
          "scan.snapshot.max-rows-per-second": 2_000,
        },
      });
      await pipeline.process.running;
      await fillsAndSaysSo(pipeline);
      await pipeline.loaded(WAITS_MS);
      await fillsAndSaysSo(pipeline);
      pipeline.write();
      await pipeline.arrived(WAITS_MS);
      expect(await pipeline.differences(WAITS_MS)).toEqual([]);
      expect(pipeline.process.isRunning).toBe(true);
    });
  });
}
