import { catchUp, type CaughtUp } from "./caught-up.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import type { Raw } from "./raw-rates.ts";
import { absolute, against, median, type Figure } from "./report.ts";

/** Of the raw statements, at either target. */
const GOAL = 0.7;

/** A drained backlog, with what both sides took meanwhile. */
export interface Drained extends CaughtUp {
  readonly targetCpuSeconds: number;
  readonly sourceCpuSeconds: number;
}

/** Runs a pipeline until it has caught up, and counts the CPU of its servers. */
export async function drainedBy(
  description: object,
  pids: { readonly target: number; readonly source: number },
): Promise<Drained> {
  const [target, source] = [cpuSecondsOf(pids.target), cpuSecondsOf(pids.source)];
  const made = await catchUp(description);
  return {
    ...made,
    targetCpuSeconds: cpuSecondsOf(pids.target) - target,
    sourceCpuSeconds: cpuSecondsOf(pids.source) - source,
  };
}

/** What one kind of backlog came to at one target, round by round. */
export interface DrainedRounds {
  readonly title: string;
  readonly rows: number;
  readonly drained: readonly Drained[];
  readonly raw: readonly Raw[];
  /** What is to be reached besides a ratio, where anything is. */
  readonly goalRowsPerSecond: number | null;
}

/** Its figures. */
export function drainedFigures(rounds: DrainedRounds): Figure[] {
  const { title, rows, drained, raw, goalRowsPerSecond } = rounds;
  const of = (pick: (one: Drained) => number): number => median(drained.map(pick));
  const cpu = (whose: string, seconds: number): Figure =>
    absolute(`${title}, CPU of ${whose}`, (seconds / rows) * 100_000, "s/100k rows");
  const limit = median(raw.map(({ rowsPerSecond }) => rowsPerSecond));
  const rate = of(({ seconds }) => rows / seconds);
  const steady = of(({ steadySeconds, steadyRows }) => steadyRows / steadySeconds);
  return [
    against(title, rate, "rows/s", limit, GOAL),
    ...(goalRowsPerSecond === null
      ? []
      : [absolute(`${title}, by itself`, rate, "rows/s", goalRowsPerSecond)]),
    { ...against(`${title}, steady`, steady, "rows/s", limit, 0), goal: null },
    cpu(
      "Millrace",
      of(({ cpuSeconds }) => cpuSeconds),
    ),
    cpu(
      "the target",
      of(({ targetCpuSeconds }) => targetCpuSeconds),
    ),
    cpu("the raw statements and their target", median(raw.map(({ cpuSeconds }) => cpuSeconds))),
    cpu(
      "the source",
      of(({ sourceCpuSeconds }) => sourceCpuSeconds),
    ),
  ];
}
