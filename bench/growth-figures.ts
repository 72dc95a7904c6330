import type { GrowthPoint } from "./growth-picture.ts";
import { absolute, atMost, beside, type Figure } from "./report.ts";

/** Of the seconds a row takes between the fewest and the most rows, the start left out. */
const MOST_PER_ROW = 1.3;
/** A table that nothing happens to. */
const MOST_KIB_PER_TABLE = 50;

/** What a run took. */
export interface Growth extends GrowthPoint {
  /** From the start until changes flow, of a second start with nothing to load. */
  readonly startSeconds: number;
  /** CPU while nothing happens. */
  readonly idleCpuPercent: number;
}

/** Of each number of tables, and of a table more. */
export function tableFigures(tables: readonly Growth[]): Figure[] {
  const [fewest, most] = [tables[0], tables.at(-1)];
  const figures = tables.flatMap(({ count, seconds, startSeconds, mib, idleCpuPercent, bare }) => {
    const name = `${count.toLocaleString("en-US")} tables`;
    return [
      beside(bare.seconds, absolute(`${name}, until all are SYNC`, seconds, "s")),
      absolute(`${name}, another start until changes flow`, startSeconds, "s"),
      beside(bare.mib, absolute(`${name}, memory`, mib, "MiB")),
      absolute(`${name}, CPU while nothing happens`, idleCpuPercent, "%"),
    ];
  });
  if (fewest === undefined || most === undefined || fewest === most) return figures;
  const perTable = (pick: (growth: Growth) => number): number =>
    (pick(most) - pick(fewest)) / (most.count - fewest.count);
  return [
    ...figures,
    beside(
      perTable(({ bare }) => bare.seconds * 1000),
      absolute(
        "a table more, until it is SYNC",
        perTable(({ seconds }) => seconds * 1000),
        "ms",
      ),
    ),
    absolute(
      "a table more, at another start",
      perTable(({ startSeconds }) => startSeconds * 1000),
      "ms",
    ),
    atMost(
      "a table more, memory",
      perTable(({ mib }) => mib * 1024),
      "KiB",
      MOST_KIB_PER_TABLE,
    ),
  ];
}

/** Of each number of rows, and of a row more. */
export function rowFigures(rows: readonly Growth[]): Figure[] {
  const figures = rows.flatMap(({ count, seconds, mib, bare }) => {
    const name = `${count.toLocaleString("en-US")} rows`;
    return [
      beside(bare.seconds, absolute(`${name}, full load`, seconds, "s")),
      beside(bare.mib, absolute(`${name}, memory`, mib, "MiB")),
    ];
  });
  const steps = rows.slice(1).map((more, i) => {
    const less = rows[i] ?? more;
    return (more.seconds - less.seconds) / (more.count - less.count);
  });
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return figures;
  const name = "time of a row: the last step beside the first";
  return [...figures, atMost(name, last / first, "times", MOST_PER_ROW)];
}
