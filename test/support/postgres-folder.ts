/**
 * The folder of one server: chosen, prepared, and removed even when we are not there to do it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import {
  appendFile,
  chmod,
  chown,
  lchown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isOpenToAll, type UnixUser } from "./postgres-binaries.ts";
import { isAlive, killQuietly } from "./processes.ts";

const folderPrefix = "millrace-pg-";
const memoryFolder = "/dev/shm";
const memoryNeededBytes = 6 * 2 ** 30;

/**
 * `auto` takes memory where there is plenty (making the thousand files of a database folder costs
 * a second on some disks, a few milliseconds in memory), `disk` is for tests with gigabytes.
 */
export type Storage = "auto" | "disk";

/** Makes an empty folder that `user` will be able to enter. */
export async function makeFolder(storage: Storage, user: UnixUser | undefined): Promise<string> {
  await reapAbandoned();
  const parent = storage === "auto" && hasMemoryFolder() ? memoryFolder : temporaryFolder(user);
  const folder = await mkdtemp(join(parent, folderPrefix));
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

/** What goes into a data folder before the first start. */
export interface Configuration {
  readonly settings: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly hba: readonly string[];
}

/** Writes settings, access rules and files into a data folder, all readable by `user`. */
export async function configure(
  data: string,
  configuration: Configuration,
  user: UnixUser | undefined,
): Promise<void> {
  await appendFile(join(data, "postgresql.conf"), confLines(configuration.settings));
  const hba = await readFile(join(data, "pg_hba.conf"), "utf8");
  await writeFile(join(data, "pg_hba.conf"), [...configuration.hba, hba].join("\n"));
  for (const [name, content] of Object.entries(configuration.files)) {
    const path = join(data, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, 0o600);
    if (user) await chown(path, user.uid, user.gid);
  }
}

/** Settings as lines of postgresql.conf. */
export function confLines(settings: Readonly<Record<string, string>>): string {
  const line = ([name, value]: [string, string]): string =>
    `${name} = '${value.replaceAll("'", "''")}'\n`;
  return `\n${Object.entries(settings).map(line).join("")}`;
}

/**
 * A shell that waits for our end (its standard input closes, whatever killed us), then ends the
 * server and removes the folder. So nothing stays behind even after SIGKILL of the test run.
 */
export function watchOver(folder: string, user: UnixUser | undefined): ChildProcess {
  const script = `
    cat >/dev/null
    file="$1/data/postmaster.pid"
    [ -e "$file" ] && kill -QUIT "$(head -n 1 "$file")"
    for second in 1 2 3 4 5 6 7 8 9 10; do [ -e "$file" ] && sleep 1; done
    rm -rf "$1"`;
  const watchdog = spawn("/bin/sh", ["-c", script, "watchdog", folder], {
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
async function reapAbandoned(): Promise<void> {
  for (const parent of new Set([tmpdir(), "/tmp", memoryFolder])) {
    if (!existsSync(parent)) continue;
    for (const name of await readdir(parent)) {
      if (name.startsWith(folderPrefix)) await reap(join(parent, name));
    }
  }
}

async function reap(folder: string): Promise<void> {
  const owner = await readNumber(join(folder, "owner"));
  if (owner === undefined || isAlive(owner)) return;
  const postmaster = await readNumber(join(folder, "data", "postmaster.pid"));
  if (postmaster !== undefined) killQuietly(postmaster, "SIGQUIT");
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
