import { literalsOf, send, statementsFor } from "./baselines/raw-upserts.ts";
import { again, BATCH_ROWS, type NearTarget } from "./near-targets.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import type { TargetTable } from "./sources/source.ts";

/** Raw statements of one kind; CPU of the client and of the target together. */
export interface Raw {
  readonly rowsPerSecond: number;
  readonly cpuSeconds: number;
}

/** What a target takes of raw statements. */
export interface RawRates {
  /** Of rows that are not there yet. */
  readonly upserts: Raw;
  /** The same upserts once more. */
  readonly updates: Raw;
  readonly inserts: Raw;
}

/** What is written: every row of a table in its key's order, its columns as text. */
export interface RawRows {
  readonly table: TargetTable;
  readonly texts: readonly (readonly (string | null)[])[];
}

/** Writes the rows in each of the three ways over so many connections, and leaves nothing behind. */
export async function rawRates(
  target: NearTarget,
  { table, texts }: RawRows,
  connections: number,
): Promise<RawRates> {
  const statements = statementsFor(table.columns);
  const batches = literalsOf(texts, BATCH_ROWS);
  const config = { connectionString: target.url };
  const rate = async (statement: "insert" | "upsert"): Promise<Raw> => {
    const [cpu, targetBefore] = [process.cpuUsage(), cpuSecondsOf(target.pid)];
    const seconds = await send(config, statements[statement], batches, connections);
    const { user, system } = process.cpuUsage(cpu);
    const cpuSeconds = (user + system) / 1e6 + cpuSecondsOf(target.pid) - targetBefore;
    return { rowsPerSecond: texts.length / seconds, cpuSeconds };
  };
  await again(target.url, table.sql);
  const [upserts, updates] = [await rate("upsert"), await rate("upsert")];
  await again(target.url, "DROP TABLE items");
  await again(target.url, table.sql);
  const inserts = await rate("insert");
  await again(target.url, "DROP TABLE items");
  return { upserts, updates, inserts };
}
