// How long dsql-local takes to come up once it has on this machine, and to be empty again: what each test of a user waits for.
import pg from "pg";
import { startDsqlLocal } from "../packages/dsql-local/src/index.ts";
import { atMost, median, type Figure } from "./report.ts";

const ROUNDS = 7;
const MOST_START_MS = 1_500;
const MOST_RESET_MS = 100;
const TABLES = 5;

/** The figures of a start, and of a reset with some tables and rows. */
export async function startAndReset(): Promise<Figure[]> {
  // The first one makes the template.
  await (await startDsqlLocal()).stop();
  const startMs: number[] = [];
  const resetMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const beganMs = performance.now();
    const cluster = await startDsqlLocal({ tls: "off" });
    startMs.push(performance.now() - beganMs);
    try {
      resetMs.push(await resetOf(cluster));
    } finally {
      await cluster.stop();
    }
  }
  return [
    atMost("library start, not the first", median(startMs), "ms", MOST_START_MS),
    atMost("reset", median(resetMs), "ms", MOST_RESET_MS),
  ];
}

async function resetOf({
  url,
  control,
}: Awaited<ReturnType<typeof startDsqlLocal>>): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (let table = 0; table < TABLES; table++) {
    await client.query(`create table t${table} (id int primary key, v text unique)`);
    await client.query(
      `insert into t${table} select n, 'v' || n from generate_series(1, 1000) as n`,
    );
  }
  await client.end();
  const beganMs = performance.now();
  await control.reset();
  return performance.now() - beganMs;
}
