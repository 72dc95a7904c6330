/** Folders and programs of the embedded PostgreSQL, owned by the user that it runs as. */
import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { chmod, chown, mkdtemp, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve as resolvePath } from "node:path";
import { isOpenToAll, type UnixUser } from "./programs.ts";

/** A folder that all clusters of a user share. Throws when another user owns it. */
export async function sharedFolder(user: UnixUser | undefined): Promise<string> {
  const uid = user?.uid ?? process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `dsql-local-cache-${uid}`);
  makeOwned(folder, user);
  const owner = (await stat(folder)).uid;
  if (owner !== uid) throw new Error(`${folder} belongs to another user; remove it or set TMPDIR`);
  return folder;
}

/** Makes the folder of --data. Throws where the server's user could not enter it. */
export function prepareKept(folder: string, user: UnixUser | undefined): void {
  makeOwned(folder, user);
  if (user === undefined || isOpenToAll(dirname(resolvePath(folder)))) return;
  throw new Error(
    `${folder}: PostgreSQL does not run as root and its user could not enter this folder; ` +
      "choose one whose parents everybody may enter, such as /var/lib/dsql-local",
  );
}

const PREDECESSOR_MS = 5_000;

/** A cluster whose process was killed takes a moment to end its PostgreSQL. Throws when it does not end. */
export async function awaitPredecessor(data: string): Promise<void> {
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

/** A new temporary folder. */
export async function ownedTemp(user: UnixUser | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dsql-local-"));
  // Everybody may read the CA's certificate in it; data and socket are PostgreSQL's alone.
  await chmod(folder, 0o755);
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  return folder;
}

/** Copies a folder with its owners. */
export async function copyTree(from: string, to: string): Promise<void> {
  await run("cp", ["-a", `${from}/.`, to], undefined);
}

/** Runs a program as a user. Throws with what it said when it fails. */
export async function run(
  program: string,
  args: string[],
  user: UnixUser | undefined,
): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], cwd: "/", ...user });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${said.slice(-2_000)}`);
}
