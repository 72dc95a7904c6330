import { type Arrival, type MemoryTarget, startMemoryTarget } from "./memory-target.ts";
import { RealRun, until, type BenchTarget } from "./real-run.ts";
import { absolute, atMost, beside, type Figure } from "./report.ts";

/** What no shape may hold more of. */
export const MOST_MIB = 300;
/** For one step of a shape. */
export const TIMEOUT_MS = 3_600_000;

/** One shape: what it makes before the start, and what it does once all is loaded. */
export interface Shape {
  readonly name: string;
  /** Pattern of the tables, without the database, and how many there are. */
  readonly pattern: string;
  readonly tables: number;
  /** A cluster takes a thousand tables, of which the state's are five. */
  readonly target?: BenchTarget["name"];
  readonly prepare: (url: string) => Promise<void>;
  readonly change: (url: string) => Promise<Arrival>;
  /** Keeps what happens from here on for a bare reader; gives the most MiB that one holds, which reads the same once it is asked. */
  readonly bare: (url: string) => Promise<() => Promise<number>>;
  /** Lets go of what the source keeps for the pipeline. */
  readonly forget: (url: string) => Promise<void>;
}

/** The most that `millrace run` ever held with a shape of the database at `sourceUrl`. */
export async function measureShape(sourceUrl: string, shape: Shape): Promise<Figure[]> {
  const target = await startMemoryTarget(shape.target ?? "dsql-local");
  try {
    return await measure(sourceUrl, target, shape);
  } finally {
    await target.stop();
  }
}

async function measure(sourceUrl: string, target: MemoryTarget, shape: Shape): Promise<Figure[]> {
  await shape.prepare(sourceUrl);
  const readBare = await shape.bare(sourceUrl);
  const began = performance.now();
  const { pattern: tables } = shape;
  const millrace = await RealRun.start({ name: "memory", sourceUrl, target, tables });
  try {
    await millrace.process.waitForSync(shape.tables, TIMEOUT_MS);
    const arrived = await shape.change(sourceUrl);
    await until(await target.arrival(sourceUrl, arrived), TIMEOUT_MS);
    const seconds = (performance.now() - began) / 1000;
    const mib = await millrace.peakMib();
    await millrace.process.stop();
    return [
      beside(await readBare(), atMost(shape.name, mib, "MiB", MOST_MIB)),
      absolute(`${shape.name}, until all had arrived`, seconds, "s"),
    ];
  } finally {
    await millrace.stop();
    await shape.forget(sourceUrl);
  }
}

/** Those that are asked for by name, or all. */
export function chosen<Chosen>(shapes: Readonly<Record<string, Chosen>>): readonly Chosen[] {
  const names = process.env["BENCH_SHAPES"]?.split(",");
  return Object.entries(shapes).flatMap(([name, shape]) =>
    names === undefined || names.includes(name) ? [shape] : [],
  );
}
