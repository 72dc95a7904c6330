// A cluster that is not on this machine: dsql-local with 5 ms before each statement and 30 ms before each COMMIT, as
// clusters show, beside the same pipeline into the same dsql-local without them, in turn. Lanes are what bridges it.
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { catchUp } from "./caught-up.ts";
import { startDsqlProcess, type DsqlProcess } from "./dsql-process.ts";
import { absolute, against, median, type Figure } from "./report.ts";
import { insertRows, TABLE, withClient } from "./workload.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 300_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const NEAR_LANES = 4;
/** Of which the first is the default of a pipeline, and the last has the goal. */
const FAR_LANES = (process.env["BENCH_LANES"] ?? "4,8,16").split(",").map(Number);
const BATCH_ROWS = 1000;
const GOAL = 0.7;
const FAR = { statementMs: 5, commitMs: 30 };
const NEAR = { statementMs: 0, commitMs: 0 };
const SOURCE = "bench";
const SETTINGS = { synchronous_commit: "off", max_wal_size: "8GB" };

/** Rows per second of one way to run it, round by round. */
interface Measured {
  readonly lanes: number;
  readonly isFar: boolean;
  readonly drained: number[];
  readonly loaded: number[];
}

/** The figures of `postgres-dsql-far`. */
export async function run(): Promise<Figure[]> {
  await using source = await startPostgres({ settings: SETTINGS });
  const dsql = await startDsqlProcess("--control", "127.0.0.1:0");
  try {
    const url = await source.createDatabase(SOURCE);
    await withClient(url, (client) => client.query(TABLE));
    const ways: Measured[] = [
      { lanes: NEAR_LANES, isFar: false, drained: [], loaded: [] },
      ...FAR_LANES.map((lanes) => ({ lanes, isFar: true, drained: [], loaded: [] })),
    ];
    for (let round = 0; round < ROUNDS; round++)
      for (const way of ways) await measure(source, url, dsql, way, round);
    return figuresOf(ways);
  } finally {
    await dsql.stop();
  }
}

/** A backlog of inserts, and the full load of the same rows. */
async function measure(
  source: PostgresServer,
  url: string,
  dsql: DsqlProcess,
  { lanes, isFar, drained, loaded }: Measured,
  round: number,
): Promise<void> {
  const name = `${isFar ? "far" : "near"}_${lanes}_${round}`;
  const [log, load] = [`log_${name}`, `load_${name}`];
  await withClient(url, (client) => client.query("TRUNCATE items"));
  await dsql.setDelays(NEAR);
  await catchUp(pipelineOf(source, dsql, log, lanes));
  await withClient(url, (client) => insertRows(client, ROWS));
  await dsql.setDelays(isFar ? FAR : NEAR);
  drained.push(await steadyRate(pipelineOf(source, dsql, log, lanes)));
  loaded.push(await steadyRate(pipelineOf(source, dsql, load, lanes)));
  await dsql.setDelays(NEAR);
  for (const slot of [log, load]) {
    await withClient(url, (client) => client.query("SELECT pg_drop_replication_slot($1)", [slot]));
    await again(dsql.url, `DROP TABLE ${slot}`);
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
  source: PostgresServer,
  { host, port, user }: DsqlProcess,
  table: string,
  lanes: number,
): object {
  const { host: hostname, port: sourcePort, user: username, password } = source;
  const tables = `${SOURCE}.public.items`;
  const iam = { "use-iam-auth": false, password: "any" };
  const common = { "ssl-mode": "disable", "batch-size": BATCH_ROWS };
  return {
    source: {
      type: "postgres",
      hostname,
      port: sourcePort,
      username,
      password,
      tables,
      "slot.name": table,
    },
    sink: { type: "dsql", host, port, username: user, ...iam, ...common },
    route: [{ "source-table": tables, "sink-table": `public.${table}` }],
    pipeline: { name: table, parallelism: lanes },
  };
}
