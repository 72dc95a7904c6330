import type { ConnectorContext, Source } from "../model/source.ts";

/** A row of the kit's table: `id` bigint key, `v` text, `large` text. */
export interface KitRow {
  readonly id: number;
  readonly v: string | null;
  /** Long enough, the server keeps it apart and may leave it out of its log. */
  readonly large: string | null;
}

/** An open transaction at the source. */
export interface KitTransaction {
  insert(table: string, rows: readonly KitRow[]): Promise<void>;
  /** Changes the row with this id; `id` among the values changes the key. */
  update(table: string, id: number, values: Partial<KitRow>): Promise<void>;
  remove(table: string, id: number): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/**
 * What a source gives so that the kit can try it. Of a log that has several shards (`Source.join`) the kit's table has one: between
 * shards there is no order that could be tried.
 */
export interface SourceKit {
  /** A source that captures exactly these tables, under the context's pipeline. */
  makeSource(context: ConnectorContext, tables: readonly string[]): Source;
  /** Makes the kit's table. */
  makeTable(name: string): Promise<void>;
  begin(): Promise<KitTransaction>;
  /** All rows go at once; absent where the source has no such thing. */
  truncate?(table: string): Promise<void>;
  /** Adds a column `x` (text); absent where shapes do not change. */
  addColumn?(table: string): Promise<void>;
  /** Takes away what the server keeps of the log for this pipeline; absent where that cannot happen. */
  loseLog?(pipeline: string): Promise<void>;
  /** Drops the table and what sources of this pipeline have made at the server. */
  cleanUp(pipeline: string, tables: readonly string[]): Promise<void>;
}
