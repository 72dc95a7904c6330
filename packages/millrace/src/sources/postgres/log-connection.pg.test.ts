import { createConnection, createServer, type Server, type Socket } from "node:net";
import selfsigned from "selfsigned";
import { afterEach, describe, expect, it } from "vitest";
import { startPostgres, type PostgresServer } from "../../../../../test/support/postgres.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch } from "../../model/change.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { openConnection } from "./connection.ts";
import { LoggedDatabase, said } from "./log.fixture.ts";
import { boundary, comparePositions, parseLsn, startLsn } from "./position.ts";
import { dropPublication } from "./publication.ts";
import { dropSlot, prepareSlot, readSlot } from "./slot.ts";

const KEEP = (): Promise<void> => Promise.resolve();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const servers: PostgresServer[] = [];
async function own(
  version: 13 | 18,
  settings: Record<string, string> = {},
): Promise<PostgresServer> {
  const server = await startPostgres({ version, settings });
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

/** After SIGKILL the last backend holds the shared memory for a moment. */
async function startAgain(server: PostgresServer): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const isUp = await server.start().then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await sleep(100);
  }
  throw new Error("the server does not start again");
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof MillraceError)) throw new Error("no MillraceError", { cause: error });
  return `${error.code} ${error.class}`;
}

describe.each([18, 13] as const)("the log of PostgreSQL %i, under load", (version) => {
  it("reads a transaction of 200,000 rows in bounded memory, in batches", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await db.capture();
    // Half of them weigh more than they take on the wire, so that it is not what one read brings that ends a batch.
    await db.run(
      "INSERT INTO t SELECT n, CASE WHEN n > 100000 THEN repeat('x', 300) END FROM generate_series(1, 200000) n",
    );
    const log = await db.open();
    const end = await db.end();
    let expected = 1;
    let largest = 0;
    let last: LogBatch | null = null;
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    let peak = before;
    while (last === null || comparePositions(last.position, end) < 0) {
      last = await log.next();
      for (const item of last.items) {
        if (item.kind !== "change" || item.after?.[0] !== String(expected))
          throw new Error("out of order");
        expected += 1;
      }
      largest = Math.max(largest, last.bytes);
      peak = Math.max(peak, process.memoryUsage().rss);
    }
    expect(expected).toBe(200_001);
    expect(largest).toBeLessThan(1_048_576 + 4_096);
    expect(peak - before).toBeLessThan(160 * 1_048_576);
  });

  it("passes a row of 60 MB without holding it, its key and other columns intact", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY, big text, small text, bytes bytea)");
    await db.capture();
    await db.run(
      "INSERT INTO t VALUES (1, repeat('0123456789', 6000000), 'ünder', decode(repeat('ab', 1000000), 'hex'))",
      "UPDATE t SET small = 'next'",
      "INSERT INTO t VALUES (2, repeat('y', 500000), 'fits', NULL)",
      "INSERT INTO t VALUES (3, 'after', NULL, decode(repeat('ab', 1100000), 'hex'))",
    );
    const log = await db.open();
    const before = process.memoryUsage().arrayBuffers;
    const items = await db.items(log);
    expect(items.map(said)).toEqual([
      [
        "c",
        "t",
        null,
        ["1", new Skimmed(60_000_000), "ünder", new Uint8Array(1_000_000).fill(0xab)],
      ],
      ["u", "t", null, ["1", UNCHANGED, "next", UNCHANGED]],
      ["c", "t", null, ["2", "y".repeat(500_000), "fits", null]],
      ["c", "t", null, ["3", "after", null, new Skimmed(1_100_000)]],
    ]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1_048_576);
  });
});

describe("a slow consumer", () => {
  it("keeps its connection far beyond the server's patience, and loses nothing", async () => {
    const server = await own(18, { wal_sender_timeout: "1500" });
    const db = new LoggedDatabase(server, {}, KEEP);
    await db.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await db.capture();
    await db.run("INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 30000) n");
    const log = await db.open();
    let rows = (await log.next()).items.length;
    await sleep(5_000);
    const end = await db.end();
    for (;;) {
      const batch = await log.next();
      rows += batch.items.length;
      if (comparePositions(batch.position, end) >= 0) break;
    }
    expect(rows).toBe(30_000);
    expect(await server.log()).not.toContain("replication timeout");
    await log.close();
  }, 120_000);

  it("is felt by the server: no more than a bounded buffer is read while nobody asks", async () => {
    const server = await own(18);
    const db = new LoggedDatabase(server, {}, KEEP);
    await db.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await db.capture();
    await db.run("INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 100000) n");
    const log = await db.open();
    await log.next();
    await sleep(500);
    const before = process.memoryUsage();
    await sleep(2_000);
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1_048_576);
    const [row] = await db.server.query(
      "SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'walsender'",
    );
    expect(row?.["wait_event"]).toBe("WalSenderWriteData");
    await log.close();
  }, 120_000);
});

