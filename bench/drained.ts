// A backlog that stands in the source's log, drained into dsql-local, and the full load; beside raw unnest statements of the
// same rows into the same server over as many connections. Then the same into plain PostgreSQL.
import { catchUp } from "./caught-up.ts";
import { type Drained, drainedBy, drainedFigures } from "./drained-figures.ts";
import { again, type NearTarget, startNearTargets } from "./near-targets.ts";
import { type RawRates, rawRates } from "./raw-rates.ts";
import type { Figure } from "./report.ts";
import type { BenchSource, StartSource } from "./sources/source.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 300_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const LANES = 4;

/** What was measured of one target, round by round. */
interface Measured {
  readonly inserts: Drained[];
  readonly updates: Drained[];
  readonly load: Drained[];
  readonly raw: RawRates[];
}

/** The figures of `…-dsql`, from a source of any kind. */
export async function drain(startSource: StartSource): Promise<Figure[]> {
  const source = await startSource();
  await using near = await startNearTargets();
  const targets = near.all;
  try {
    const measured = targets.map(() => emptyMeasured());
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, target] of targets.entries())
        await measure(source, target, round, measured[i] ?? emptyMeasured());
    return targets.flatMap((target, i) => figuresOf(target, measured[i] ?? emptyMeasured()));
  } finally {
    await source.stop();
  }
}

function emptyMeasured(): Measured {
  return { inserts: [], updates: [], load: [], raw: [] };
}

/** One round at one target: raw statements and the pipeline, in turn. */
async function measure(
  source: BenchSource,
  target: NearTarget,
  round: number,
  measured: Measured,
): Promise<void> {
  const name = `${target.name.replace("-", "_")}_${round}`;
  const [drained, loaded] = [`drained_${name}`, `loaded_${name}`];
  const watched = (table: string): Promise<Drained> =>
    drainedBy(pipelineOf(source, target, table), { target: target.pid, source: source.pid });
  await source.empty();
  await catchUp(pipelineOf(source, target, drained));
  await source.insert(ROWS);
  measured.inserts.push(await watched(drained));
  await source.update(ROWS);
  measured.updates.push(await watched(drained));
  await source.forget(drained);
  const rows = { table: source.target, texts: await source.texts() };
  measured.raw.push(await rawRates(target, rows, LANES));
  await source.analyze();
  measured.load.push(await watched(loaded));
  await source.forget(loaded);
  await again(target.url, `DROP TABLE ${drained}`);
  await again(target.url, `DROP TABLE ${loaded}`);
}

function figuresOf({ name, goalRowsPerSecond }: NearTarget, measured: Measured): Figure[] {
  const compared = [
    ["backlog of inserts", measured.inserts, "upserts"],
    ["backlog of updates", measured.updates, "updates"],
    ["full load", measured.load, "inserts"],
  ] as const;
  return compared.flatMap(([what, drained, statement]) =>
    drainedFigures({
      title: `${what} → ${name}`,
      rows: ROWS,
      drained,
      raw: measured.raw.map((rates) => rates[statement]),
      goalRowsPerSecond,
    }),
  );
}

/** Each pipeline has a target table of its own: a table belongs to the pipeline that made it. */
function pipelineOf(source: BenchSource, target: NearTarget, table: string): object {
  return {
    source: source.section(table),
    sink: target.sink,
    route: [{ "source-table": source.table, "sink-table": `public.${table}` }],
    pipeline: { name: table, parallelism: LANES },
  };
}
