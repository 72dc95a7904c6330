// A cluster that is not on this machine: dsql-local with 5 ms before each statement and 30 ms before each COMMIT, as
// clusters show, beside the same pipeline into the same dsql-local without them, in turn. Lanes are what bridges it.
import { catchUp } from "./caught-up.ts";
import { startDsqlProcess, type DsqlProcess } from "./dsql-process.ts";
import { absolute, against, median, type Figure } from "./report.ts";
import type { BenchSource, StartSource } from "./sources/source.ts";
import { withClient } from "./workload.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 300_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const NEAR_LANES = 4;
/** Of which the first is the default of a pipeline, and the last has the goal. */
const FAR_LANES = (process.env["BENCH_LANES"] ?? "4,8,16").split(",").map(Number);
const BATCH_ROWS = 1000;
const GOAL = 0.7;
const FAR = { statementMs: 5, commitMs: 30 };
const NEAR = { statementMs: 0, commitMs: 0 };

/** Rows per second of one way to run it, round by round. */
interface Measured {
  readonly lanes: number;
  readonly isFar: boolean;
  readonly drained: number[];
  readonly loaded: number[];
}

/** The figures of `…-dsql-far`, from a source of any kind. */
export async function drainFar(startSource: StartSource): Promise<Figure[]> {
  const source = await startSource();
  const dsql = await startDsqlProcess("--control", "127.0.0.1:0");
  try {
    const ways: Measured[] = [
      { lanes: NEAR_LANES, isFar: false, drained: [], loaded: [] },
      ...FAR_LANES.map((lanes) => ({ lanes, isFar: true, drained: [], loaded: [] })),
    ];
    for (let round = 0; round < ROUNDS; round++)
      for (const way of ways) await measure(source, dsql, way, round);
    return figuresOf(ways);
  } finally {
    await dsql.stop();
    await source.stop();
  }
}

/** A backlog of inserts, and the full load of the same rows. */
async function measure(
  source: BenchSource,
  dsql: DsqlProcess,
  { lanes, isFar, drained, loaded }: Measured,
  round: number,
): Promise<void> {
  const name = `${isFar ? "far" : "near"}_${lanes}_${round}`;
  const [log, load] = [`log_${name}`, `load_${name}`];
  await source.empty();
  await dsql.setDelays(NEAR);
  await catchUp(pipelineOf(source, dsql, log, lanes));
  await source.insert(ROWS);
  await dsql.setDelays(isFar ? FAR : NEAR);
  drained.push(await steadyRate(pipelineOf(source, dsql, log, lanes)));
  loaded.push(await steadyRate(pipelineOf(source, dsql, load, lanes)));
  await dsql.setDelays(NEAR);
  for (const pipeline of [log, load]) {
    await source.forget(pipeline);
    await again(dsql.url, `DROP TABLE ${pipeline}`);
  }
}

/** From the first durable commit to the last: a start has its own round trips, once. */
async function steadyRate(description: object): Promise<number> {
  const { steadyRows, steadySeconds } = await catchUp(description);
  return steadyRows / steadySeconds;
}

/** A catalogue change is answered once with OC001 by sessions that have not seen the one before. */
async function again(url: string, sql: string): Promise<void> {
  await withClient(url, (client) => client.query(sql).catch(() => client.query(sql)));
}

function figuresOf([near, ...far]: readonly Measured[]): Figure[] {
  if (near === undefined) return [];
  return (["drained", "loaded"] as const).flatMap((kind) => {
    const what = kind === "drained" ? "backlog of inserts" : "full load";
    const limit = median(near[kind]);
    return [
      absolute(`${what}, near, parallelism ${near.lanes}`, limit, "rows/s"),
      ...far.map((way, i) => {
        const name = `${what}, far, parallelism ${way.lanes}`;
        const figure = against(name, median(way[kind]), "rows/s", limit, GOAL);
        return i === far.length - 1 ? figure : { ...figure, goal: null };
      }),
    ];
  });
}

function pipelineOf(
  source: BenchSource,
  { host, port, user }: DsqlProcess,
  table: string,
  lanes: number,
): object {
  const iam = { "use-iam-auth": false, password: "any" };
  const common = { "ssl-mode": "disable", "batch-size": BATCH_ROWS };
  return {
    source: source.section(table),
    sink: { type: "dsql", host, port, username: user, ...iam, ...common },
    route: [{ "source-table": source.table, "sink-table": `public.${table}` }],
    pipeline: { name: table, parallelism: lanes },
  };
}
