/** Which tables changed when: what OC001 is decided by (source CC, T). */
import type { RelationUse, Statement } from "../gate/statement.ts";
import { violation } from "../rules/table.ts";

/** A table's name with its schema. */
export type TableKey = string;

const SYSTEM = /^(?:pg_catalog|information_schema|sys|pg_toast)$/;

/** Where names without a schema are. */
export interface Path {
  schemaOf(name: string): string;
}

/** The key of a table that a statement names; undefined for the system's own. */
export function tableKey(use: RelationUse, path: Path): TableKey | undefined {
  const schema = use.schema === "" ? path.schemaOf(use.name) : use.schema;
  return SYSTEM.test(schema) ? undefined : `${schema}.${use.name}`;
}

/**
 * The keys of the tables that a statement writes to. Where it is known which one it writes rows to, it is only that:
 * rows of others it may lock.
 */
export function tablesWritten(statement: Statement, path: Path): TableKey[] {
  const { asking, relations, inside } = statement;
  const all = [...relations, ...inside];
  const written = asking === undefined ? all.filter((use) => use.written) : [asking.target];
  return written
    .map((use) => tableKey(use, path))
    .filter((key): key is TableKey => key !== undefined);
}

/** The keys of all tables that a statement names. */
export function tablesNamed({ relations, inside }: Statement, path: Path): TableKey[] {
  return [...relations, ...inside]
    .map((use) => tableKey(use, path))
    .filter((key): key is TableKey => key !== undefined);
}

/** One per cluster: counts the changes of each table's definition. */
export class CatalogueVersions {
  readonly #versions = new Map<TableKey, number>();
  readonly #made = new Map<TableKey, number>();
  #latest = 0;
  #resets = 0;

  /** How often the cluster was emptied by its control port. */
  get resets(): number {
    return this.#resets;
  }

  /** Grows with every change of anything. */
  get latest(): number {
    return this.#latest;
  }

  /** The version of a table; zero when it never changed. */
  of(table: TableKey): number {
    return this.#versions.get(table) ?? 0;
  }

  /** Notes that these tables changed. */
  bump(tables: Iterable<TableKey>): void {
    this.#latest++;
    for (const table of tables) this.#versions.set(table, this.#latest);
  }

  /** Notes that the latest change made these tables. */
  made(tables: Iterable<TableKey>): void {
    for (const table of tables) this.#made.set(table, this.#latest);
  }

  /** Whether a table was made by a change behind this one. */
  isYounger(table: TableKey, version: number): boolean {
    return (this.#made.get(table) ?? 0) > version;
  }

  /** Notes that everything changed. */
  bumpAll(): void {
    this.bump([...this.#versions.keys()]);
  }

  /** The cluster was emptied: everything changed, which is no session's conflict, but that of transactions that are open. */
  reset(): void {
    this.#resets++;
    this.bumpAll();
  }
}

/** One per session: what it has cached of the catalogue. */
export class CatalogueView {
  readonly #versions: CatalogueVersions;
  readonly #seen = new Map<TableKey, number>();
  #resets: number;

  constructor(versions: CatalogueVersions) {
    this.#versions = versions;
    this.#resets = versions.resets;
  }

  /**
   * Looks at tables for a statement. Throws OC001 once for a table that changed since this
   * session last looked; a table that it never looked at is read afresh.
   */
  look(tables: readonly TableKey[]): void {
    if (this.#resets !== this.#versions.resets) {
      this.#resets = this.#versions.resets;
      this.#seen.clear();
    }
    let stale = false;
    for (const table of tables) {
      const now = this.#versions.of(table);
      const seen = this.#seen.get(table);
      if (seen !== undefined && seen < now) stale = true;
      this.#seen.set(table, now);
    }
    if (stale) throw violation("schemaConflict");
  }

  /** This session made the change itself and knows it. */
  adopt(tables: Iterable<TableKey>): void {
    for (const table of tables) this.#seen.set(table, this.#versions.of(table));
  }

  /** Throws OC001 when one of the tables changed after a transaction looked at it. */
  confirm(looked: ReadonlyMap<TableKey, number>): void {
    for (const [table, version] of looked) {
      if (this.#versions.of(table) === version) continue;
      this.#seen.set(table, this.#versions.of(table));
      throw violation("schemaConflict");
    }
  }
}