describe("a log over TLS", () => {
  it("gives many rows, and rows of any size, with back-pressure", async () => {
    const pems = await selfsigned.generate([{ name: "commonName", value: "db.test" }]);
    const server = await startPostgres({
      version: 18,
      files: { "server.key": pems.private, "server.crt": pems.cert },
      settings: { ssl: "on", wal_sender_timeout: "1500" },
      hba: ["hostnossl all all all reject", "hostnossl replication all all reject"],
    });
    servers.push(server);
    // The test's own statements go over TLS too.
    const db = new LoggedDatabase(server, {}, KEEP, { mode: "verify-ca", ca: pems.cert });
    await db.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await db.capture();
    await db.run(
      "INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 50000) n",
      "INSERT INTO t VALUES (50001, repeat('x', 3000000))",
      "INSERT INTO t VALUES (50002, repeat('x', 900000))",
    );
    const log = await db.open();
    const first = (await log.next()).items;
    await sleep(3_000);
    const rest = await db.items(log);
    const rows = [...first, ...rest].map((item) => (item.kind === "change" ? item.after : null));
    expect(rows.map((row) => row?.[0])).toEqual(
      Array.from({ length: 50_002 }, (_, n) => String(n + 1)),
    );
    expect(rows.slice(-2).map((row) => row?.[1])).toEqual([
      new Skimmed(3_000_000),
      "x".repeat(900_000),
    ]);
    await log.close();
  }, 120_000);
});

describe("the heartbeat", () => {
  it("moves the log of an idle database past what other databases write", async () => {
    await using db = await LoggedDatabase.shared(18);
    await using other = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    const start = await db.capture();
    await other.run("CREATE TABLE elsewhere AS SELECT generate_series(1, 10000) AS id");
    const written = await other.server.query("SELECT pg_current_wal_insert_lsn()::text AS lsn");
    const target = boundary(parseLsn(String(written[0]?.["lsn"])));
    const log = await db.open({ from: start }, { heartbeatIntervalMs: 50 });
    let last: LogBatch | null = null;
    while (last === null || comparePositions(last.position, target) < 0) last = await log.next();
    expect(last.items).toEqual([]);
    log.acknowledge(last.acknowledge ?? start);
    const { client, close } = await control(db);
    const freed = async (): Promise<boolean> => {
      const state = await readSlot(client, db.settings.slotName);
      return parseLsn(state?.confirmed_flush_lsn ?? "0/0") >= startLsn(target);
    };
    await expect.poll(freed, { timeout: 60_000 }).toBe(true);
    await close();
  });
});

describe("acknowledging", () => {
  it("frees the slot's log up to the end of a finished transaction, and no earlier than told", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    const start = await db.capture();
    await db.run("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)");
    const log = await db.open({}, { statusIntervalMs: 20 });
    const batches = await db.batches(log);
    await sleep(100);
    const connection = await openConnection(db.connection);
    const confirmed = async (): Promise<number> =>
      parseLsn(
        (await readSlot(connection.client, db.settings.slotName))?.confirmed_flush_lsn ?? "0/0",
      );
    expect(boundary(await confirmed())).toEqual(start);
    const last = batches.at(-1)?.acknowledge ?? start;
    log.acknowledge(last);
    await expect.poll(confirmed, { timeout: 60_000 }).toBe(startLsn(last));
    await log.close();
    expect((await db.read()).length).toBe(0);
    await connection.close();
  });

  it("of what was never read is refused as a bug", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    const log = await db.open();
    expect(() => log.acknowledge(boundary(Number.MAX_SAFE_INTEGER))).toThrow(/MR_BUG/);
  });
});

