/** What the source sees of us while the sink stands still: no transaction that waits, no snapshot that grows old. */
import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type PostgresServer } from "../support/postgres.ts";
import { SmallPipeline } from "./small-pipeline.ts";
import { openSession } from "./sql-session.ts";
import { makeTarget } from "./targets.ts";

const ROWS = 6_000;
/**
 * Of each large table, and of its one chunk, more than we read ahead and the kernel's buffers hold, so that the server has to wait
 * for us. Those of a TCP connection hold 36 MB, those of a socket of this machine's a quarter of one.
 */
const LONG = 3_000;
const BUDGET = "8mb";
/** Beside a statement's own bound: looks, and a busy machine. */
const SLACK_S = 2;
const STATEMENT_S = 2.5;
/** Transactions begin and end by several statements: between two of them a session is idle for a moment. */
const IDLE_S = 1.2;
const STALL_MS = 6_000;

let server: PostgresServer;
let pipeline: SmallPipeline;
/** Of the server's socket. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-sessions-"));
  await chmod(folder, 0o777); // the server may be another user's
  server = await startPostgres({
    settings: {
      log_statement: "all",
      log_line_prefix: "%p|",
      unix_socket_directories: folder,
    },
    hba: ["local all all scram-sha-256"],
  });
  await server.query(`
    CREATE TABLE keyed (id int PRIMARY KEY, v text);
    CREATE TABLE plain (n int, v text);
    ALTER TABLE plain REPLICA IDENTITY FULL;
    CREATE TABLE quick (id int PRIMARY KEY, v text);
    INSERT INTO keyed SELECT g, repeat('x', ${LONG}) FROM generate_series(1, ${ROWS}) g;
    INSERT INTO plain SELECT g, repeat('y', ${LONG}) FROM generate_series(1, ${ROWS}) g;
    INSERT INTO quick SELECT g, 'q' FROM generate_series(1, 10) g`);
  const source = Object.assign(server, { release: () => server.stop() });
  pipeline = new SmallPipeline(source, await makeTarget("postgres"), folder);
});
afterAll(() => pipeline.release());

/** The worst that was seen of our sessions, seconds. */
interface Seen {
  idleS: number;
  snapshotS: number;
  stalled: number;
}

const SESSIONS_SQL = `
SELECT coalesce(max(EXTRACT(epoch FROM clock_timestamp() - state_change))
    FILTER (WHERE state LIKE 'idle in transaction%'), 0)::float8 AS idle,
  coalesce(max(EXTRACT(epoch FROM clock_timestamp() - xact_start))
    FILTER (WHERE state <> 'idle' AND backend_type = 'client backend' AND query NOT LIKE '%"plain"%'), 0)::float8 AS snapshot,
  count(*) FILTER (WHERE wait_event = 'ClientWrite' AND backend_type = 'client backend')::int AS stalled
FROM pg_stat_activity WHERE application_name LIKE 'millrace%'`;

/** Looks at our sessions again and again until the signal aborts. */
async function watch(signal: AbortSignal): Promise<Seen> {
  const seen: Seen = { idleS: 0, snapshotS: 0, stalled: 0 };
  const session = new pg.Client({ connectionString: server.url });
  session.on("error", () => undefined);
  await session.connect();
  while (!signal.aborted) {
    const { rows } = await session.query<{ idle: number; snapshot: number; stalled: number }>(
      SESSIONS_SQL,
    );
    const { idle = 0, snapshot = 0, stalled = 0 } = rows[0] ?? {};
    seen.idleS = Math.max(seen.idleS, idle);
    seen.snapshotS = Math.max(seen.snapshotS, snapshot);
    seen.stalled = Math.max(seen.stalled, stalled);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await session.end();
  return seen;
}

/** Nothing is written to the target tables for a while. */
async function stallTarget(tables: string): Promise<void> {
  const session = await openSession(pipeline.target.url);
  await session.query(`BEGIN; LOCK TABLE ${tables} IN EXCLUSIVE MODE`);
  await new Promise((resolve) => setTimeout(resolve, STALL_MS));
  await session.query("ROLLBACK");
  await session.end();
}

/** The first statement of each session of a role's, by process, from the server's log. */
async function firstStatements(): Promise<Map<string, string>> {
  const firsts = new Map<string, string>();
  for (const line of (await server.log()).split("\n")) {
    const [, pid, statement] =
      /^(\d+)\|LOG: {2}(?:statement|execute [^:]*): (.*)$/.exec(line) ?? [];
    if (pid !== undefined && statement !== undefined && !firsts.has(pid))
      firsts.set(pid, statement);
  }
  return firsts;
}

describe("while the sink stands still", () => {
  it("no transaction at the source waits for it, and no snapshot of a chunk outlives its bound", async () => {
    await pipeline.write({
      source: {
        hostname: folder,
        "statement.timeout": "2500ms",
        "scan.incremental.snapshot.chunk.size": ROWS,
      },
      more: `  memory.budget: ${BUDGET}\n`,
    });
    const began = new AbortController();
    const watching = watch(began.signal);
    const ours = new Set<string>();
    await pipeline.whileRunning(async (run) => {
      expect(run.isRunning, run.tail()).toBe(true);
      await expect
        .poll(() => pipeline.atTarget("SELECT to_regclass('public.keyed') IS NOT NULL AS made"))
        .toEqual([{ made: true }]);
      const writing = pipeline.atSource(
        "UPDATE keyed SET v = 'changed ' || v WHERE id % 3 = 0; INSERT INTO quick SELECT g, 'more' FROM generate_series(11, 400) g",
      );
      await stallTarget("public.keyed, public.plain");
      await writing;
      await run.waitForSync(3);
      await pipeline.expectSoonSame(
        "SELECT count(*), md5(string_agg(v, ',' ORDER BY id)) FROM keyed",
      );
      const pids = await pipeline.atSource(
        "SELECT pid::text FROM pg_stat_activity WHERE application_name LIKE 'millrace%'",
      );
      for (const { pid } of pids) ours.add(String(pid));
    });
    await pipeline.expectSame("SELECT count(*), md5(string_agg(v, ',' ORDER BY n)) FROM plain");
    began.abort();
    const seen = await watching;
    expect(seen.stalled).toBeGreaterThan(0);
    expect(seen.idleS).toBeLessThan(IDLE_S);
    expect(seen.snapshotS).toBeLessThan(STATEMENT_S + SLACK_S);
    const firsts = await firstStatements();
    const unset = [...ours].filter(
      (pid) => !/set_config.*statement_timeout/.test(firsts.get(pid) ?? ""),
    );
    expect([ours.size > 3, unset]).toEqual([true, []]);
  });
});
