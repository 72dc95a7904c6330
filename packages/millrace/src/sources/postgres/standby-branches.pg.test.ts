/** Several servers of one cluster behind what a source names: standbys of different age, and of different branches. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type PostgresReplica,
  startReplica,
} from "../../../../../test/support/postgres-replica.ts";
import { type PostgresServer, startPostgres } from "../../../../../test/support/postgres.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { POSTGRES_SOURCE_DEFAULTS, type PostgresSourceOptions } from "./options.ts";
import { parseLsn } from "./position.ts";
import { PostgresSource } from "./source.ts";
import { transactionId } from "./transaction-id.ts";

const LIMITS = { maxValueBytes: 1_048_576, batchBytes: 65_536 };

/** A name that leads to one server now and to another one later; what was dialled stays. */
class MovingName {
  target: { host: string; port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(target: { host: string; port: number }) {
    this.target = target;
    this.#server = createServer((near) => {
      const far = connect(this.target.port, this.target.host);
      near.pipe(far).pipe(near);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => other.destroy()).on("close", () => other.destroy());
      }
    });
  }

  async listen(): Promise<{ hostname: string; port: number }> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return { hostname: "127.0.0.1", port: address.port };
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

describe("several servers of one cluster", () => {
  let primary: PostgresServer;
  let first: PostgresReplica;
  let second: PostgresReplica;
  /** Follows `first`, before and after it is promoted. */
  let follower: PostgresReplica;
  const open: { close(): void | Promise<void> }[] = [];

  beforeAll(async () => {
    primary = await startPostgres();
    await primary.query("CREATE TABLE t (id bigint PRIMARY KEY, v text)");
    await primary.query("INSERT INTO t VALUES (5001, 'old')");
    first = await startReplica(primary, { name: "first" });
    second = await startReplica(primary, { name: "second" });
    follower = await startReplica(primary, { name: "follower" });
    await first.query("SELECT pg_create_physical_replication_slot('follower', true)");
    const { host, port, user, password } = first;
    await follower.query(
      `ALTER SYSTEM SET primary_conninfo = 'host=${host} port=${port} user=${user} password=${password}'`,
    );
    await follower.query("SELECT pg_reload_conf()");
  });
  afterAll(async () => {
    for (const server of [follower, second, first, primary]) await server.stop();
  });
  afterEach(async () => {
    await second.query("SELECT pg_wal_replay_resume()");
    for (const one of open.splice(0)) await one.close();
  });

  const addressOf = ({ host, port }: PostgresServer) => ({ hostname: host, port });

  async function nameFor(target: PostgresServer) {
    const name = new MovingName(target);
    open.push(name);
    return { name, address: await name.listen() };
  }

  async function sourceOf(
    more: Partial<PostgresSourceOptions>,
  ): Promise<{ source: PostgresSource; shape: TableShape }> {
    const options: PostgresSourceOptions = {
      ...POSTGRES_SOURCE_DEFAULTS,
      ...addressOf(primary),
      username: primary.user,
      password: primary.password,
      database: primary.database,
      matches: (schema) => schema === "public",
      tablesText: "public.\\.*",
      slotName: "branches",
      publicationName: "branches",
      ...more,
    };
    const ports = { clock: systemClock, random: Math.random, log: silentLogger };
    const source = new PostgresSource(options, { pipeline: "test", ...ports });
    open.unshift(source);
    const [table] = await source.discover();
    if (table === undefined) throw new Error("no table was discovered");
    return { source, shape: table.shape };
  }

  async function rowsIn(snapshot: SourceSnapshot, shape: TableShape): Promise<string[]> {
    const found: string[] = [];
    for await (const { rows } of snapshot.readChunk(shape, { from: null, to: null }, LIMITS))
      for (const row of rows) found.push(`${String(row.after?.[0])} ${String(row.after?.[1])}`);
    await snapshot.close();
    return found;
  }

  it("behind one name: no snapshot is older than what another one has proved", async () => {
    const { name, address } = await nameFor(first);
    const { source, shape } = await sourceOf({ snapshot: address });
    await source.prepare([shape], null);
    await second.caughtUp();
    await second.query("SELECT pg_wal_replay_pause()");
    const [wrote] = await primary.query(
      "WITH at AS (SELECT pg_current_wal_insert_lsn() AS lsn) UPDATE t SET v = 'new' FROM at RETURNING lsn::text, pg_current_xact_id()::text AS xid",
    );
    await primary.query("INSERT INTO t VALUES (5002, 'new')");
    await first.caughtUp();
    const id = transactionId(String(wrote?.["xid"]), parseLsn(String(wrote?.["lsn"])));
    expect(await source.unseen([id])).toEqual([]);
    name.target = second;
    // The control session still asks the first one, which is far enough; the snapshot's leads to the second.
    const position = await source.logEnd();
    await primary.query("SELECT pg_logical_emit_message(false, '', '')");
    await first.caughtUp();
    await expect(source.openSnapshot({ position })).rejects.toThrow("MR_SOURCE_STANDBY");
    await expect(source.openSnapshot()).rejects.toThrow("MR_SOURCE_STANDBY");
    await second.query("SELECT pg_wal_replay_resume()");
    await second.caughtUp();
    const snapshot = await source.openSnapshot({ position, transactions: [id] });
    expect(await rowsIn(snapshot, shape)).toEqual(["5001 new", "5002 new"]);
    await source.cleanUp();
  });

  it("on two branches: chunks come from the log's one, and every run asks the server that its name leads to", async () => {
    const { name, address } = await nameFor(primary);
    const { source: moved, shape } = await sourceOf(address);
    await moved.prepare([shape], null);
    await (await moved.openSnapshot()).close();
    await first.caughtUp();
    await primary.query("SELECT pg_drop_replication_slot('branches')");
    const following = await sourceOf({ ...addressOf(first), snapshot: addressOf(follower) });
    const left = await sourceOf({ ...addressOf(first), snapshot: addressOf(second) });
    await first.promote();
    await first.query("INSERT INTO t VALUES (6001, 'here')");
    while ((await follower.query("SELECT FROM t WHERE id = 6001")).length === 0) await sleep(20);
    // Nothing was replayed yet that the log does not have.
    await (await left.source.openSnapshot()).close();
    await primary.query("INSERT INTO t VALUES (7001, 'there')");
    await second.caughtUp();

    await expect(left.source.openSnapshot()).rejects.toThrow(/MR_SOURCE_STANDBY.*left/);
    const chunk = await rowsIn(await following.source.openSnapshot(), shape);
    expect(chunk.at(-1)).toBe("6001 here");

    // Replays what the old primary's log has not, and its control file does not say so yet.
    const lagging = "SELECT timeline_id AS t FROM pg_control_checkpoint()";
    expect(await follower.query(lagging)).toEqual([{ t: 1 }]);
    const foreign = await sourceOf({ ...addressOf(primary), snapshot: addressOf(follower) });
    await expect(foreign.source.openSnapshot()).rejects.toThrow(/MR_SOURCE_STANDBY.*timeline 2/);

    // The old primary lives on, and so would sessions that were opened before.
    name.target = first;
    await moved.prepare([shape], null, { recreate: true });
    expect(await rowsIn(await moved.openSnapshot(), shape)).toEqual(chunk);

    // The name moves back while the log is open: what is opened now is not the log's server.
    const held = await moved.openSnapshot();
    name.target = primary;
    await expect(moved.openSnapshot()).rejects.toThrow(/MR_SOURCE_LOST_CONNECTION.*another server/);
    await expect(
      moved.openLog({ from: null, tables: new Map([[shape.id, shape]]), maxValueBytes: 1_000 }),
    ).rejects.toThrow(/another server/);
    await held.close();
    // Nor is it asked where the log ends, what is kept of it, and what tables are: that would be of another branch.
    await first.query(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = $1 AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
      [first.user],
    );
    await expect(moved.logEnd()).rejects.toThrow(/MR_SOURCE_LOST_CONNECTION.*another server/);
    await expect(moved.retention()).rejects.toThrow(/another server/);
    const standing = { carrier: null, parts: null };
    await expect(moved.look([{ shape, standing }])).rejects.toThrow(/another server/);
    name.target = first;
    await moved.cleanUp();
  });
});
