// A backlog that stands in the slot, drained into dsql-local; and the full load. Beside raw unnest statements of the
// same rows into the same dsql-local over as many connections.
import { loadPipeline } from "millrace";
import pg from "pg";
import { startDsqlProcess, type DsqlProcess } from "./dsql-process.ts";
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { literalsOf, send } from "./baselines/raw-upserts.ts";
import { against, median, type Figure } from "./report.ts";
import { insertRows, TABLE, updateRows, withClient } from "./workload.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 200_000);
const LANES = 4;
const BATCH_ROWS = 1000;
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const GOAL = 0.6;

/** The figures of `postgres-dsql`. */
export async function run(): Promise<Figure[]> {
  await using postgres = await startPostgres({
    settings: { synchronous_commit: "off", max_wal_size: "8GB" },
  });
  const dsql = await startDsqlProcess();
  try {
    return await measure(postgres, dsql);
  } finally {
    await dsql.stop();
  }
}

async function measure(postgres: PostgresServer, dsql: DsqlProcess): Promise<Figure[]> {
  const source = await postgres.createDatabase("bench");
  await withClient(source, (client) => client.query(TABLE));
  await withClient(dsql.url, (client) =>
    client.query(TABLE.replace("timestamptz", "timestamptz(6)")),
  );
  const rates = {
    load: [] as number[],
    inserts: [] as number[],
    updates: [] as number[],
    rawInserts: [] as number[],
    rawUpserts: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round++) {
    const pipeline = () => pipelineOf(postgres, dsql, `bench${round}`);
    await withClient(source, (client) => client.query("TRUNCATE items"));
    await empty(dsql);
    await catchUp(pipeline());
    await withClient(source, (client) => insertRows(client, ROWS));
    rates.inserts.push(ROWS / (await catchUp(pipeline())));
    await withClient(source, (client) => updateRows(client, ROWS));
    rates.updates.push(ROWS / (await catchUp(pipeline())));
    await withClient(source, (client) =>
      client.query(`SELECT pg_drop_replication_slot('bench${round}')`),
    );
    const batches = await withClient(source, (client) => literalsOf(client, BATCH_ROWS));
    await empty(dsql);
    rates.rawInserts.push(
      ROWS / (await send({ connectionString: dsql.url }, "insert", batches, LANES)),
    );
    rates.rawUpserts.push(
      ROWS / (await send({ connectionString: dsql.url }, "upsert", batches, LANES)),
    );
    await empty(dsql);
    rates.load.push(ROWS / (await catchUp(pipelineOf(postgres, dsql, `load${round}`))));
    await withClient(source, (client) =>
      client.query(`SELECT pg_drop_replication_slot('load${round}')`),
    );
  }
  return [
    against("backlog of inserts", median(rates.inserts), "rows/s", median(rates.rawUpserts), GOAL),
    against("backlog of updates", median(rates.updates), "rows/s", median(rates.rawUpserts), GOAL),
    against("full load", median(rates.load), "rows/s", median(rates.rawInserts), GOAL),
  ];
}

/** Runs a pipeline until it has caught up; gives the seconds from its start. */
async function catchUp(description: object): Promise<number> {
  const pipeline = await loadPipeline(description);
  const began = performance.now();
  await pipeline.start();
  await Promise.race([pipeline.caughtUp(), pipeline.done]);
  const seconds = (performance.now() - began) / 1000;
  await pipeline.stop();
  return seconds;
}

/** DSQL has no TRUNCATE: the table is made anew. */
async function empty(dsql: DsqlProcess): Promise<void> {
  await withClient(dsql.url, async (client) => {
    await retried(client, "DROP TABLE items");
    await retried(client, TABLE);
  });
}

/** A catalogue change is answered once with OC001 by sessions that have not seen the one before. */
async function retried(client: pg.Client, sql: string): Promise<void> {
  await client.query(sql).catch(() => client.query(sql));
}

function pipelineOf(postgres: PostgresServer, dsql: DsqlProcess, name: string): object {
  const { host: hostname, port, user: username, password } = postgres;
  return {
    source: {
      type: "postgres",
      hostname,
      port,
      username,
      password,
      tables: "bench.public.items",
      "slot.name": name,
    },
    sink: {
      type: "dsql",
      host: dsql.host,
      port: dsql.port,
      username: dsql.user,
      password: "any",
      "use-iam-auth": false,
      "ssl-mode": "disable",
      // Every round is a pipeline of its own into the one table.
      shared: true,
      "batch-size": BATCH_ROWS,
    },
    pipeline: { name, parallelism: LANES },
  };
}
