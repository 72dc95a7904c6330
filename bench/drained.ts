// A backlog that stands in the source's log, drained into dsql-local, and the full load; beside raw unnest statements of the
// same rows into the same server over as many connections. Then the same into plain PostgreSQL.
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { literalsOf, send, statementsFor } from "./baselines/raw-upserts.ts";
import { catchUp, type CaughtUp } from "./caught-up.ts";
import { startDsqlProcess } from "./dsql-process.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import { absolute, against, median, type Figure } from "./report.ts";
import { pidOf } from "./sources/postgres.ts";
import type { BenchSource, StartSource } from "./sources/source.ts";
import { withClient } from "./workload.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 300_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const LANES = 4;
const BATCH_ROWS = 1000;
/** Of the raw statements, at either target. */
const GOAL = 0.7;
/** Into plain PostgreSQL, whatever the raw statements do. */
const POSTGRES_ROWS_PER_SECOND = 100_000;
const SETTINGS = { synchronous_commit: "off", max_wal_size: "8GB" };

/** A server that rows are written to. */
interface Target {
  readonly name: string;
  readonly url: string;
  /** The `sink` of a pipeline file. */
  readonly sink: object;
  readonly pid: number;
  /** What is to be reached besides {@link GOAL}, where anything is. */
  readonly goalRowsPerSecond: number | null;
}

/** What was measured of one target, round by round. */
interface Measured {
  readonly inserts: Drained[];
  readonly updates: Drained[];
  readonly load: Drained[];
  readonly rawInserts: Raw[];
  readonly rawUpserts: Raw[];
  readonly rawUpdates: Raw[];
}

/** Raw statements of one kind; CPU of the client and of the target together. */
interface Raw {
  readonly rowsPerSecond: number;
  readonly cpuSeconds: number;
}

interface Drained extends CaughtUp {
  readonly targetCpuSeconds: number;
  readonly sourceCpuSeconds: number;
}

/** The figures of `…-dsql`, from a source of any kind. */
export async function drain(startSource: StartSource): Promise<Figure[]> {
  const source = await startSource();
  await using plain = await startPostgres({ settings: SETTINGS });
  const dsql = await startDsqlProcess();
  try {
    const common = { "ssl-mode": "disable", "batch-size": BATCH_ROWS };
    const { host, port, user: username } = dsql;
    const iam = { "use-iam-auth": false, password: "any" };
    const targets: Target[] = [
      {
        name: "dsql-local",
        url: dsql.url,
        sink: { type: "dsql", host, port, username, ...iam, ...common },
        pid: dsql.pid,
        goalRowsPerSecond: null,
      },
      {
        name: "postgres",
        url: plain.url,
        sink: { type: "postgres", ...addressOf(plain), database: plain.database, ...common },
        pid: pidOf(plain),
        goalRowsPerSecond: POSTGRES_ROWS_PER_SECOND,
      },
    ];
    const measured = targets.map(() => emptyMeasured());
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, target] of targets.entries())
        await measure(source, target, round, measured[i] ?? emptyMeasured());
    return targets.flatMap((target, i) => figuresOf(target, measured[i] ?? emptyMeasured()));
  } finally {
    await dsql.stop();
    await source.stop();
  }
}

function emptyMeasured(): Measured {
  return { inserts: [], updates: [], load: [], rawInserts: [], rawUpserts: [], rawUpdates: [] };
}

/** One round at one target: raw statements and the pipeline, in turn. */
async function measure(
  source: BenchSource,
  target: Target,
  round: number,
  measured: Measured,
): Promise<void> {
  const name = `${target.name.replace("-", "_")}_${round}`;
  const [drained, loaded] = [`drained_${name}`, `loaded_${name}`];
  const watched = async (table: string): Promise<Drained> => {
    const pids = [target.pid, source.pid];
    const before = pids.map(cpuSecondsOf);
    const made = await catchUp(pipelineOf(source, target, table));
    const [targetCpu = 0, sourceCpu = 0] = pids.map(
      (pid, i) => cpuSecondsOf(pid) - (before[i] ?? 0),
    );
    return { ...made, targetCpuSeconds: targetCpu, sourceCpuSeconds: sourceCpu };
  };
  await source.empty();
  await catchUp(pipelineOf(source, target, drained));
  await source.insert(ROWS);
  measured.inserts.push(await watched(drained));
  await source.update(ROWS);
  measured.updates.push(await watched(drained));
  await source.forget(drained);
  await measureRaw(source, target, measured);
  await source.analyze();
  measured.load.push(await watched(loaded));
  await source.forget(loaded);
  await again(target.url, `DROP TABLE ${drained}`);
  await again(target.url, `DROP TABLE ${loaded}`);
}

