/** Which tables the client's role may read: without that, PostgreSQL tells us nothing of the rows either. */
import type { CatalogueVersions, TableKey } from "../concurrency/catalogue-versions.ts";
import { literal, readRow } from "../postgres/rows.ts";
import { tableName } from "../sizes/table-facts.ts";
import type { CommandRunner } from "../sizes/measure.ts";

interface Known {
  readonly version: number;
  readonly may: boolean;
}

/** One per session. */
export class Readable {
  readonly #runner: CommandRunner;
  readonly #versions: CatalogueVersions;
  readonly #known = new Map<TableKey, Known>();

  constructor(runner: CommandRunner, versions: CatalogueVersions) {
    this.#runner = runner;
    this.#versions = versions;
  }

  /** Whether a table may be read, where that is known: a GRANT, like any DDL, makes it unknown. */
  known(table: TableKey): boolean | undefined {
    const known = this.#known.get(table);
    return known?.version === this.#versions.of(table) ? known.may : undefined;
  }

  /** Whether a table may be read. Only in a turn. */
  async may(table: TableKey): Promise<boolean> {
    const known = this.known(table);
    if (known !== undefined) return known;
    const version = this.#versions.of(table);
    const name = literal(tableName(table));
    const answer = await this.#runner.command(
      `SELECT coalesce(has_table_privilege(to_regclass(${name}), 'SELECT'), false)`,
    );
    const may = answer.rows.map(readRow)[0]?.[0] === "t";
    this.#known.set(table, { version, may });
    return may;
  }

  /** The role may be another one now. */
  forget(): void {
    this.#known.clear();
  }
}
