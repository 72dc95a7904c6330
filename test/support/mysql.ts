/**
 * MySQL and MariaDB for tests.
 *
 * {@link sharedMysql} gives a fresh database on a server that all test files of a run share;
 * {@link startMysql} gives a server of one's own, to restart, kill and configure.
 */
import { askBrokerForMysql, type MysqlAddress } from "./broker-client.ts";
import type { MysqlFlavor } from "./mysql-binaries.ts";
import { databaseAt, dropDatabases, freshDatabase, type MysqlDatabase } from "./mysql-database.ts";
import { MysqlProcess, type MysqlSettings } from "./mysql-process.ts";
import { dropUsers, type MysqlUser, type UserOptions, createUser } from "./mysql-users.ts";
import type { Storage } from "./server-folder.ts";

export { mysqlFlavors, type MysqlFlavor } from "./mysql-binaries.ts";
export type { MysqlDatabase } from "./mysql-database.ts";
export type { MysqlSettings } from "./mysql-process.ts";
export type { MysqlUser, UserOptions } from "./mysql-users.ts";

/** Options of {@link startMysql}. */
export interface StartMysqlOptions {
  /** Settings as in a configuration file, as text; they win over the defaults of the tests. */
  readonly settings?: MysqlSettings;
  /** Files for the data folder, readable by the server alone, by relative name; settings name them relatively too. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the time zone SYSTEM is, as `TZ` has it; sessions have +00:00 unless `default_time_zone` says otherwise. */
  readonly systemTimeZone?: string;
  /** The port, when a test needs a certain one. */
  readonly port?: number;
  /** `disk` for a test that writes gigabytes; else memory is taken where there is plenty. */
  readonly storage?: Storage;
}

/** A server of one's own. */
export interface MysqlServer extends MysqlDatabase, AsyncDisposable {
  readonly dataDir: string;
  /** The Unix socket. */
  readonly socket: string;
  /** Stops (cleanly) and starts again on the same port; `settings` win over those of before. */
  restart(settings?: MysqlSettings): Promise<void>;
  /** Ends the server as an administrator would; 1 s. */
  shutDown(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts a server again that was shut down or killed. */
  start(): Promise<void>;
  /** The server's log so far. */
  log(): Promise<string>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
  createUser(options?: UserOptions): Promise<MysqlUser>;
}

/** A fresh database on the shared server. */
export interface SharedMysql extends MysqlDatabase, AsyncDisposable {
  /** Another user, gone at the release as the databases are. */
  createUser(options?: UserOptions): Promise<MysqlUser>;
  /** Ends the sessions in the databases made through this handle and drops these and the users. */
  release(): Promise<void>;
}

/** Starts a server of one's own; about 1 s. It ends with the process that started it, whatever happens. */
export async function startMysql(
  flavor: MysqlFlavor,
  options: StartMysqlOptions = {},
): Promise<MysqlServer> {
  const server = await MysqlProcess.create({
    flavor,
    storage: options.storage ?? "auto",
    settings: options.settings ?? {},
    files: options.files ?? {},
    systemTimeZone: options.systemTimeZone ?? "UTC",
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  const root = databaseAt(addressOf(server), "test");
  return {
    ...root,
    dataDir: server.dataDir,
    socket: server.socket,
    restart: async (settings = {}) => {
      await server.stop();
      server.configure(settings);
      await server.start();
    },
    shutDown: () => server.stop(),
    kill: () => server.kill(),
    start: () => server.start(),
    log: () => server.log(),
    stop: () => server.remove(),
    createUser: (user) => createUser(root, user),
    [Symbol.asyncDispose]: () => server.remove(),
  };
}

/**
 * A fresh database on a server that is shared by the whole test run: the user's, where MILLRACE_TEST_MYSQL_URL or
 * MILLRACE_TEST_MARIADB_URL names one, else one that the run started. The binary log, users and settings are the
 * server's: a reader meets the changes of other tests, and has to have a server id of its own.
 */
export async function sharedMysql(flavor: MysqlFlavor): Promise<SharedMysql> {
  const address = await askBrokerForMysql(flavor);
  const admin = databaseAt(address, "");
  const { database, made } = await freshDatabase(admin);
  const shared = databaseAt(address, database);
  const users: MysqlUser[] = [];
  const release = async (): Promise<void> => {
    await dropDatabases(admin, made.splice(0));
    await dropUsers(admin, users.splice(0));
  };
  return {
    ...shared,
    createDatabase: async (name) => (await freshDatabase(admin, name, made)).url,
    createUser: async (options) => {
      const user = await createUser(shared, options);
      users.push(user);
      return user;
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** Where a server of ours is. */
export function addressOf(server: MysqlProcess): MysqlAddress {
  const { flavor, version } = server.binaries;
  const { port, password } = server;
  return { flavor, version, host: "127.0.0.1", port, user: "root", password };
}
