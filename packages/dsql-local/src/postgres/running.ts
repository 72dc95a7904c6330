/** Whether a process still runs. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** False too for one that has ended and that its parent has not looked at. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EPERM") return false;
  }
  return stateOf(pid) !== "Z";
}

function stateOf(pid: number): string {
  const stat = `/proc/${pid}/stat`;
  try {
    if (existsSync("/proc/self/stat")) {
      const text = readFileSync(stat, "utf8");
      return text.charAt(text.lastIndexOf(")") + 2);
    }
    return spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.charAt(
      0,
    );
  } catch {
    return "Z"; // it has gone meanwhile
  }
}
