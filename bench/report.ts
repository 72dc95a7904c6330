import { cpus, totalmem } from "node:os";

/** One measured figure, beside the limit that was measured in the same run. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The raw limit of the same run, in the same unit; null where there is none. */
  readonly limit: number | null;
  /** `value / limit`, or `value` against an absolute goal; null where neither makes sense. */
  readonly ratio: number | null;
  /** What `ratio` (or, without a limit, `value`) should reach. */
  readonly goal: number | null;
  /** The goal is a bound from above: of a time, or of memory. */
  readonly isCeiling?: true;
  readonly met: boolean;
}

/** A figure against a limit of the same run. */
export function against(
  name: string,
  value: number,
  unit: string,
  limit: number,
  goal: number,
): Figure {
  const ratio = value / limit;
  return { name, value, unit, limit, ratio, goal, met: ratio >= goal };
}

/** A figure against an absolute goal, or none. */
export function absolute(
  name: string,
  value: number,
  unit: string,
  goal: number | null = null,
): Figure {
  return { name, value, unit, limit: null, ratio: null, goal, met: goal === null || value >= goal };
}

/** A figure that should stay at or below an absolute goal. */
export function atMost(name: string, value: number, unit: string, goal: number): Figure {
  const met = value <= goal;
  return { name, value, unit, limit: null, ratio: null, goal, isCeiling: true, met };
}

/** The same figure with a raw limit of the same run to be read beside it; what is judged is the figure alone. */
export function beside(limit: number, figure: Figure): Figure {
  return { ...figure, limit, ratio: figure.value / limit };
}

/** What a benchmark ends with. */
export interface Report {
  readonly name: string;
  readonly machine: string;
  readonly figures: readonly Figure[];
}

/** This machine, in one line. */
export function machine(): string {
  const cores = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  return `${cores.length} × ${cores[0]?.model.trim() ?? "?"}, ${memory} GiB, ${process.platform} ${process.arch}, Node ${process.version}`;
}

/** The figures as a table of text. */
export function table(report: Report): string {
  const head = ["", "value", "unit", "raw limit", "ratio", "goal", ""];
  const rows = report.figures.map((f) => [
    f.name,
    round(f.value),
    f.unit,
    f.limit === null ? "–" : round(f.limit),
    f.ratio === null ? "–" : f.ratio.toFixed(2),
    f.goal === null ? "–" : `${f.isCeiling ? "≤ " : ""}${f.goal}`,
    f.goal === null ? "" : f.met ? "met" : "missed",
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ");
  return [`${report.name} · ${report.machine}`, "", line(head), ...rows.map(line)].join("\n");
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
}

/** The middle of several runs; what is quoted. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