describe("a connection that ends", () => {
  it("is a lost connection, when the server is stopped, killed or cuts it, and the log goes on after", async () => {
    const server = await own(18);
    const db = new LoggedDatabase(server, {}, KEEP);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    const start = await db.capture();
    const ends = [
      () => server.restart(),
      () => server.kill().then(() => startAgain(server)),
      () =>
        db.run(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'",
        ),
    ];
    for (const [index, end] of ends.entries()) {
      const log = await db.open({ from: start }, { statusIntervalMs: 50, shutdownGraceMs: 300 });
      await db.run(`INSERT INTO t VALUES (${index})`);
      expect((await db.items(log)).length).toBe(index + 1);
      const pending = (async () => {
        for (;;) await log.next();
      })();
      const failed = codeOf(pending);
      await end();
      expect(await failed).toBe("MR_SOURCE_LOST_CONNECTION transient");
      expect(await codeOf(log.next())).toBe("MR_SOURCE_LOST_CONNECTION transient");
      await log.close();
    }
    expect((await db.read({ from: start })).length).toBe(3);
  }, 120_000);

  it("by our own close rejects the pending read, and frees the slot at once", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    await db.run("INSERT INTO t SELECT generate_series(1, 100000)");
    for (let round = 0; round < 5; round += 1) {
      const log = await db.open({}, { slotBusyTimeoutMs: 5_000 });
      if (round % 2 === 0) await log.next();
      const pending = codeOf(
        (async () => {
          for (;;) await log.next();
        })(),
      );
      await log.close();
      expect(await pending).toBe("MR_SOURCE_LOST_CONNECTION transient");
    }
  });

  it("without a word is noticed within the silence that is allowed", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    const proxy = await MutableProxy.listen(db.connection.port);
    const through = new LoggedDatabase({ ...db.server, port: proxy.port }, db.settings, KEEP);
    through.tables = db.tables;
    const log = await through.open({}, { silenceTimeoutMs: 600 });
    const pending = codeOf(
      (async () => {
        for (;;) await log.next();
      })(),
    );
    expect(await Promise.race([pending, sleep(1_500).then(() => "alive")])).toBe("alive");
    proxy.mute();
    const begun = performance.now();
    expect(await pending).toBe("MR_SOURCE_LOST_CONNECTION transient");
    expect(performance.now() - begun).toBeLessThan(3_000);
    await log.close();
    await proxy.close();
  });

  it("stays open through a silence in which the server answers pings", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    const log = await db.open({}, { silenceTimeoutMs: 300 });
    const firstChange = (async () => {
      for (;;) {
        const { items } = await log.next();
        if (items.length > 0) return items.map(said);
      }
    })();
    await sleep(2_000);
    await db.run("INSERT INTO t VALUES (1)");
    expect(await firstChange).toEqual([["c", "t", null, ["1"]]]);
    await log.close();
  });
});

