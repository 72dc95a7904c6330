/**
 * PostgreSQL for tests.
 *
 * {@link sharedPostgres} gives a fresh database on a server that all test files of a run share;
 * {@link startPostgres} gives a server of one's own, to restart, kill and configure.
 */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { askBroker, type ServerAddress } from "./broker-client.ts";
import type { PostgresVersion } from "./postgres-binaries.ts";
import type { Storage } from "./server-folder.ts";
import { PostgresProcess, type ProcessOptions } from "./postgres-process.ts";

export type { PostgresVersion } from "./postgres-binaries.ts";

/** Options of {@link startPostgres}. */
export interface StartOptions {
  /** Major version; 18 when left out. */
  readonly version?: PostgresVersion;
  /** Settings for postgresql.conf, as text; they win over the defaults of the tests. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Files for the data folder, readable by the server alone, by relative name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Lines that come first in pg_hba.conf. */
  readonly hba?: readonly string[];
  /** The port, when a test needs a certain one. */
  readonly port?: number;
  /** `disk` for a test that writes gigabytes; else memory is taken where there is plenty. */
  readonly storage?: Storage;
  /** Runs the server inside of something else (small-disk.ts). */
  readonly within?: ProcessOptions["within"];
}

/** Where a database is and how to make more of them. */
export interface PostgresDatabase {
  /** Major version of the server. */
  readonly version: number;
  readonly host: string;
  readonly port: number;
  /** A superuser. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Connection URL of `database` as `user`. */
  readonly url: string;
  /** Makes another database (its name may get a suffix) and gives its URL. */
  createDatabase(name: string): Promise<string>;
  /** Runs one statement (or several without parameters) on `database` in a session of its own; rows as objects. */
  query(sql: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

/** A server of one's own. */
export interface PostgresServer extends PostgresDatabase, AsyncDisposable {
  readonly dataDir: string;
  /** Stops (fast) and starts again on the same port; `settings` are added to postgresql.conf before. */
  restart(settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Ends the server as an administrator would. */
  stopFast(): Promise<void>;
  /** SIGKILL to every process of the server. */
  kill(): Promise<void>;
  /** Starts a stopped or killed server again. */
  start(): Promise<void>;
  /** The server's log so far. */
  log(): Promise<string>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

/** A fresh database on the shared server. */
export interface SharedPostgres extends PostgresDatabase, AsyncDisposable {
  /** Drops the databases made through this handle and the replication slots in them. */
  release(): Promise<void>;
}

/** Starts a server of one's own; about 0.5 s. It ends with the process that started it, whatever happens. */
export async function startPostgres(options: StartOptions = {}): Promise<PostgresServer> {
  const version = options.version ?? 18;
  const server = await PostgresProcess.create({
    version,
    storage: options.storage ?? "auto",
    settings: options.settings ?? {},
    files: options.files ?? {},
    hba: options.hba ?? [],
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.within === undefined ? {} : { within: options.within }),
  });
  return serverOf(server, version);
}

/** What tests do with a server that runs. */
export function serverOf(server: PostgresProcess, version: PostgresVersion): PostgresServer {
  const address = {
    version,
    host: "127.0.0.1",
    port: server.port,
    user: "postgres",
    password: server.password,
  };
  const restart = async (settings: Readonly<Record<string, string>> = {}): Promise<void> => {
    await server.stopFast();
    await server.configure(settings);
    await server.start();
  };
  return {
    ...databaseAt(address, "postgres"),
    dataDir: server.dataDir,
    restart,
    stopFast: () => server.stopFast(),
    kill: () => server.kill(),
    start: () => server.start(),
    log: () => server.log(),
    stop: () => server.remove(),
    [Symbol.asyncDispose]: () => server.remove(),
  };
}

/**
 * A fresh database on a server that is shared by the whole test run: the user's, where
 * MILLRACE_TEST_POSTGRES_URL names one (for 18 only), else one that the run started.
 * Roles, slots' names and the log are the server's: choose names that no other test has.
 */
export async function sharedPostgres(version: PostgresVersion = 18): Promise<SharedPostgres> {
  return freshDatabase(await askBroker(version));
}

/** The same on a server of the test's own, where nothing of another test holds anything back. */
export function databaseOn(server: PostgresServer): Promise<SharedPostgres> {
  return freshDatabase(server);
}

async function freshDatabase(address: ServerAddress): Promise<SharedPostgres> {
  const suffix = randomBytes(5).toString("hex");
  const made: string[] = [];
  const admin = databaseAt(address, address.database ?? "postgres");
  const create = async (name: string): Promise<string> => {
    const database = `${name}_${suffix}`;
    made.push(database);
    await admin.createDatabase(database);
    return database;
  };
  const release = async (): Promise<void> => {
    for (const database of made.splice(0)) await dropDatabase(admin, database);
  };
  const shared = databaseAt(address, await create("test"));
  return {
    ...shared,
    createDatabase: async (name) => urlOf(address, await create(name)),
    release,
    [Symbol.asyncDispose]: release,
  };
}

function databaseAt(address: ServerAddress, database: string): PostgresDatabase {
  const { version, host, port, user, password } = address;
  const url = urlOf(address, database);
  const createDatabase = async (name: string): Promise<string> => {
    await queryOnce(url, `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0`);
    return urlOf(address, name);
  };
  const query = (
    sql: string,
    parameters?: readonly unknown[],
  ): Promise<Record<string, unknown>[]> => queryOnce(url, sql, parameters);
  return { version, host, port, user, password, database, url, createDatabase, query };
}

function urlOf(address: ServerAddress, database: string): string {
  const user = `${encodeURIComponent(address.user)}:${encodeURIComponent(address.password)}`;
  return `postgres://${user}@${address.host}:${address.port}/${encodeURIComponent(database)}`;
}

async function queryOnce(
  url: string,
  sql: string,
  parameters?: readonly unknown[],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // A server that ends takes its sessions along; whoever waits for an answer is told.
  client.on("error", () => undefined);
  await client.connect();
  try {
    const result = await client.query<Record<string, unknown>>(sql, parameters && [...parameters]);
    return result.rows;
  } finally {
    await client.end();
  }
}

/** A slot is dropped by its database only; one that is still being read is freed first. */
async function dropDatabase(admin: PostgresDatabase, database: string): Promise<void> {
  const slots = "FROM pg_replication_slots WHERE database = $1";
  for (let attempt = 0; attempt < 100; attempt += 1) {
    await admin.query(`SELECT pg_drop_replication_slot(slot_name) ${slots} AND NOT active`, [
      database,
    ]);
    await admin.query(`SELECT pg_terminate_backend(active_pid) ${slots} AND active`, [database]);
    const left = await admin.query(`SELECT 1 ${slots}`, [database]);
    if (left.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await admin.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(database)} WITH (FORCE)`);
}