async function measureRaw(source: BenchSource, target: Target, measured: Measured): Promise<void> {
  const { sql, columns } = source.target;
  const statements = statementsFor(columns);
  const batches = literalsOf(await source.texts(), BATCH_ROWS);
  const config = { connectionString: target.url };
  const rate = async (statement: "insert" | "upsert"): Promise<Raw> => {
    const [cpu, targetBefore] = [process.cpuUsage(), cpuSecondsOf(target.pid)];
    const seconds = await send(config, statements[statement], batches, LANES);
    const { user, system } = process.cpuUsage(cpu);
    const cpuSeconds = (user + system) / 1e6 + cpuSecondsOf(target.pid) - targetBefore;
    return { rowsPerSecond: ROWS / seconds, cpuSeconds };
  };
  await again(target.url, sql);
  measured.rawUpserts.push(await rate("upsert"));
  measured.rawUpdates.push(await rate("upsert"));
  await again(target.url, "DROP TABLE items");
  await again(target.url, sql);
  measured.rawInserts.push(await rate("insert"));
  await again(target.url, "DROP TABLE items");
}

/** A catalogue change is answered once with OC001 by sessions that have not seen the one before. */
async function again(url: string, sql: string): Promise<void> {
  await withClient(url, (client) => client.query(sql).catch(() => client.query(sql)));
}

function figuresOf({ name, goalRowsPerSecond }: Target, measured: Measured): Figure[] {
  const compared = [
    ["backlog of inserts", measured.inserts, measured.rawUpserts],
    ["backlog of updates", measured.updates, measured.rawUpdates],
    ["full load", measured.load, measured.rawInserts],
  ] as const;
  return compared.flatMap(([what, drained, raw]) => {
    const of = (pick: (one: Drained) => number): number => median(drained.map(pick));
    const per100k = (seconds: number): number => (seconds / ROWS) * 100_000;
    const limit = median(raw.map(({ rowsPerSecond }) => rowsPerSecond));
    const title = `${what} → ${name}`;
    const rate = of(({ seconds }) => ROWS / seconds);
    const steady = of(({ steadySeconds, steadyRows }) => steadyRows / steadySeconds);
    return [
      against(title, rate, "rows/s", limit, GOAL),
      ...(goalRowsPerSecond === null
        ? []
        : [absolute(`${title}, by itself`, rate, "rows/s", goalRowsPerSecond)]),
      { ...against(`${title}, steady`, steady, "rows/s", limit, 0), goal: null },
      absolute(
        `${title}, CPU of Millrace`,
        of((d) => per100k(d.cpuSeconds)),
        "s/100k rows",
      ),
      absolute(
        `${title}, CPU of the target`,
        of((d) => per100k(d.targetCpuSeconds)),
        "s/100k rows",
      ),
      absolute(
        `${title}, CPU of the raw statements and their target`,
        median(raw.map(({ cpuSeconds }) => per100k(cpuSeconds))),
        "s/100k rows",
      ),
      absolute(
        `${title}, CPU of the source`,
        of((d) => per100k(d.sourceCpuSeconds)),
        "s/100k rows",
      ),
    ];
  });
}

function addressOf({ host, port, user: username, password }: PostgresServer): object {
  return { host, port, username, password };
}

/** Each pipeline has a target table of its own: a table belongs to the pipeline that made it. */
function pipelineOf(source: BenchSource, target: Target, table: string): object {
  return {
    source: source.section(table),
    sink: target.sink,
    route: [{ "source-table": source.table, "sink-table": `public.${table}` }],
    pipeline: { name: table, parallelism: LANES },
  };
}
