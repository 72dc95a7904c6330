import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { Report } from "../../bench/report.ts";

const run = promisify(execFile);
const command = new URL("soak-command.ts", import.meta.url).pathname;

/** Of a few seconds no slope can be judged: what is judged is that all is equal, and that there are faults and samples. */
it("a soak of seconds strikes, samples, and finds both sides equal", async () => {
  const args = ["--minutes", "0.1", "--fault-seconds", "1", "--sink", "postgres", "--json"];
  const { stdout } = await run(process.execPath, ["--conditions=source", command, ...args]).catch(
    (error: unknown) => {
      if (typeof error === "object" && error !== null && "code" in error && error.code === 1)
        return { stdout: String("stdout" in error ? error.stdout : "") };
      throw error;
    },
  );
  const { figures } = JSON.parse(stdout) as Report;
  const valueOf = (name: string): number =>
    figures.find((figure) => figure.name === name)?.value ?? Number.NaN;
  expect(valueOf("tables that differ → postgres")).toBe(0);
  const faults = figures.filter(({ name }) => name.startsWith("faults → postgres"));
  expect(faults).toHaveLength(6);
  expect(faults.reduce((sum, { value }) => sum + value, 0)).toBeGreaterThan(0);
  expect(figures.map(({ name }) => name).join("\n")).toMatch(
    /memory[^]*retained log[^]*lag → postgres, mean of [1-9]/,
  );
}, 120_000);
