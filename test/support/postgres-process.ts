/** One PostgreSQL server as a process of ours: its start and its ends, gentle and violent. */
import { execFile } from "node:child_process";
import { appendFile, cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "./free-port.ts";
import {
  binariesIn,
  findBinaries,
  isOpenToAll,
  serverUser,
  type PostgresBinaries,
  type PostgresVersion,
  type UnixUser,
} from "./postgres-binaries.ts";
import { configure, confLines, postgresFolders, type Configuration } from "./postgres-folder.ts";
import { copyTemplate } from "./postgres-template.ts";
import { descendantsOf, killQuietly, isAlive } from "./processes.ts";
import { giveTo, makeFolder, type Storage } from "./server-folder.ts";
import { readyTimeoutMs, ServerProcess } from "./server-process.ts";

/** Enough for many pipelines at once, and nothing waits for a disk: the data is thrown away. */
const defaultSettings: Readonly<Record<string, string>> = {
  wal_level: "logical",
  max_wal_senders: "64",
  max_replication_slots: "64",
  max_connections: "300",
  max_prepared_transactions: "32",
  shared_buffers: "64MB",
  // In the data folder, so that a killed server leaves nothing elsewhere.
  dynamic_shared_memory_type: "mmap",
  max_wal_size: "512MB",
  fsync: "off",
  full_page_writes: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
};

/** What a server may be told. */
export interface ProcessOptions extends Configuration {
  readonly version: PostgresVersion;
  readonly storage: Storage;
  /** A free one when left out. */
  readonly port?: number;
  /** Called before each start with the data folder; gives the command that the server is run by, in front of its own. */
  readonly within?: (data: string, user: UnixUser | undefined) => Promise<readonly string[]>;
  /** Makes the data folder, owned by `user`, and gives the superuser's password; a fresh database when left out. */
  readonly fill?: (data: string, user: UnixUser | undefined) => Promise<string>;
}

/** What stays the same over all starts of a server. */
interface Installation {
  readonly folder: string;
  readonly password: string;
  readonly binaries: PostgresBinaries;
  readonly user: UnixUser | undefined;
  readonly within: ProcessOptions["within"];
}

/** A running (or stopped, or killed) server. */
export class PostgresProcess {
  readonly port: number;
  readonly #installation: Installation;
  readonly #process: ServerProcess;

  private constructor(port: number, installation: Installation) {
    this.port = port;
    this.#installation = installation;
    const { folder, user } = installation;
    this.#process = new ServerProcess({ name: "PostgreSQL", kind: postgresFolders, folder, user });
  }

  /** Makes the data folder and starts the server; resolves when it accepts connections. */
  static async create(options: ProcessOptions): Promise<PostgresProcess> {
    const user = serverUser();
    const folder = await makeFolder(postgresFolders, options.storage, user);
    try {
      const installation = await install(folder, options, user);
      const server = new PostgresProcess(options.port ?? (await findFreePort()), installation);
      await server.start();
      return server;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get dataDir(): string {
    return join(this.#installation.folder, "data");
  }

  /** The superuser's. */
  get password(): string {
    return this.#installation.password;
  }

  /**
   * Starts a server that was stopped or killed, on the same port and data. The last of killed backends may take a moment
   * to let go of the shared memory; until then PostgreSQL refuses to start.
   */
  async start(): Promise<void> {
    for (const deadline = Date.now() + readyTimeoutMs; ; await sleep(50)) {
      try {
        return await this.#startOnce();
      } catch (error) {
        const held =
          error instanceof Error && /pre-existing shared memory block/.test(error.message);
        if (!held || Date.now() > deadline) throw error;
      }
    }
  }

  async #startOnce(): Promise<void> {
    const { binaries, user, within } = this.#installation;
    const launcher = (await within?.(this.dataDir, user)) ?? [];
    const command = [binaries.postgres, "-D", this.dataDir, "-p", String(this.port)];
    this.#process.spawn([...launcher, ...command], "UTC");
    await this.#process.ready(() => this.#isReady());
  }

  /** As `pg_ctl stop -m fast`: sessions are cut, walsenders are flushed, the end is clean. */
  stopFast(): Promise<void> {
    return this.#process.end("SIGINT");
  }

  /** SIGKILL to the postmaster and every backend at once: what a crash of the machine looks like. */
  async kill(): Promise<void> {
    const { pid } = this.#process;
    if (pid === undefined) return;
    // Halted first, so that it can fork nobody between our look and our shot.
    killQuietly(pid, "SIGSTOP");
    const children = await descendantsOf(pid);
    for (const child of children) killQuietly(child, "SIGKILL");
    await this.#process.end("SIGKILL");
    // Orphans are gone once somebody has taken note of their end.
    for (const deadline = Date.now() + readyTimeoutMs; children.some(isAlive); await sleep(10))
      if (Date.now() > deadline) return;
  }

  /** Ends the server at once and removes its folder. */
  async remove(): Promise<void> {
    await this.#process.end(postgresFolders.signal);
    await removeSharedMemory(this.dataDir);
    await this.#process.removeFolder();
  }

  /** What the server wrote to its log since it was created. */
  log(): Promise<string> {
    return this.#process.log();
  }

  /** Appends to postgresql.conf; takes effect at the next start or reload. */
  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    await appendFile(join(this.dataDir, "postgresql.conf"), confLines(settings));
  }

  /** The postmaster says `ready` in the eighth line of its pid file. */
  async #isReady(): Promise<boolean> {
    const pidFile = await readFile(join(this.dataDir, "postmaster.pid"), "utf8").catch(() => "");
    const lines = pidFile.split("\n");
    return lines[0] === String(this.#process.pid) && lines[7]?.trim() === "ready";
  }
}

/** A killed server leaves its pid file, and in it the id of a System V segment that nobody uses any more. */
async function removeSharedMemory(dataDir: string): Promise<void> {
  const pidFile = await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "");
  const id = pidFile.split("\n")[6]?.trim().split(/\s+/)[1];
  if (id === undefined) return;
  await new Promise<void>((resolve) => {
    execFile("ipcrm", ["-m", id], () => resolve());
  });
}

async function install(
  folder: string,
  options: ProcessOptions,
  user: UnixUser | undefined,
): Promise<Installation> {
  const binaries = await reachableBinaries(findBinaries(options.version), user, folder);
  const data = join(folder, "data");
  const password = await (options.fill?.(data, user) ??
    copyTemplate(options.version, binaries, user, data));
  const settings = { ...defaultSettings, ...options.settings };
  await configure(data, { ...options, settings }, user);
  return { folder, password, binaries, user, within: options.within };
}

/** A checkout below /root is closed to `nobody`: then the programs come along into the server's folder. */
async function reachableBinaries(
  binaries: PostgresBinaries,
  user: UnixUser | undefined,
  folder: string,
): Promise<PostgresBinaries> {
  if (!user || isOpenToAll(binaries.postgres)) return binaries;
  const copy = join(folder, "programs");
  await cp(binaries.root, copy, { recursive: true, verbatimSymlinks: true });
  // The watchdog runs as that user and must be able to remove them.
  await giveTo(user, copy);
  return binariesIn(copy);
}
