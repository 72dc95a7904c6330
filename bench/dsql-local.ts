// What dsql-local leaves of the rate of its PostgreSQL: the same batched upserts, single rows and reads into one server, through
// the proxy and past it, in turn; and what connections and answers that nobody reads cost it.
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { literalsOf, send, statementsFor, type Literals } from "./baselines/raw-upserts.ts";
import { holdConnections, leaveUnread } from "./dsql-held.ts";
import { startDsqlProcess } from "./dsql-process.ts";
import { startAndReset } from "./dsql-start.ts";
import { compareSingleRows } from "./dsql-single.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import { absolute, against, median, type Figure } from "./report.ts";
import { readTexts } from "./sources/postgres.ts";
import { COLUMNS, insertRows, TABLE, withClient } from "./workload.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 300_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const CONNECTIONS = 4;
const BATCH_ROWS = 1000;
const GOAL = 0.6;
const HELD = Number(process.env["BENCH_CONNECTIONS"] ?? 1000);
/** Those of the PostgreSQL that dsql-local starts by itself. */
const SETTINGS = {
  synchronous_commit: "off",
  full_page_writes: "off",
  max_wal_size: "2GB",
  max_connections: String(HELD + 20),
};

interface Rates {
  readonly inserts: number[];
  readonly updates: number[];
}

/** The figures of `dsql-local`. */
export async function run(): Promise<Figure[]> {
  await using postgres = await startPostgres({ settings: SETTINGS });
  const batches = await batchesOf(postgres);
  const dsql = await startDsqlProcess("--postgres", postgres.url);
  try {
    const past: Rates = { inserts: [], updates: [] };
    const through: Rates = { inserts: [], updates: [] };
    const proxySeconds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await measure(postgres.url, batches, past);
      const before = cpuSecondsOf(dsql.pid);
      await measure(dsql.url, batches, through);
      proxySeconds.push(cpuSecondsOf(dsql.pid) - before);
    }
    return [
      compared("upserts of new rows", through.inserts, past.inserts),
      compared("upserts of the same rows", through.updates, past.updates),
      absolute("CPU of the proxy", (median(proxySeconds) / ROWS / 2) * 100_000, "s/100k rows"),
      ...(await compareSingleRows({ throughUrl: dsql.url, pastUrl: postgres.url, rounds: ROUNDS })),
      ...(await leaveUnread(dsql)),
      ...(await holdConnections(dsql, HELD)),
      ...(await startAndReset()),
    ];
  } finally {
    await dsql.stop();
  }
}

function compared(name: string, through: readonly number[], past: readonly number[]): Figure {
  return against(`${name} → dsql-local`, median(through), "rows/s", median(past), GOAL);
}

async function batchesOf(postgres: PostgresServer): Promise<Literals[]> {
  const url = await postgres.createDatabase("rows");
  return withClient(url, async (client) => {
    await client.query(TABLE);
    await insertRows(client, ROWS);
    return literalsOf(await readTexts(client), BATCH_ROWS);
  });
}

/** New rows into a fresh table, then the same rows once more. */
async function measure(url: string, batches: readonly Literals[], rates: Rates): Promise<void> {
  const { upsert } = statementsFor(COLUMNS);
  const rate = async (): Promise<number> =>
    ROWS / (await send({ connectionString: url }, upsert, batches, CONNECTIONS));
  await withClient(url, (client) => client.query(TABLE));
  rates.inserts.push(await rate());
  rates.updates.push(await rate());
  await withClient(url, (client) => client.query("DROP TABLE items"));
}
