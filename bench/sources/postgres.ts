import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Client } from "pg";
import { startPostgres } from "../../test/support/postgres.ts";
import { COLUMNS, insertRows, TABLE, updateRows, withClient } from "../workload.ts";
import { startBareThread } from "../bare-thread.ts";
import type { BareTable } from "../baselines/bare-table.ts";
import { type BenchSource, stretches, targetTable } from "./source.ts";

const SETTINGS = { synchronous_commit: "off", max_wal_size: "8GB" };
const DATABASE = "bench";
/** The publication of raw readers, and what their slots' names begin with. */
const RAW = "raw";

/** A PostgreSQL; each pipeline has a slot of its name. */
export async function startPostgresSource(): Promise<BenchSource> {
  const server = await startPostgres({ settings: SETTINGS });
  const url = await server.createDatabase(DATABASE);
  await withClient(url, (client) => client.query(TABLE));
  await withClient(url, (client) => client.query(`CREATE PUBLICATION ${RAW} FOR TABLE items`));
  const execute = (sql: string, ...values: string[]): Promise<void> =>
    withClient(url, async (client) => void (await client.query(sql, values)));
  const { host: hostname, port, user: username, password } = server;
  const table = `${DATABASE}.public.items`;
  let slots = 0;
  return {
    pid: pidOf(server),
    table,
    target: targetTable(COLUMNS),
    section: (pipeline) => ({
      type: "postgres",
      hostname,
      port,
      username,
      password,
      tables: table,
      "slot.name": pipeline,
    }),
    empty: () => execute("TRUNCATE items"),
    insert: (rows) =>
      withClient(url, (client) => insertRows(client, rows).then(() => mark(client))),
    update: (rows) =>
      withClient(url, (client) => updateRows(client, rows).then(() => mark(client))),
    analyze: () => execute("VACUUM ANALYZE items"),
    texts: () => withClient(url, readTexts),
    record: async (times) => {
      const own = Array.from({ length: times }, () => `${RAW}_${slots++}`);
      for (const slot of own)
        await execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", slot);
      return { read: async (rows) => readSlot(url, nextOf(own), rows) };
    },
    rawTable: (rows) => {
      const copies = stretches(rows).map(
        ([first, last]) =>
          `COPY (SELECT * FROM items WHERE id BETWEEN ${first} AND ${last}) TO STDOUT`,
      );
      const given: BareTable = { url, copies };
      return startBareThread(new URL("../baselines/bare-table.ts", import.meta.url), given);
    },
    forget: (pipeline) => execute("SELECT pg_drop_replication_slot($1)", pipeline),
    stop: () => server.stop(),
  };
}

/** Where a slot may be read from next time: else the server decodes again what was read already. It writes such a place every 15 s. */
async function mark(client: Client): Promise<void> {
  await client.query("SELECT pg_log_standby_snapshot()");
}

/** The slot of a raw reader's next turn. */
function nextOf(slots: string[]): string {
  const next = slots.shift();
  if (next === undefined) throw new Error("The log is read more often than was asked for");
  return next;
}

/** Reads a slot in a thread of its own, and drops it; gives seconds. */
async function readSlot(url: string, slot: string, rows: number): Promise<number> {
  const worker = new Worker(new URL("../baselines/raw-log-reader.ts", import.meta.url), {
    workerData: { url, slot, publication: RAW, rows },
  });
  const { seconds } = await new Promise<{ seconds: number }>((resolve, reject) => {
    worker.on("message", resolve);
    worker.on("error", reject);
  });
  await worker.terminate();
  await withClient(url, async (client) => {
    // It stays in use for a moment after its reader has gone.
    for (let isGone = false; !isGone;) {
      const { rowCount } = await client.query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active",
        [slot],
      );
      isGone = rowCount === 1;
    }
  });
  return seconds;
}

/** The table's rows; see {@link BenchSource.texts}. */
export async function readTexts(client: Client): Promise<(string | null)[][]> {
  const columns = COLUMNS.map(([name]) => `"${name}"::text`).join(", ");
  const text = `SELECT ${columns} FROM items ORDER BY id`;
  const { rows } = await client.query<(string | null)[]>({ text, rowMode: "array" });
  return rows;
}

/** Of the server's first process. */
export function pidOf({ dataDir }: { readonly dataDir: string }): number {
  return Number(readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n")[0]);
}
