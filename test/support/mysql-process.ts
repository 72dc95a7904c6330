/** One MySQL or MariaDB server as a process of ours: its start and its ends, gentle and violent. */
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findFreePort } from "./free-port.ts";
import { findMysqlBinaries, type MysqlBinaries, type MysqlFlavor } from "./mysql-binaries.ts";
import { copyMysqlTemplate, mysqlFolders } from "./mysql-template.ts";
import { makeFolder, type Storage } from "./server-folder.ts";
import { ServerProcess } from "./server-process.ts";

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
  // Seconds that a login may take: ten, as servers have it, are too few on a machine that others fill.
  connect_timeout: "120",
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
  readonly #process: ServerProcess;
  #settings: MysqlSettings;

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
    const kind = mysqlFolders;
    this.#process = new ServerProcess({ name: binaries.flavor, kind, folder, user: undefined });
    // No two servers of this machine have the same port, so no replica meets its own id.
    const own = { port: String(port), server_id: String(port) };
    this.#settings = { ...settingsOf[options.flavor], ...own, ...options.settings };
  }

  /** Makes the data folder and starts the server; resolves when it accepts connections. */
  static async create(options: MysqlProcessOptions): Promise<MysqlProcess> {
    const binaries = await findMysqlBinaries(options.flavor);
    const folder = await makeFolder(mysqlFolders, options.storage, undefined);
    try {
      const password = await copyMysqlTemplate(binaries, join(folder, "data"), options.settings);
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
    const logStart = await stat(this.#process.logFile).then(
      ({ size }) => size,
      () => 0,
    );
    this.#process.spawn([...this.binaries.server, ...this.#options()], this.#timeZone);
    await writeFile(join(this.#folder, mysqlFolders.pidFile), String(this.#process.pid));
    // Both say so in their log once they listen.
    await this.#process.ready(async () =>
      (await this.#logFrom(logStart)).includes("ready for connections"),
    );
  }

  /** As an administrator does: SIGTERM, which ends sessions and closes the log cleanly. */
  stop(): Promise<void> {
    return this.#process.end("SIGTERM");
  }

  /** SIGKILL: what a crash looks like. */
  kill(): Promise<void> {
    return this.#process.end("SIGKILL");
  }

  /** Ends the server at once and removes its folder. */
  async remove(): Promise<void> {
    await this.#process.end(mysqlFolders.signal);
    await this.#process.removeFolder();
  }

  /** What the server wrote to its log since it was created. */
  log(): Promise<string> {
    return this.#process.log();
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

  async #logFrom(start: number): Promise<string> {
    const log = await readFile(this.#process.logFile);
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
