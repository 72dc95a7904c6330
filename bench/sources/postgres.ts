import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import { startPostgres } from "../../test/support/postgres.ts";
import { COLUMNS, insertRows, TABLE, updateRows, withClient } from "../workload.ts";
import { type BenchSource, targetTable } from "./source.ts";

const SETTINGS = { synchronous_commit: "off", max_wal_size: "8GB" };
const DATABASE = "bench";

/** A PostgreSQL; each pipeline has a slot of its name. */
export async function startPostgresSource(): Promise<BenchSource> {
  const server = await startPostgres({ settings: SETTINGS });
  const url = await server.createDatabase(DATABASE);
  await withClient(url, (client) => client.query(TABLE));
  const execute = (sql: string, ...values: string[]): Promise<void> =>
    withClient(url, async (client) => void (await client.query(sql, values)));
  const { host: hostname, port, user: username, password } = server;
  const table = `${DATABASE}.public.items`;
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
    insert: (rows) => withClient(url, (client) => insertRows(client, rows)),
    update: (rows) => withClient(url, (client) => updateRows(client, rows)),
    analyze: () => execute("VACUUM ANALYZE items"),
    texts: () => withClient(url, readTexts),
    forget: (pipeline) => execute("SELECT pg_drop_replication_slot($1)", pipeline),
    stop: () => server.stop(),
  };
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
