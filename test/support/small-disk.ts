/**
 * A file system of a few megabytes under the log or the tables of a test's PostgreSQL, or under a broker's data, to be filled and freed: a tmpfs in a mount
 * namespace of its own, which needs no root where user namespaces are allowed. Linux only.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import type { UnixUser } from "./postgres-binaries.ts";

const run = promisify(execFile);

/** Keeps what the folder held, in front of which the small file system is mounted. */
const MOUNT = `
  cp -a "$1" "$1.kept" && mount -t tmpfs -o "size=$2,mode=700" tmpfs "$1" && cp -a "$1.kept/." "$1/" && echo ready
  exec cat`;

/** See above. */
export class SmallDisk {
  readonly #size: string;
  readonly #part: string;
  #holder: ChildProcess | null = null;
  #user: UnixUser | undefined;
  #folder = "";

  /** `size` as mount takes it: `96m`; `part` is PostgreSQL's log, its tables, or what a broker has. */
  constructor(size: string, part: "pg_wal" | "base" | "data" = "pg_wal") {
    this.#size = size;
    this.#part = part;
  }

  /** The command in front of the server's, for `within`. The file system outlives the server's restarts. */
  readonly within = async (
    data: string,
    user: UnixUser | undefined,
  ): Promise<readonly string[]> => {
    if (this.#holder === null) await this.#mount(join(data, this.#part), user);
    // PostgreSQL does not run as root, not even as that of a namespace.
    return [...this.#enter(), "unshare", "--user", "--map-user=70", "--map-group=70", "--"];
  };

  /** Nothing more can be written. */
  async fill(): Promise<void> {
    await this.#inside(`cat /dev/zero > "$1/ballast" 2>/dev/null; true`);
  }

  /** There is room again. */
  async free(): Promise<void> {
    await this.#inside(`rm -f "$1/ballast"`);
  }

  release(): void {
    this.#holder?.kill("SIGKILL");
  }

  async #mount(folder: string, user: UnixUser | undefined): Promise<void> {
    this.#folder = folder;
    this.#user = user;
    const args = ["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "mount"];
    const holder = spawn("unshare", [...args, folder, this.#size], {
      stdio: ["pipe", "pipe", "inherit"],
      ...user,
    });
    this.#holder = holder;
    const [said] = (await once(holder.stdout, "data")) as unknown[];
    if (!String(said).includes("ready")) throw new Error("no small file system could be mounted");
  }

  #enter(): string[] {
    const pid = String(this.#holder?.pid ?? 0);
    return ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", pid, "--"];
  }

  async #inside(script: string): Promise<void> {
    const command = [...this.#enter(), "sh", "-c", script, "inside", this.#folder];
    const [program = "", ...args] = command;
    await run(program, args, { ...this.#user });
  }
}
