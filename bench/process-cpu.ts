import { readdirSync, readFileSync } from "node:fs";

/** CPU seconds of a process with all its descendants, those that have ended too; NaN where there is no /proc. */
export function cpuSecondsOf(root: number): number {
  const processes = readAll();
  const children = Map.groupBy(processes.values(), ({ parent }) => parent);
  const sum = (pid: number): number =>
    (processes.get(pid)?.seconds ?? Number.NaN) +
    (children.get(pid) ?? []).reduce((total, child) => total + sum(child.pid), 0);
  return sum(root);
}

interface ProcessCpu {
  readonly pid: number;
  readonly parent: number;
  readonly seconds: number;
}

/** Clock ticks per second in /proc: 100 wherever Linux runs on a server. */
const TICKS_PER_SECOND = 100;

function readAll(): Map<number, ProcessCpu> {
  const found = new Map<number, ProcessCpu>();
  for (const name of namesInProc()) {
    const pid = Number(name);
    const made = Number.isInteger(pid) ? read(pid) : null;
    if (made !== null) found.set(pid, made);
  }
  return found;
}

function namesInProc(): readonly string[] {
  try {
    return readdirSync("/proc");
  } catch {
    return [];
  }
}

/** Fields 4 and 14 to 17 of proc(5)'s stat: parent, own user and system time, those of children that were waited for. */
function read(pid: number): ProcessCpu | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
    return { pid, parent: Number(fields[1]), seconds: ticks / TICKS_PER_SECOND };
  } catch {
    return null; // it has ended meanwhile
  }
}
