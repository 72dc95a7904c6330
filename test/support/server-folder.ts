/**
 * The folder of one server: chosen, prepared, and removed even when we are not there to do it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { chown, lchown, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { isOpenToAll, type UnixUser } from "./postgres-binaries.ts";
import { isAlive, killQuietly } from "./processes.ts";

const memoryFolder = "/dev/shm";
const memoryNeededBytes = 6 * 2 ** 30;

/**
 * `auto` takes memory where there is plenty (making the thousand files of a database folder costs
 * a second on some disks, a few milliseconds in memory), `disk` is for tests with gigabytes.
 */
export type Storage = "auto" | "disk";

/** How the folders of one kind of server look. */
export interface FolderKind {
  /** What their names begin with. */
  readonly prefix: string;
  /** The file in them, by its relative name, whose first line is the server's process. */
  readonly pidFile: string;
  /** What ends that process at once; unless it is SIGKILL, the server removes the file as the last thing it does. */
  readonly signal: "SIGQUIT" | "SIGKILL";
}

/** Makes an empty folder that `user` will be able to enter. */
export async function makeFolder(
  kind: FolderKind,
  storage: Storage,
  user: UnixUser | undefined,
): Promise<string> {
  await reapAbandoned(kind);
  const parent = storage === "auto" && hasMemoryFolder() ? memoryFolder : temporaryFolder(user);
  const folder = await mkdtemp(join(parent, kind.prefix));
  await writeFile(join(folder, "owner"), String(process.pid));
  if (user) await chown(folder, user.uid, user.gid);
  return folder;
}

/** Gives a folder and all below it to `user`. */
export async function giveTo(user: UnixUser, folder: string): Promise<void> {
  await chown(folder, user.uid, user.gid);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  await Promise.all(paths.map((path) => lchown(path, user.uid, user.gid)));
}

/**
 * A shell that waits for our end (its standard input closes, whatever killed us), then ends the
 * server and removes the folder. So nothing stays behind even after SIGKILL of the test run.
 */
export function watchOver(
  kind: FolderKind,
  folder: string,
  user: UnixUser | undefined,
): ChildProcess {
  const script = `
    cat >/dev/null
    file="$1/$2"
    [ -e "$file" ] && kill -"$3" "$(head -n 1 "$file")"
    [ "$3" = KILL ] && sleep 1 && rm -f "$file"
    for second in 1 2 3 4 5 6 7 8 9 10; do [ -e "$file" ] && sleep 1; done
    rm -rf "$1"`;
  const args = [folder, kind.pidFile, kind.signal.replace("SIG", "")];
  const watchdog = spawn("/bin/sh", ["-c", script, "watchdog", ...args], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    detached: true,
    ...user,
  });
  watchdog.on("error", () => undefined);
  watchdog.unref();
  const input: unknown = watchdog.stdin;
  if (hasUnref(input)) input.unref();
  return watchdog;
}

/** A pipe to a child is a socket, but the types of Node do not say so. */
function hasUnref(value: unknown): value is { unref(): void } {
  return typeof value === "object" && value !== null && "unref" in value;
}

/** Removes what a run left behind whose watchdog was killed too (`kill -9` of everything). */
async function reapAbandoned(kind: FolderKind): Promise<void> {
  for (const parent of new Set([tmpdir(), "/tmp", memoryFolder])) {
    if (!existsSync(parent)) continue;
    for (const name of await readdir(parent)) {
      if (name.startsWith(kind.prefix)) await reap(kind, join(parent, name));
    }
  }
}

async function reap(kind: FolderKind, folder: string): Promise<void> {
  const owner = await readNumber(join(folder, "owner"));
  if (owner === undefined || isAlive(owner)) return;
  const server = await readNumber(join(folder, kind.pidFile));
  if (server !== undefined) killQuietly(server, kind.signal);
  // Not ours to complain about: it may belong to another user, or its watchdog is at work.
  await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
}

/** The number in the first line of a file, if there is one. */
async function readNumber(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const number = Number.parseInt(text, 10);
  return number > 0 ? number : undefined;
}

function hasMemoryFolder(): boolean {
  if (process.platform !== "linux" || !existsSync(memoryFolder)) return false;
  const { bavail, bsize } = statfsSync(memoryFolder);
  return bavail * bsize >= memoryNeededBytes && freemem() >= memoryNeededBytes;
}

function temporaryFolder(user: UnixUser | undefined): string {
  return user && !isOpenToAll(tmpdir()) ? "/tmp" : tmpdir();
}
