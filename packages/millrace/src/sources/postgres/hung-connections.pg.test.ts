/** Connections that are dead while TCP says that they live: found within a bound, and what only takes long is left alone. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../../../../../test/support/fault-proxy.ts";
import { type PostgresServer, startPostgres } from "../../../../../test/support/postgres.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { SourceLog } from "../../model/source.ts";
import { POSTGRES_SOURCE_DEFAULTS, type PostgresSourceOptions } from "./options.ts";
import { openConnection } from "./connection.ts";
import { ControlPool } from "./control-pool.ts";
import { connectionConfig } from "./options.ts";
import { PostgresSource } from "./source.ts";

const READ_TIMEOUT_MS = 1_000;
/** Read timeout, looks, and a busy machine. */
const BOUND_MS = 8_000;
const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 65_536 };

let server: PostgresServer;
let proxy: FaultProxy;
let options: PostgresSourceOptions;
let source: PostgresSource;
let pool: ControlPool;

beforeAll(async () => {
  // A server that never gives up on a reader by itself.
  server = await startPostgres({ settings: { wal_sender_timeout: "0" } });
  await server.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
  await server.query(
    "INSERT INTO t SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 40000) g",
  );
  proxy = await startFaultProxy(server);
  options = {
    ...POSTGRES_SOURCE_DEFAULTS,
    hostname: proxy.host,
    port: proxy.port,
    username: server.user,
    password: server.password,
    database: server.database,
    tls: { ...POSTGRES_SOURCE_DEFAULTS.tls, mode: "disable" },
    connectTimeoutMs: 1_000,
    readTimeoutMs: READ_TIMEOUT_MS,
    matches: (_, name) => name === "t",
    tablesText: "t",
    slotName: "hung",
    publicationName: "hung",
  };
  source = new PostgresSource(options, {
    pipeline: "hung",
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
  });
  pool = new ControlPool(() => Promise.resolve(connectionConfig(options, "hung", false)));
});
afterEach(() => {
  proxy.greeting = "open";
});
afterAll(async () => {
  await Promise.all([source.close(), pool.close()]);
  await proxy.close();
  await server.stop();
});

/** The code of the error with which work fails, and whether it failed within the bound. */
async function failure(work: Promise<unknown>): Promise<[code: string, soon: boolean]> {
  const began = performance.now();
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  const code = error instanceof MillraceError ? error.code : String(error);
  return [code, performance.now() - began < BOUND_MS];
}
const LOST = ["MR_SOURCE_LOST_CONNECTION", true];

describe("opening a connection", () => {
  it("to a server that accepts and says nothing fails after the connect timeout", async () => {
    proxy.greeting = "silent";
    expect(await failure(openConnection(connectionConfig(options, "x", false)))).toEqual(LOST);
  });

  it("fails after the connect timeout where only the first query is never answered", async () => {
    const armed = proxy.arm({
      fault: { kind: "black-hole" },
      trigger: { at: "query", text: /set_config/ },
    });
    expect(await failure(openConnection(connectionConfig(options, "x", false)))).toEqual(LOST);
    expect(armed.fired).toBe(1);
  });
});

describe("a question to the server", () => {
  it("that takes far longer than the read timeout is waited for", async () => {
    const { rows } = await pool.query("SELECT 1 AS one FROM pg_sleep(2.6)");
    expect(rows).toEqual([{ one: 1 }]);
  });

  it("that waits for a lock for longer than the read timeout is waited for", async () => {
    const holder = server.query("BEGIN; LOCK TABLE t; SELECT pg_sleep(2.4); COMMIT");
    await pool.query("SELECT pg_sleep(0.3)");
    expect((await pool.query("SELECT count(*)::int AS n FROM public.t")).rows).toEqual([
      { n: 40_000 },
    ]);
    await holder;
  });

  it.each(["up", "down"] as const)(
    "whose connection is black-holed %s is asked again on another one",
    async (direction) => {
      await pool.query("SELECT 1");
      const armed = proxy.arm({
        fault: { kind: "black-hole", direction },
        trigger: { at: "query", text: /lost/ },
      });
      const began = performance.now();
      expect((await pool.query("SELECT 'lost' AS was")).rows).toEqual([{ was: "lost" }]);
      expect([armed.fired, performance.now() - began < BOUND_MS]).toEqual([1, true]);
    },
  );

  it("that may not be asked twice fails", async () => {
    proxy.arm({ fault: { kind: "black-hole" }, trigger: { at: "query", text: /once/ } });
    const asked = pool.use((client) => client.query("SELECT 'once'"), { once: true });
    expect(await failure(asked)).toEqual(LOST);
  });
});

describe("a chunk", () => {
  it("is not disturbed by a consumer that rests for longer than the read timeout", async () => {
    const [table] = await source.discover();
    if (table === undefined) throw new Error("no table");
    const snapshot = await source.openSnapshot();
    let rows = 0;
    for await (const batch of snapshot.readChunk(table.shape, { from: null, to: null }, LIMITS)) {
      if (rows === 0) await systemClock.sleep(2.2 * READ_TIMEOUT_MS);
      rows += batch.rows.length;
    }
    await snapshot.close();
    expect(rows).toBe(40_000);
  });

  it.each(["black-hole", "stall"] as const)(
    "whose connection is a %s midway fails",
    async (kind) => {
      const [table] = await source.discover();
      if (table === undefined) throw new Error("no table");
      const armed = proxy.arm({
        fault: { kind },
        trigger: { at: "query", text: /^COPY/, thenBytes: 300_000 },
      });
      const snapshot = await source.openSnapshot();
      const read = async (): Promise<void> => {
        for await (const _ of snapshot.readChunk(table.shape, { from: null, to: null }, LIMITS));
      };
      expect(await failure(read())).toEqual(LOST);
      expect(armed.fired).toBe(1);
      await snapshot.close();
    },
  );
});

describe("the log", () => {
  const start = { from: null, maxValueBytes: 1_048_576 };

  it("whose connection is black-holed fails, and its slot is had again at once though the server keeps the reader", async () => {
    const shapes = (await source.discover()).map(({ shape }) => shape);
    await source.prepare(shapes, null);
    const open = (): Promise<SourceLog> =>
      source.openLog({ ...start, tables: new Map(shapes.map((shape) => [shape.id, shape])) });
    const log = await open();
    proxy.strike({ kind: "black-hole" }, (link) => link.isReplication);
    const untilLost = async (): Promise<void> => {
      for (;;) await log.next();
    };
    expect(await failure(untilLost())).toEqual(LOST);
    await log.close();
    const began = performance.now();
    const again = await open();
    expect(performance.now() - began).toBeLessThan(BOUND_MS);
    await again.close();
  });

  it("that is not answered when it is opened fails", async () => {
    const armed = proxy.arm({
      fault: { kind: "black-hole" },
      trigger: { at: "query", text: /^START_REPLICATION/ },
    });
    const opening = source.openLog({ ...start, tables: new Map() });
    expect(await failure(opening)).toEqual(LOST);
    expect(armed.fired).toBe(1);
  });
});
