/**
 * An embedded PostgreSQL of our own: made once as a template, copied and started in a few hundred
 * milliseconds, reachable only by a Unix socket, and ended with us even when we are killed.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { chmod, chown, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { lockNoticeDelay } from "./connect.ts";
import { findPrograms, isOpenToAll, serverUser, type Programs, type UnixUser } from "./programs.ts";

/** Where a PostgreSQL listens. */
export interface SocketAddress {
  readonly path: string;
}

/** A running embedded PostgreSQL. */
export interface EmbeddedPostgres {
  readonly address: SocketAddress;
  /** A folder that goes when it ends, even when we are killed. */
  readonly home: string;
  /** Ends it; a cluster without a data folder of its own is removed. */
  stop(): Promise<void>;
}

/** How to start one. */
export interface EmbeddedOptions {
  /** Kept over restarts, with fsync; a temporary one without when left out. */
  readonly dataDir: string | undefined;
  readonly maxConnections: number;
  /** Called once on a fresh server to fill the template. */
  readonly prepare: (address: SocketAddress) => Promise<void>;
  /** Part of the template's name: changes when `prepare` does. */
  readonly prepareKey: string;
}

const PORT = 5432;
const FAST_STOP = "fast\n";

/** Starts a PostgreSQL. Throws with its log's last lines when it does not come up. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const user = serverUser();
  const shared = await sharedFolder(user);
  const programs = findPrograms(user, shared);
  const template = await ensureTemplate(programs, user, shared, options);
  const home = await ownedTemp(user);
  try {
    return await startIn(home, programs, user, template, options);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(
  home: string,
  programs: Programs,
  user: UnixUser | undefined,
  template: string,
  options: EmbeddedOptions,
): Promise<EmbeddedPostgres> {
  const kept = options.dataDir;
  const data = kept ?? join(home, "data");
  if (kept === undefined || !existsSync(join(kept, "PG_VERSION"))) {
    if (kept !== undefined) prepareKept(kept, user);
    await copyTree(template, data);
  }
  if (kept !== undefined) await awaitPredecessor(kept);
  const server = new Server(programs, user, { home, data, kept: kept !== undefined });
  await server.start(options.maxConnections);
  return server;
}

interface Folders {
  /** Holds the socket and, for a temporary cluster, everything. */
  readonly home: string;
  readonly data: string;
  readonly kept: boolean;
}

class Server implements EmbeddedPostgres {
  readonly #programs: Programs;
  readonly #user: UnixUser | undefined;
  readonly #folders: Folders;
  #watcher: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(programs: Programs, user: UnixUser | undefined, folders: Folders) {
    this.#programs = programs;
    this.#user = user;
    this.#folders = folders;
  }

  get home(): string {
    return this.#folders.home;
  }

  get address(): SocketAddress {
    return { path: join(this.#folders.home, `.s.PGSQL.${PORT}`) };
  }

  async start(maxConnections: number): Promise<void> {
    const { home, data, kept } = this.#folders;
    const settings = { ...baseSettings(home, maxConnections), ...(kept ? {} : volatileSettings) };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const watcher = spawn("/bin/sh", ["-c", WATCHER, "dsql-local", home, this.#programs.postgres,
      "-D", data, "-p", String(PORT), ...flags], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
      cwd: home,
      ...this.#user,
    }); // prettier-ignore
    this.#watcher = watcher;
    watcher.stdin?.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      watcher.once("exit", () => resolve());
      watcher.once("error", () => resolve());
    });
    watcher.unref();
    await this.#untilReady();
  }

  async #untilReady(): Promise<void> {
    const marker = join(this.#folders.data, "postmaster.pid");
    const deadlineMs = Date.now() + 30_000;
    while (Date.now() < deadlineMs) {
      if (this.#watcher?.exitCode !== null || FAILED.test(this.#log())) break;
      if (existsSync(marker) && /\nready/.test(readFileSync(marker, "utf8"))) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const log = this.#log();
    await this.stop();
    throw new Error(`the embedded PostgreSQL did not start:\n${log}`);
  }

  #log(): string {
    const path = join(this.#folders.home, "log");
    return existsSync(path) ? readFileSync(path, "utf8").slice(-2_000) : "";
  }

  async stop(): Promise<void> {
    this.#watcher?.ref();
    this.#watcher?.stdin?.end(this.#folders.kept ? FAST_STOP : "");
    await this.#ended;
    rmSync(this.#folders.home, { recursive: true, force: true });
  }
}

/** Nothing below FATAL is logged, and what PostgreSQL says before it logs begins with its name. */
const FAILED = /^postgres: |FATAL|PANIC/m;

/**
 * Ends PostgreSQL when our end of its standard input closes, that is also when we are killed:
 * at once, or with a checkpoint when a line came.
 */
const WATCHER = `
home=$1; shift
"$@" </dev/null >"$home/log" 2>&1 &
server=$!
signal=QUIT
read line && signal=INT
kill -$signal $server 2>/dev/null
wait $server
rm -rf "$home"
`;

function baseSettings(home: string, maxConnections: number): Record<string, string | number> {
  return {
    listen_addresses: "",
    unix_socket_directories: home,
    unix_socket_permissions: "0700",
    max_connections: maxConnections,
    shared_buffers: "128MB",
    max_wal_size: "2GB",
    timezone: "UTC",
    log_timezone: "UTC",
    default_transaction_isolation: "repeatable read",
    // A statement that waits says so on its own connection after this time: see concurrency/lock-waits.ts.
    deadlock_timeout: lockNoticeDelay,
    log_lock_waits: "on",
    log_min_messages: "fatal",
    jit: "off",
    max_wal_senders: 0,
    wal_level: "minimal",
  };
}

const volatileSettings = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
};

async function sharedFolder(user: UnixUser | undefined): Promise<string> {
  const uid = user?.uid ?? process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `dsql-local-cache-${uid}`);
  makeOwned(folder, user);
  const owner = (await stat(folder)).uid;
  if (owner !== uid) throw new Error(`${folder} belongs to another user; remove it or set TMPDIR`);
  return folder;
}

