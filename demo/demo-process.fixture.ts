import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/** What became of a demo. */
interface Ended {
  readonly code: number | null;
  /** Standard output and standard error. */
  readonly lines: readonly string[];
}

/** Runs the demo with `--json`, a small shop and little use of it; `heard` is told each line that it tells, and may end it. */
export async function runDemo(
  args: readonly string[],
  heard: (line: string, end: () => void) => void = () => undefined,
): Promise<Ended> {
  const small = ["--rows", "100", "--rate", "50", "--json"];
  const child = spawn(process.execPath, ["--conditions=source", MAIN, ...small, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const leaveNothing = (): void => void child.kill("SIGKILL");
  process.once("exit", leaveNothing);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      heard(line, () => void child.kill("SIGTERM"));
    });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  process.off("exit", leaveNothing);
  return { code, lines };
}

/** Exit code and what was told of equality. */
export async function verdictOf(args: readonly string[]): Promise<readonly [unknown, unknown]> {
  const { code, lines } = await runDemo(["--for", "1", "--listen", "off", ...args]);
  return [code, lines.filter((line) => line.includes('"equal":true,"rows"'))];
}
