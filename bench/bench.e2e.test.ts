import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Report } from "./report.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;
const run = promisify(execFile);

async function bench(...args: string[]): Promise<string> {
  const env = { ...process.env, BENCH_ROWS: "3000", BENCH_ROUNDS: "1" };
  const { stdout } = await run(process.execPath, ["--conditions=source", MAIN, ...args], { env });
  return stdout;
}

describe("npm run bench", () => {
  it.each([
    ["pipeline", 4],
    ["postgres-read", 2],
    ["postgres-dsql", 3],
    ["dsql-local", 2],
  ])("%s gives figures, %i of them with a goal, over a few rows", async (name, goals) => {
    const report = JSON.parse(await bench(name, "--json")) as Report;
    expect(report).toMatchObject({ name, machine: expect.stringContaining("Node v") });
    for (const { value, unit, limit, ratio } of report.figures) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(unit).toMatch(/\S/);
      expect(ratio === null).toBe(limit === null);
    }
    const judged = report.figures.filter(({ goal }) => goal !== null);
    expect(judged).toHaveLength(goals);
    for (const { met, goal, ratio, value } of judged)
      expect(met).toBe((ratio ?? value) >= (goal ?? 0));
  });

  it("lists its benchmarks without a name", async () => {
    expect(await bench()).toMatch(/pipeline[^]*postgres-read[^]*postgres-dsql[^]*dsql-local/);
  });

  it("does not know a name that is none", async () => {
    await expect(bench("nothing")).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is no benchmark "nothing"'),
    });
  });
});
