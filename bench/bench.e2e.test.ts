import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Report } from "./report.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;
const run = promisify(execFile);

const SMALL = {
  BENCH_ROWS: "3000",
  BENCH_ROUNDS: "1",
  BENCH_SECONDS: "0.3",
  BENCH_TABLES: "3",
  BENCH_TRANSACTION_ROWS: "3000",
  BENCH_WIDE_ROWS: "100",
  BENCH_ROW_BYTES: "5000000",
  BENCH_LANES: "8",
  BENCH_TARGETS: "dsql-local",
  BENCH_SHAPES: "wide",
  BENCH_TOPIC_WIDE_ROWS: "300",
  BENCH_BROKER: "small",
  BENCH_FORMATS: "plain-json",
  BENCH_SCHEMAS: "without",
  BENCH_GUARANTEES: "exactly-once",
  BENCH_CONNECTIONS: "20",
  BENCH_ANSWER_MIB: "1",
};

async function benchWith(
  sizes: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<string> {
  const env = { ...process.env, ...SMALL, ...sizes };
  const { stdout } = await run(process.execPath, ["--conditions=source", MAIN, ...args], { env });
  return stdout;
}

const bench = (...args: string[]): Promise<string> => benchWith({}, ...args);

function expectFigures({ figures }: Report, goals: number): void {
  for (const { value, unit, limit, ratio } of figures) {
    expect(value).toBeGreaterThanOrEqual(0);
    expect(unit).toMatch(/\S/);
    expect(ratio === null).toBe(limit === null);
  }
  const judged = figures.filter(({ goal }) => goal !== null);
  expect(judged).toHaveLength(goals);
  for (const { met, goal, ratio, value, isCeiling } of judged)
    expect(met).toBe(isCeiling ? value <= (goal ?? 0) : (ratio ?? value) >= (goal ?? 0));
}

// Most of each is servers that start and stop; what the figures are worth is not asked here.
describe.concurrent("npm run bench", () => {
  it.each([
    ["pipeline", 4],
    ["postgres-read", 2],
    ["mysql-read", 4],
    ["mysql-dsql", 9],
    ["postgres-dsql", 9],
    ["postgres-dsql-far", 2],
    ["latency", 6],
    ["mysql-latency", 2],
    ["memory", 1],
    ["dsql-local", 11],
    ["kafka-produce", 2],
    ["postgres-kafka", 5],
    ["kafka-dsql", 2],
  ])("%s gives figures, %i of them with a goal, over a few rows", async (name, goals) => {
    const report = JSON.parse(await bench(name, "--json")) as Report;
    expect(report).toMatchObject({ name, machine: expect.stringContaining("Node v") });
    expectFigures(report, goals);
  });

  it("memory of a topic as the source gives figures, 2 of them with a goal", async () => {
    const report = JSON.parse(
      await benchWith({ BENCH_SHAPES: "topic-wide" }, "memory", "--json"),
    ) as Report;
    expectFigures(report, 2);
  });

  it("latency into Kafka gives figures, 3 of them with a goal", async () => {
    const report = JSON.parse(
      await benchWith({ BENCH_TARGETS: "kafka" }, "latency", "--json"),
    ) as Report;
    expectFigures(report, 3);
  });

  it("growth draws what it measured", async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-picture-"));
    const picture = join(folder, "growth.svg");
    const sizes = { BENCH_TABLES: "1,3", BENCH_ROWS: "100,3000", BENCH_PICTURE: picture };
    try {
      const { figures } = JSON.parse(await benchWith(sizes, "growth", "--json")) as Report;
      expect(figures.filter(({ goal }) => goal !== null).map(({ name }) => name)).toEqual([
        "a table more, memory",
        "time of a row: the last step beside the first",
      ]);
      const drawn = await readFile(picture, "utf8");
      expect(drawn.match(/<polyline/g)).toHaveLength(8);
      expect(drawn).not.toMatch(/NaN|Infinity|undefined/);
    } finally {
      await rm(folder, { recursive: true });
    }
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