describe("a slot", () => {
  it("that is missing is a loss for a pipeline that has run, and is made for one that has not", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    const start = await db.capture();
    const { client, close } = await control(db);
    await dropSlot(client, db.settings.slotName);
    const request = {
      slotName: db.settings.slotName,
      failover: true,
      known: start,
      recreate: false,
    };
    expect(await codeOf(prepareSlot(client, request))).toBe("MR_SOURCE_SLOT_MISSING loss");
    expect(await codeOf(db.open({ from: start }))).toBe("MR_SOURCE_SLOT_MISSING loss");
    const made = await prepareSlot(client, { ...request, recreate: true });
    expect(made.created).toBe(true);
    expect((await readSlot(client, db.settings.slotName))?.failover).toBe(true);
    const again = await prepareSlot(client, { ...request, known: made.start });
    expect(again).toEqual({ start: made.start, created: false });
    await close();
  });

  it("that was moved on by somebody else is a loss", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    const start = await db.capture();
    await db.run("INSERT INTO t VALUES (1)", "CHECKPOINT");
    await db.run(
      `SELECT pg_replication_slot_advance('${db.settings.slotName}', pg_current_wal_lsn())`,
    );
    expect(await codeOf(db.open({ from: start }))).toBe("MR_SOURCE_SLOT_LOST loss");
  });

  it("of a server whose log ends before our position is a loss", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    expect(await codeOf(db.open({ from: boundary(2 ** 50) }))).toBe("MR_SOURCE_LOSS loss");
  });

  it.each([18, 13] as const)(
    "that the server invalidated is a loss (PostgreSQL %i)",
    async (version) => {
      const server = await own(version, {
        max_slot_wal_keep_size: "1MB",
        max_wal_size: "32MB",
        min_wal_size: "32MB",
      });
      const db = new LoggedDatabase(server, {}, KEEP);
      await db.run("CREATE TABLE t (id int PRIMARY KEY, v text)");
      const start = await db.capture();
      for (let round = 0; round < 5; round += 1) {
        await db.run(
          `INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(${round * 30_000}, ${round * 30_000 + 29_999}) n`,
          "SELECT pg_switch_wal()",
          "CHECKPOINT",
        );
      }
      expect(await codeOf(db.open({ from: start }))).toBe("MR_SOURCE_SLOT_LOST loss");
      const { client, close } = await control(db);
      const request = {
        slotName: db.settings.slotName,
        failover: false,
        known: start,
        recreate: false,
      };
      expect(await codeOf(prepareSlot(client, request))).toBe("MR_SOURCE_SLOT_LOST loss");
      expect((await prepareSlot(client, { ...request, recreate: true })).created).toBe(true);
      await close();
    },
    120_000,
  );

  it("that another connection reads is waited for, then said with its backend", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await db.capture();
    const first = await db.open();
    expect(await codeOf(db.open({}, { slotBusyTimeoutMs: 300 }))).toBe(
      "MR_SOURCE_SLOT_BUSY transient",
    );
    const second = db.open({}, { slotBusyTimeoutMs: 10_000 });
    await first.close();
    await (await second).close();
  });

  it("of another plugin or database is not ours", async () => {
    await using db = await LoggedDatabase.shared(18);
    const { client, close } = await control(db);
    const slotName = `other_${db.server.database}`;
    await client.query("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [
      slotName,
    ]);
    const request = { slotName, failover: false, known: null, recreate: false };
    expect(await codeOf(prepareSlot(client, request))).toBe("MR_SOURCE_SLOT_FOREIGN config");
    expect(await codeOf(prepareSlot(client, { ...request, recreate: true }))).toBe(
      "MR_SOURCE_SLOT_FOREIGN config",
    );
    await client.query("SELECT pg_drop_replication_slot($1)", [slotName]);
    await client.query("SELECT pg_create_physical_replication_slot($1)", [slotName]);
    expect(await codeOf(prepareSlot(client, request))).toBe("MR_SOURCE_SLOT_FOREIGN config");
    await client.query("SELECT pg_drop_replication_slot($1)", [slotName]);
    await close();
  });

  it("cannot be made by a role without the right: the administrator's SQL is said", async () => {
    await using db = await LoggedDatabase.shared(18);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    const role = `role_${db.server.database}`;
    await db.run(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    const weak = await openConnection({ ...db.connection, user: role, password: "secret" });
    const request = {
      slotName: db.settings.slotName,
      failover: false,
      known: null,
      recreate: false,
    };
    await expect(prepareSlot(weak.client, request)).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      detail: `Role ${role} has no REPLICATION. It can neither create a slot nor read the log.`,
      remedy: `Let a superuser run: ALTER ROLE "${role}" WITH REPLICATION;`,
    });
    await weak.close();
    await db.run(`DROP ROLE ${role}`);
  });
});

describe.each([18, 13] as const)("a publication that is dropped (PostgreSQL %i)", (version) => {
  it("is a loss, while the log is read and when it is opened again", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    const start = await db.capture();
    await db.run("INSERT INTO t VALUES (1)");
    const log = await db.open({ from: start });
    expect((await db.items(log)).length).toBe(1);
    const { client, close } = await control(db);
    await dropPublication(client, db.settings.publicationName);
    await close();
    await db.run("INSERT INTO t VALUES (2)");
    // One that goes on comes to its end.
    expect(await codeOf(db.items(log))).toBe("MR_SOURCE_PUBLICATION_MISSING loss");
    await log.close();
    const again = await db.open({ from: start });
    expect(await codeOf(db.items(again))).toBe("MR_SOURCE_PUBLICATION_MISSING loss");
  });
});

async function control(db: LoggedDatabase) {
  const connection = await openConnection(db.connection);
  return { client: connection.client, close: () => connection.close() };
}

/** Passes bytes on until it is told to be silent, without closing anything. */
class MutableProxy {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  port = 0;

  private constructor(target: number) {
    this.#server = createServer((client) => {
      const upstream = createConnection(target, "127.0.0.1");
      this.#sockets.push(client, upstream);
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
    });
  }

  static async listen(target: number): Promise<MutableProxy> {
    const proxy = new MutableProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    const address = proxy.#server.address();
    if (address !== null && typeof address === "object") proxy.port = address.port;
    return proxy;
  }

  mute(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
