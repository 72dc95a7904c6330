/** One MySQL or MariaDB server as a process of ours: its start and its ends, gentle and violent. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "./free-port.ts";
import { findMysqlBinaries, type MysqlBinaries, type MysqlFlavor } from "./mysql-binaries.ts";
import { copyMysqlTemplate, mysqlFolders } from "./mysql-template.ts";
import { makeFolder, watchOver, type Storage } from "./server-folder.ts";

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 60_000;

/** Settings as a configuration file would have them: `binlog_row_image`, `gtid_mode`. */
export type MysqlSettings = Readonly<Record<string, string>>;

/** What a server may be told. */
export interface MysqlProcessOptions {
  readonly flavor: MysqlFlavor;
  readonly storage: Storage;
  readonly settings: MysqlSettings;
  /** Files for the data folder, by relative name. */
  readonly files: Readonly<Record<string, string>>;
  /** `TZ` of the server's process: what its `time_zone` SYSTEM means. */
  readonly systemTimeZone: string;
  /** A free one when left out. */
  readonly port?: number;
}

/** What a pipeline wants of its source, and small: nothing waits for a disk, the data is thrown away. */
const commonSettings: MysqlSettings = {
  bind_address: "127.0.0.1",
  skip_name_resolve: "ON",
  max_connections: "300",
  binlog_row_metadata: "FULL",
  default_time_zone: "+00:00",
  character_set_server: "utf8mb4",
  local_infile: "ON",
  // The log is with the system at each commit, so that it outlives SIGKILL, but not on the disk.
  innodb_flush_log_at_trx_commit: "2",
  sync_binlog: "0",
  innodb_buffer_pool_size: "64M",
  innodb_buffer_pool_dump_at_shutdown: "OFF",
  innodb_buffer_pool_load_at_startup: "OFF",
  // Containers forbid io_uring, and machines bound the number of aio requests.
  innodb_use_native_aio: "OFF",
};

const settingsOf: Readonly<Record<MysqlFlavor, MysqlSettings>> = {
  mysql: {
    ...commonSettings,
    // Half of the memory and of the start.
    performance_schema: "OFF",
    innodb_redo_log_capacity: "32M",
  },
  mariadb: {
    ...commonSettings,
    log_bin: "binlog",
    binlog_format: "ROW",
    log_slave_updates: "ON",
    innodb_log_file_size: "32M",
  },
};

/** A running (or stopped, or killed) server. */
export class MysqlProcess {
  readonly port: number;
  readonly binaries: MysqlBinaries;
  readonly #folder: string;
  readonly #password: string;
  readonly #timeZone: string;
  #settings: MysqlSettings;
  #server: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;

  private constructor(
    port: number,
    folder: string,
    password: string,
    binaries: MysqlBinaries,
    options: MysqlProcessOptions,
  ) {
    this.port = port;
    this.binaries = binaries;
    this.#folder = folder;
    this.#password = password;
    this.#timeZone = options.systemTimeZone;
    // No two servers of this machine have the same port, so no replica meets its own id.
    const own = { port: String(port), server_id: String(port) };
    this.#settings = { ...settingsOf[options.flavor], ...own, ...options.settings };
  }

  /** Makes the data folder and starts the server; resolves when it accepts connections. */
  static async create(options: MysqlProcessOptions): Promise<MysqlProcess> {
    const binaries = await findMysqlBinaries(options.flavor);
    const folder = await makeFolder(mysqlFolders, options.storage, undefined);
    try {
      const password = await copyMysqlTemplate(binaries, join(folder, "data"));
      await writeFiles(join(folder, "data"), options.files);
      const port = options.port ?? (await findFreePort());
      const server = new MysqlProcess(port, folder, password, binaries, options);
      await server.start();
      return server;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get dataDir(): string {
    return join(this.#folder, "data");
  }

  /** The Unix socket. */
  get socket(): string {
    return join(this.#folder, "socket");
  }

  /** root's. */
  get password(): string {
    return this.#password;
  }

  /** Starts a server that was stopped or killed, on the same port and data. */
  async start(): Promise<void> {
    if (this.#server) throw new Error(`${this.binaries.flavor} is running already.`);
    const logFile = join(this.#folder, "log");
    const log = openSync(logFile, "a");
    const { size: logStart } = await stat(logFile);
    const [program = "", ...args] = [...this.binaries.server, ...this.#options()];
    // A session of its own: Ctrl-C on the test run must not reach it before us.
    const server = spawn(program, args, {
      stdio: ["ignore", log, log],
      cwd: "/",
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin", TZ: this.#timeZone },
      detached: true,
    });
    closeSync(log);
    server.unref();
    this.#server = server;
    await writeFile(join(this.#folder, mysqlFolders.pidFile), String(server.pid));
    this.#watchdog ??= watchOver(mysqlFolders, this.#folder, undefined);
    await this.#ready(server, logStart);
  }

  /** As an administrator does: SIGTERM, which ends sessions and closes the log cleanly. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** SIGKILL: what a crash looks like. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Ends the server at once and removes its folder. */
  async remove(): Promise<void> {
    await this.#end("SIGKILL");
    this.#watchdog?.kill("SIGKILL");
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** What the server wrote to its log since it was created. */
  log(): Promise<string> {
    return readFile(join(this.#folder, "log"), "utf8");
  }

  /** Takes effect at the next start. */
  configure(settings: MysqlSettings): void {
    this.#settings = { ...this.#settings, ...settings };
  }

  #options(): string[] {
    const own = [
      `--datadir=${this.dataDir}`,
      `--socket=${this.socket}`,
      // A server that starts removes temporary files of others that share the folder.
      `--tmpdir=${this.#folder}`,
      `--pid-file=${join(this.#folder, "server-pid")}`,
    ];
    return [...own, ...Object.entries(this.#settings).map(([name, value]) => `--${name}=${value}`)];
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server || hasEnded(server)) return;
    const exited = once(server, "exit");
    server.ref();
    server.kill(signal);
    const late = setTimeout(() => server.kill("SIGKILL"), stopTimeoutMs);
    await exited;
    clearTimeout(late);
    if (server.signalCode === "SIGKILL" && signal !== "SIGKILL")
      throw new Error(`The server did not end within ${stopTimeoutMs} ms of ${signal}.`);
  }

  /** Both say so in their log once they listen. */
  async #ready(server: ChildProcess, logStart: number): Promise<void> {
    const deadline = Date.now() + readyTimeoutMs;
    while (Date.now() < deadline && !hasEnded(server)) {
      if ((await this.#logFrom(logStart)).includes("ready for connections")) return;
      await sleep(10);
    }
    const lastLines = (await this.log()).split("\n").slice(-20).join("\n");
    await this.#end("SIGKILL");
    throw new Error(`${this.binaries.flavor} did not start:\n${lastLines}`);
  }

  async #logFrom(start: number): Promise<string> {
    const log = await readFile(join(this.#folder, "log"));
    return log.subarray(start).toString();
  }
}

async function writeFiles(data: string, files: MysqlProcessOptions["files"]): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(data, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: 0o600 });
  }
}

function hasEnded(server: ChildProcess): boolean {
  return server.exitCode !== null || server.signalCode !== null;
}
