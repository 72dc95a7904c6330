/** Chunks from a physical replica: what its snapshots see, and how they wait. */
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type PostgresReplica,
  startReplica,
} from "../../../../../test/support/postgres-replica.ts";
import { type PostgresServer, startPostgres } from "../../../../../test/support/postgres.ts";
import type { LogItem } from "../../model/change.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { POSTGRES_SOURCE_DEFAULTS, type PostgresSourceOptions } from "./options.ts";
import { PostgresSource } from "./source.ts";
import { validatePostgres } from "./validate.ts";

const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 65_536 };
const NOTHING_SEEN_MS = 400;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("chunks that are read from a standby", () => {
  let primary: PostgresServer;
  let replica: PostgresReplica;
  const open: PostgresSource[] = [];

  beforeAll(async () => {
    primary = await startPostgres();
    await primary.query("CREATE TABLE t (id bigint PRIMARY KEY, v text)");
    replica = await startReplica(primary, {
      settings: { max_standby_streaming_delay: "200ms", hot_standby_feedback: "off" },
    });
  });
  afterAll(async () => {
    await replica.stop();
    await primary.stop();
  });
  afterEach(async () => {
    await replica.query("SELECT pg_wal_replay_resume()");
    for (const source of open.splice(0)) {
      await source.cleanUp();
      await source.close();
    }
  });

  const optionsOf = (more: Partial<PostgresSourceOptions> = {}): PostgresSourceOptions => ({
    ...POSTGRES_SOURCE_DEFAULTS,
    hostname: primary.host,
    port: primary.port,
    snapshot: { hostname: replica.host, port: replica.port },
    username: primary.user,
    password: primary.password,
    database: primary.database,
    matches: (schema) => schema === "public",
    tablesText: "public.\\.*",
    slotName: "standby",
    publicationName: "standby",
    ...more,
  });
  const sourceOf = (more: Partial<PostgresSourceOptions> = {}): PostgresSource => {
    const context = {
      pipeline: "test",
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
    };
    const source = new PostgresSource(optionsOf(more), context);
    open.push(source);
    return source;
  };

  /** A source that is ready, and its table. */
  async function prepared(): Promise<{ source: PostgresSource; shape: TableShape }> {
    const source = sourceOf();
    const shapes = (await source.discover()).map((table) => table.shape);
    await source.prepare(shapes, null);
    const [shape] = shapes;
    if (shape === undefined) throw new Error("no table was discovered");
    return { source, shape };
  }

  async function idsIn(snapshot: SourceSnapshot, shape: TableShape): Promise<Set<string>> {
    const ids = new Set<string>();
    for await (const { rows } of snapshot.readChunk(shape, { from: null, to: null }, LIMITS))
      for (const row of rows) ids.add(String(row.after?.[0]));
    return ids;
  }

  /** All changes that the log has now. */
  async function logged(source: PostgresSource, shape: TableShape): Promise<LogItem[]> {
    const tables = new Map([[shape.id, shape]]);
    const log = await source.openLog({ from: null, tables, maxValueBytes: LIMITS.maxValueBytes });
    const end = await source.logEnd();
    const items: LogItem[] = [];
    for (;;) {
      const batch = await log.next();
      items.push(...batch.items);
      if (source.comparePositions(batch.position, end) >= 0) break;
      await source.nudge();
    }
    await log.close();
    return items;
  }

  const idOf = (item: LogItem): string =>
    item.kind === "change" ? String(item.after?.[0]) : item.kind;

  it("see a transaction once it was replayed, and prove nothing by an empty list of those that run", async () => {
    const { source, shape } = await prepared();
    // On the primary this one runs; on the standby nothing says so.
    const session = new pg.Client({ connectionString: primary.url });
    await session.connect();
    await session.query("BEGIN; INSERT INTO t VALUES (1, 'runs')");
    await primary.query("INSERT INTO t VALUES (2, 'committed')");
    await replica.caughtUp();
    const early = await source.openSnapshot();
    await session.query("COMMIT");
    await session.end();
    const [second, first] = await logged(source, shape);
    const ids = [first, second].map((item) => item?.transaction?.id ?? "");
    expect(ids.map((id) => early.sees(id))).toEqual([false, true]);
    expect(await idsIn(early, shape)).toEqual(new Set(["2"]));
    const later = await source.openSnapshot({ transactions: ids });
    expect(ids.map((id) => [later.sees(id), source.sees(later.token, id)])).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(await idsIn(later, shape)).toEqual(new Set(["1", "2"]));
    for (const snapshot of [early, later]) await snapshot.close();
  });

  it("wait for what they have to see, while rows that the lanes wait for are read at the log's server", async () => {
    const { source, shape } = await prepared();
    await replica.caughtUp();
    await replica.query("SELECT pg_wal_replay_pause()");
    await primary.query("INSERT INTO t VALUES (10, 'late')");
    const late = (await logged(source, shape)).at(-1);
    const id = late?.transaction?.id ?? "";
    const before = await source.openSnapshot();
    expect(before.sees(id)).toBe(false);
    expect(await source.unseen([id])).toEqual([id]);
    const asked = source.openSnapshot({ transactions: [id] });
    const byLog = source.openSnapshot({ position: await source.logEnd() });
    const first = await Promise.race([asked, byLog, sleep(NOTHING_SEEN_MS)]);
    expect(first).toBeUndefined();
    expect(source.waits()).toEqual([]);
    await expect
      .poll(() => source.waits(), { timeout: 60_000 })
      .toEqual([
        {
          what: "load",
          reason: "standby",
          why: expect.stringMatching(/has not replayed .*; \d+ bytes are missing$/),
          sinceMs: expect.any(Number),
        },
      ]);
    const row = await source.openSnapshot({ reads: "row", transactions: [id] });
    expect(row.sees(id)).toBe(true);
    expect((await row.readRows(shape, [[10n, null]], LIMITS)).size).toBe(1);
    await replica.query("SELECT pg_wal_replay_resume()");
    const after = await asked;
    await byLog;
    expect(source.waits()).toEqual([]);
    expect(after.sees(id)).toBe(true);
    expect(await idsIn(after, shape)).toContain("10");
    expect(await source.unseen([id])).toEqual([]);
    for (const snapshot of [before, row, after, await byLog]) await snapshot.close();
  });

  it("never claim to see what they do not, under writes; and see nothing else where they must be exact", async () => {
    const { source, shape } = await prepared();
    let stop = false;
    const write = async (from: number): Promise<void> => {
      const client = new pg.Client({ connectionString: primary.url });
      await client.connect();
      for (let id = from; !stop; id += 1) await client.query("INSERT INTO t VALUES ($1)", [id]);
      await client.end();
    };
    const writing = Promise.all([write(1_000_000), write(2_000_000), write(3_000_000)]);
    const seen: { snapshot: SourceSnapshot; ids: Set<string>; exact: boolean }[] = [];
    for (let i = 0; i < 30; i += 1) {
      const exact = i % 2 === 1;
      const snapshot = await source.openSnapshot({ exact });
      seen.push({ snapshot, ids: await idsIn(snapshot, shape), exact });
    }
    stop = true;
    await writing;
    const items = await logged(source, shape);
    for (const { snapshot, ids, exact } of seen) {
      const claimed = items.filter((item) => snapshot.sees(item.transaction?.id ?? ""));
      expect(claimed.filter((item) => !ids.has(idOf(item)))).toEqual([]);
      const behind = claimed.filter(
        ({ position }) => position && source.comparePositions(position, snapshot.logEnd) >= 0,
      );
      expect(behind).toEqual([]);
      if (exact) {
        const unclaimed = items.filter((item) => !claimed.includes(item));
        expect(unclaimed.filter((item) => ids.has(idOf(item)))).toEqual([]);
      }
      await snapshot.close();
    }
    expect(items.length).toBeGreaterThan(100);
  });

  it("that recovery cancels can be tried again, and say so", async () => {
    const { source, shape } = await prepared();
    await replica.caughtUp();
    const snapshot = await source.openSnapshot();
    await snapshot.readRows(shape, [[1n, null]], LIMITS);
    await primary.query("ALTER TABLE t ADD COLUMN more int");
    await primary.query("ALTER TABLE t DROP COLUMN more");
    await replica.caughtUp();
    await expect(idsIn(snapshot, shape)).rejects.toThrow("MR_SOURCE_STANDBY");
    await snapshot.close();
    const again = await source.openSnapshot();
    expect((await idsIn(again, shape)).size).toBeGreaterThan(100);
    await again.close();
  });

  it("are told of before: feedback that is off, replay that is paused, standbys that nobody waits for", async () => {
    const context = {
      pipeline: "test",
      clock: systemClock,
      random: Math.random,
      log: silentLogger,
    };
    const told = async (more: Partial<PostgresSourceOptions>): Promise<string> =>
      (await validatePostgres(optionsOf(more), context)).map(({ what }) => what).join("\n");
    await replica.query("SELECT pg_wal_replay_pause()");
    const both = await told({ slotFailover: true });
    expect(both).toContain("hot_standby_feedback is off at snapshot.hostname.");
    expect(both).toContain("Replay is paused at snapshot.hostname.");
    expect(both).toContain("synchronized_standby_slots is empty");
    await replica.query("SELECT pg_wal_replay_resume()");
    const address = { hostname: replica.host, port: replica.port };
    const swapped = { ...address, snapshot: null };
    expect(await told(swapped)).toContain("primary.hostname is not given");
    expect(await told(swapped)).toContain("hot_standby_feedback is off at the standby whose log");
    expect(await told({ ...swapped, primary: address })).toContain(
      "primary.hostname is a standby.",
    );
    const away = { hostname: "127.0.0.1", port: 1 };
    expect(await told({ snapshot: away })).toMatch(
      /snapshot.hostname 127.0.0.1: .*nothing listens/,
    );
  });

  it("are refused of another cluster, and of a server that was promoted", async () => {
    const { source } = await prepared();
    await using stranger = await startPostgres({ version: 13 });
    await stranger.query(`ALTER ROLE postgres PASSWORD '${primary.password}'`);
    const foreign = sourceOf({ snapshot: { hostname: stranger.host, port: stranger.port } });
    await expect(foreign.openSnapshot()).rejects.toThrow(/MR_SOURCE_REFUSED.*another cluster/);
    open.splice(open.indexOf(foreign), 1);
    await foreign.close();
    await using doomed = await startReplica(primary, { name: "doomed" });
    const address = { hostname: doomed.host, port: doomed.port };
    const promoted = sourceOf({ snapshot: address });
    await (await promoted.openSnapshot()).close();
    await doomed.promote();
    // Sessions outlive a promotion: each snapshot is looked at.
    await expect(promoted.openSnapshot()).rejects.toThrow(/MR_SOURCE_STANDBY.*promoted/);
    await expect(promoted.openSnapshot()).rejects.toThrow(/MR_SOURCE_STANDBY.*promoted/);
    expect(await source.unseen([])).toEqual([]);
    open.splice(open.indexOf(promoted), 1);
    await promoted.close();
    await primary.query("SELECT pg_drop_replication_slot('doomed')").catch(() => undefined);
  });
});