/** Makes the folder of --data. Throws where the server's user could not enter it. */
function prepareKept(folder: string, user: UnixUser | undefined): void {
  makeOwned(folder, user);
  if (user === undefined || isOpenToAll(dirname(resolve(folder)))) return;
  throw new Error(
    `${folder}: PostgreSQL does not run as root and its user could not enter this folder; ` +
      "choose one whose parents everybody may enter, such as /var/lib/dsql-local",
  );
}

const PREDECESSOR_MS = 5_000;

/** A cluster whose process was killed takes a moment to end its PostgreSQL. Throws when it does not end. */
async function awaitPredecessor(data: string): Promise<void> {
  const pidFile = join(data, "postmaster.pid");
  for (let waitedMs = 0; existsSync(pidFile); waitedMs += 20) {
    const pid = Number.parseInt(readFileSync(pidFile, "utf8"), 10);
    if (!isAlive(pid)) return rmSync(pidFile, { force: true });
    if (waitedMs > PREDECESSOR_MS) throw new Error(`${data} is in use by process ${pid}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function makeOwned(folder: string, user: UnixUser | undefined): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
}

async function ownedTemp(user: UnixUser | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dsql-local-"));
  // Everybody may read the CA's certificate in it; data and socket are PostgreSQL's alone.
  await chmod(folder, 0o755);
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  return folder;
}

async function ensureTemplate(
  programs: Programs,
  user: UnixUser | undefined,
  shared: string,
  options: EmbeddedOptions,
): Promise<string> {
  const template = join(shared, `template-${programs.version}-${options.prepareKey}`);
  if (existsSync(template)) return template;
  const data = join(shared, `making-${process.pid}-${Date.now()}`);
  try {
    await makeTemplate(programs, user, data, options);
    await settle(data, template);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
  return template;
}

async function makeTemplate(
  programs: Programs,
  user: UnixUser | undefined,
  data: string,
  options: EmbeddedOptions,
): Promise<void> {
  const home = await ownedTemp(user);
  await run(programs.initdb, ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
    "--locale=C", "--no-sync", "--wal-segsize=4"], user); // prettier-ignore
  const server = new Server(programs, user, { home, data, kept: true });
  await server.start(10);
  await options.prepare(server.address);
  await server.stop();
}

/** The first of several processes wins; the others drop theirs. */
async function settle(made: string, template: string): Promise<void> {
  try {
    await rename(made, template);
  } catch (error) {
    if (!existsSync(template)) throw error;
    await rm(made, { recursive: true, force: true });
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await run("cp", ["-a", `${from}/.`, to], undefined);
}

async function run(program: string, args: string[], user: UnixUser | undefined): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], cwd: "/", ...user });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${said.slice(-2_000)}`);
}
