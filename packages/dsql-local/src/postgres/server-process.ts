/** The process of an embedded PostgreSQL: started with a watcher that ends it when we are gone. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { clientTemporarySpace, lockNoticeDelay } from "./connect.ts";
import type { Programs, UnixUser } from "./programs.ts";
import { isRunning } from "./running.ts";
import type { SocketPath } from "./target.ts";

const PORT = 5432;
const FAST_STOP = "fast\n";
const START_AGAIN = "again\n";

/** Where a server lives. */
export interface Folders {
  /** Holds the socket and, for a temporary cluster, everything. */
  readonly home: string;
  readonly data: string;
  readonly kept: boolean;
}

/** One PostgreSQL process. */
export class ServerProcess {
  readonly #programs: Programs;
  readonly #user: UnixUser | undefined;
  readonly #folders: Folders;
  #watcher: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopped = false;
  #reviving: Promise<void> | undefined;

  constructor(programs: Programs, user: UnixUser | undefined, folders: Folders) {
    this.#programs = programs;
    this.#user = user;
    this.#folders = folders;
  }

  get home(): string {
    return this.#folders.home;
  }

  get address(): SocketPath {
    return { path: join(this.#folders.home, `.s.PGSQL.${PORT}`) };
  }

  async start(maxConnections: number): Promise<void> {
    const { home, data, kept } = this.#folders;
    const { pid: left } = this.#marker();
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
    if (await this.#isReady(left)) return;
    const log = this.#log();
    await this.stop();
    throw new Error(`the embedded PostgreSQL did not start:\n${log}`);
  }

  /**
   * Starts it again where somebody has killed it, on the data as they stand; nothing where it runs, as after the death of
   * one of its sessions, from which it recovers by itself. Rejects when it does not come up; then it may be asked again.
   */
  revive(): Promise<void> {
    this.#reviving ??= this.#revive().finally(() => {
      this.#reviving = undefined;
    });
    return this.#reviving;
  }

  async #revive(): Promise<void> {
    const { pid } = this.#marker();
    if (this.#stopped || (pid !== null && isRunning(pid))) return;
    // What the last one said, or one that came while the dead one's sessions were still there, is not about this one.
    rmSync(join(this.#folders.home, "log"), { force: true });
    this.#watcher?.stdin?.write(START_AGAIN);
    if (!(await this.#isReady(pid))) throw new Error("the embedded PostgreSQL did not come back");
  }

  /** Waits until it takes connections; false when it gives up, or after half a minute. */
  async #isReady(deadPid: number | null): Promise<boolean> {
    const deadlineMs = Date.now() + 30_000;
    while (Date.now() < deadlineMs && !this.#stopped) {
      if (this.#watcher?.exitCode !== null || FAILED.test(this.#log())) return false;
      const { pid, ready } = this.#marker();
      if (ready && pid !== deadPid) return true;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return false;
  }

  /** What the postmaster says of itself, or the last one said. */
  #marker(): { readonly pid: number | null; readonly ready: boolean } {
    const path = join(this.#folders.data, "postmaster.pid");
    if (!existsSync(path)) return { pid: null, ready: false };
    const text = readFileSync(path, "utf8");
    const pid = Number(text.split("\n")[0]);
    return { pid: pid > 0 ? pid : null, ready: /\nready/.test(text) };
  }

  #log(): string {
    const path = join(this.#folders.home, "log");
    return existsSync(path) ? readFileSync(path, "utf8").slice(-2_000) : "";
  }

  async stop(): Promise<void> {
    this.#stopped = true;
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
 * at once, or with a checkpoint when the line `fast` came. The line `again` starts one that has died anew.
 */
const WATCHER = `
home=$1; shift
"$@" </dev/null >"$home/log" 2>&1 &
server=$!
signal=QUIT
while read line; do
  if [ "$line" = fast ]; then signal=INT; break; fi
  kill -KILL $server 2>/dev/null
  wait $server
  "$@" </dev/null >"$home/log" 2>&1 &
  server=$!
done
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
    // The only one that is left (bootstrap.ts): a parallel worker looks it up when it begins.
    default_text_search_config: "pg_catalog.simple",
    // A statement that waits says so on its own connection after this time: see concurrency/lock-waits.ts.
    deadlock_timeout: lockNoticeDelay,
    log_lock_waits: "on",
    temp_file_limit: clientTemporarySpace,
    log_min_messages: "fatal",
    jit: "off",
    // What a client that left had running ends soon, and its locks with it.
    ...(process.platform === "linux" ? { client_connection_check_interval: "500ms" } : {}),
    max_wal_senders: 0,
    wal_level: "minimal",
  };
}

/** What is committed outlives the death of PostgreSQL, since the kernel has it, but not that of the machine. */
const volatileSettings = {
  fsync: "off",
  full_page_writes: "off",
  wal_init_zero: "off",
};
