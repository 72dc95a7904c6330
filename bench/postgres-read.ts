// A slot with a backlog, read by the engine's log (decoded into batches, thrown away), beside the best raw reader of
// the same rows, which only counts them. Both have a process' main thread and the server to themselves, in turn.
import { Worker } from "node:worker_threads";
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { absolute, against, median, type Figure } from "./report.ts";
import { liveSource } from "./replay/live-source.ts";
import { insertRows, TABLE, updateRows, withClient } from "./workload.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 500_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const GOAL = 0.9;
const MAX_VALUE_BYTES = 4 * 1024 * 1024;
const DATABASE = "bench";

interface Read {
  readonly rowsPerSecond: number;
  readonly cpuSecondsPer100k: number;
}

/** The figures of `postgres-read`. */
export async function run(): Promise<Figure[]> {
  await using postgres = await startPostgres({ settings: { max_wal_size: "8GB" } });
  const url = await postgres.createDatabase(DATABASE);
  await withClient(url, (client) => client.query(TABLE));
  await withClient(url, (client) => client.query("CREATE PUBLICATION bench FOR TABLE items"));
  const kinds = { inserts: insertRows, updates: updateRows };
  const figures: Figure[] = [];
  for (const [kind, write] of Object.entries(kinds)) {
    await createSlots(url);
    await withClient(url, (client) => write(client, ROWS));
    const raw: Read[] = [];
    const ours: Read[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      raw.push(await readRaw(url, `raw${round}`));
      ours.push(await readOurs(postgres, `ours${round}`));
    }
    await dropSlots(url);
    figures.push(...figuresOf(kind, ours, raw));
  }
  return figures;
}

function figuresOf(kind: string, ours: readonly Read[], raw: readonly Read[]): Figure[] {
  const rate = (reads: readonly Read[]) => median(reads.map((read) => read.rowsPerSecond));
  const cpu = (reads: readonly Read[]) => median(reads.map((read) => read.cpuSecondsPer100k));
  return [
    against(`${kind}, decoded`, rate(ours), "rows/s", rate(raw), GOAL),
    absolute(`${kind}, CPU of our reader`, cpu(ours), "s/100k rows"),
    absolute(`${kind}, CPU of the raw reader`, cpu(raw), "s/100k rows"),
  ];
}

/** One slot per read, so that every read finds the same backlog. */
async function createSlots(url: string): Promise<void> {
  await withClient(url, async (client) => {
    for (let round = 0; round < ROUNDS; round++)
      for (const name of ["raw", "ours"])
        await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [
          `${name}${round}`,
        ]);
  });
}

/** A slot stays in use for a moment after its reader has gone. */
async function dropSlots(url: string): Promise<void> {
  await withClient(url, async (client) => {
    for (let left = 1; left > 0;) {
      await client.query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active",
      );
      const { rows } = await client.query("SELECT FROM pg_replication_slots");
      left = rows.length;
    }
  });
}

async function readRaw(url: string, slot: string): Promise<Read> {
  const cpu = process.cpuUsage();
  const worker = new Worker(new URL("baselines/raw-log-reader.ts", import.meta.url), {
    workerData: { url, slot, publication: "bench", rows: ROWS },
  });
  const { seconds } = await new Promise<{ seconds: number }>((resolve, reject) => {
    worker.on("message", resolve);
    worker.on("error", reject);
  });
  const read = readOf(seconds, cpu);
  await worker.terminate();
  return read;
}

async function readOurs(postgres: PostgresServer, slot: string): Promise<Read> {
  const source = liveSource(postgres, DATABASE, slot, "bench");
  const [table] = await source.discover();
  if (table === undefined) throw new Error("the table is not there");
  const log = await source.openLog({
    from: null,
    tables: new Map([[table.shape.id, table.shape]]),
    maxValueBytes: MAX_VALUE_BYTES,
  });
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let rows = 0; rows < ROWS;) rows += (await log.next()).items.length;
  const read = readOf((performance.now() - began) / 1000, cpu);
  await log.close();
  await source.close();
  return read;
}

function readOf(seconds: number, since: NodeJS.CpuUsage): Read {
  const { user, system } = process.cpuUsage(since);
  return {
    rowsPerSecond: ROWS / seconds,
    cpuSecondsPer100k: ((user + system) / 1e6 / ROWS) * 100_000,
  };
}
