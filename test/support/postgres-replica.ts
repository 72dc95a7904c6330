/**
 * Physical replicas of a test's own PostgreSQL: taken as pg_basebackup does, followed, promoted.
 *
 * The npm packages of PostgreSQL have no pg_basebackup, so the backup is made by its own functions.
 */
import { cp, chmod, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { PostgresVersion, UnixUser } from "./postgres-binaries.ts";
import { giveTo } from "./server-folder.ts";
import { PostgresProcess } from "./postgres-process.ts";
import { type PostgresServer, serverOf } from "./postgres.ts";

/** Options of {@link startReplica}. */
export interface ReplicaOptions {
  /** Its physical slot at the primary, and its application_name; `replica` when left out. */
  readonly name?: string;
  /** Settings for postgresql.conf that the primary does not have. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A server that follows another one, until it is promoted. */
export interface PostgresReplica extends PostgresServer {
  /** Ends recovery; resolves when it takes writes. */
  promote(): Promise<void>;
  /** Waits until all that the primary has flushed by now is replayed here. */
  caughtUp(): Promise<void>;
}

const CAUGHT_UP_TIMEOUT_MS = 30_000;

/** Contents that a backup leaves out: another server's locks, slots, log and statistics. */
const LEFT_OUT = new Set(["pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_stat_tmp"]);
const FILES_LEFT_OUT = new Set(["postmaster.pid", "postmaster.opts", "standby.signal"]);

/** Takes a replica of a running server (18) and starts it; about 1 s. It may be a replica itself. */
export async function startReplica(
  primary: PostgresServer,
  options: ReplicaOptions = {},
): Promise<PostgresReplica> {
  const name = options.name ?? "replica";
  await primary.query("SELECT pg_create_physical_replication_slot($1, true)", [name]);
  const { host, port, user, password } = primary;
  const conninfo = `host=${host} port=${port} user=${user} password=${password} dbname=postgres application_name=${name}`;
  const server = await PostgresProcess.create({
    version: primary.version as PostgresVersion,
    storage: "auto",
    settings: {
      hot_standby_feedback: "on",
      wal_receiver_status_interval: "1s",
      wal_retrieve_retry_interval: "100ms",
      ...options.settings,
      primary_conninfo: conninfo,
      primary_slot_name: name,
    },
    files: { "standby.signal": "" },
    hba: [],
    fill: (data, unixUser) => backUp(primary, data, unixUser),
  });
  const replica = serverOf(server, primary.version as PostgresVersion);
  return {
    ...replica,
    promote: async () => {
      await replica.query("SELECT pg_promote(true, 60)");
    },
    caughtUp: () => caughtUp(primary, replica),
  };
}

/** A base backup of a running server; its own settings come along. */
async function backUp(
  primary: PostgresServer,
  data: string,
  user: UnixUser | undefined,
): Promise<string> {
  const session = new pg.Client({ connectionString: primary.url });
  await session.connect();
  try {
    await session.query("SELECT pg_backup_start('replica', fast => true)");
    await copyFolder(primary.dataDir, data);
    const { rows } = await session.query<{ labelfile: string }>(
      "SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)",
    );
    await writeFile(join(data, "backup_label"), rows[0]?.labelfile ?? "");
  } finally {
    await session.end();
  }
  if (user !== undefined) await giveTo(user, data);
  return primary.password;
}

async function copyFolder(from: string, to: string): Promise<void> {
  // A file that goes while it is copied is in the log, which is replayed.
  for (let attempt = 0; ; attempt += 1) {
    try {
      await cp(from, to, { recursive: true, force: true, filter: (path) => isWanted(from, path) });
      break;
    } catch (error) {
      if (attempt > 20 || !isMissingFile(error)) throw error;
    }
  }
  await mkdir(join(to, "pg_wal", "archive_status"), { recursive: true });
  await chmod(to, 0o700);
  for (const folder of LEFT_OUT) await mkdir(join(to, folder), { recursive: true });
}

function isWanted(root: string, path: string): boolean {
  const inside = relative(root, path);
  if (dirname(inside) === "." && FILES_LEFT_OUT.has(inside)) return false;
  const [top = ""] = inside.split("/");
  return !LEFT_OUT.has(top) && !basename(inside).startsWith("pgsql_tmp");
}

function isMissingFile(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function caughtUp(primary: PostgresServer, replica: PostgresServer): Promise<void> {
  const [row] = await primary.query(
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS lsn",
  );
  const lsn = String(row?.["lsn"]);
  for (const deadline = Date.now() + CAUGHT_UP_TIMEOUT_MS; ; await sleep(20)) {
    const [now] = await replica.query("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there", [
      lsn,
    ]);
    if (now?.["there"] === true) return;
    if (Date.now() > deadline) throw new Error(`The replica has not replayed ${lsn}.`);
  }
}
