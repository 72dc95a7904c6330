/** Looking at other processes of this machine, with what every Linux and macOS has. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Whether a process with this id runs. One that has ended and is not yet waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  // In a container whose first process waits for nobody, the dead stay as zombies for ever.
  return process.platform !== "linux" || stateOf(pid) !== "Z";
}

/** Sends a signal to a process that may be gone already. */
export function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It was gone already.
  }
}

/** The children of a process and theirs, in no order. */
export async function descendantsOf(pid: number): Promise<number[]> {
  const parents = process.platform === "linux" ? await parentsFromProc() : await parentsFromPs();
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const [child, parent] of parents) {
      if (parent !== next) continue;
      found.push(child);
      queue.push(child);
    }
  }
  return found;
}

function stateOf(pid: number): string | undefined {
  try {
    return fieldsOf(readFileSync(`/proc/${pid}/stat`, "utf8"))[0];
  } catch {
    return undefined;
  }
}

/** The fields behind the program's name, which may hold spaces and brackets itself. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

async function parentsFromProc(): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = fieldsOf(await readFile(`/proc/${name}/stat`, "utf8").catch(() => ""))[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  return parents;
}

async function parentsFromPs(): Promise<Map<number, number>> {
  const { stdout } = await promisify(execFile)("ps", ["-axo", "pid=,ppid="]);
  const pairs = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  return new Map(pairs.map(([child = 0, parent = 0]) => [child, parent]));
}
