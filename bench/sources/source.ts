import type { BareThread } from "../bare-thread.ts";

/** A server with the table of all benchmarks, `items`, that a pipeline reads. */
export interface BenchSource {
  readonly pid: number;
  /** As pipeline files name it. */
  readonly table: string;
  /** What the table is at a target. */
  readonly target: TargetTable;
  /** The `source` of this pipeline's file. */
  section(pipeline: string): object;
  empty(): Promise<void>;
  insert(rows: number): Promise<void>;
  /** Updates so many rows. */
  update(rows: number): Promise<void>;
  /** Tells the server's planner of all that was written. */
  analyze(): Promise<void>;
  /** Every row, in the key's order, its columns as text. */
  texts(): Promise<readonly (readonly (string | null)[])[]>;
  /** Keeps what the log gets from now on for the best raw reader of it that we know, which reads it so many times. */
  record(times: number): Promise<RawLog>;
  /** Makes the best raw reader of the table ready, which has so many rows with keys from 1 on. */
  rawTable(rows: number): Promise<BareThread>;
  /** Lets go of what the server keeps for a pipeline. */
  forget(pipeline: string): Promise<void>;
  stop(): Promise<void>;
}

/** A stretch of the log. */
export interface RawLog {
  /** Seconds that it takes to read so many rows of it and to count them; nothing of it is kept behind the last time. */
  read(rows: number): Promise<number>;
}

/** As the sinks make it, under its own name. */
export interface TargetTable {
  readonly sql: string;
  /** Names with their types, in order. */
  readonly columns: readonly (readonly [name: string, type: string])[];
}

/** Starts a server with the table, empty. */
export type StartSource = () => Promise<BenchSource>;

/** The statement that makes a table `items` of these columns, of which none may be NULL and the first is the key. */
export function targetTable(columns: TargetTable["columns"]): TargetTable {
  const parts = columns.map(([name, type], i) =>
    i === 0 ? `${name} ${type} PRIMARY KEY` : `${name} ${type} NOT NULL`,
  );
  return { sql: `CREATE TABLE items (${parts.join(", ")})`, columns };
}

/** Sessions of a raw reader of the table. */
const READERS = 4;

/** Stretches of keys from 1 to `rows`, one for each session. */
export function stretches(rows: number): readonly (readonly [first: number, last: number])[] {
  const step = Math.ceil(rows / READERS);
  return Array.from({ length: READERS }, (_, i) => [i * step + 1, Math.min(rows, (i + 1) * step)]);
}
