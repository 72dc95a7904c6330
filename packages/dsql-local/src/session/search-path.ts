/** Where a session's unqualified names are looked for, by PostgreSQL's own word: whatever set the path, or made a schema. */
import type { CatalogueVersions, Path } from "../concurrency/catalogue-versions.ts";
import { readRow } from "../postgres/rows.ts";
import type { CommandRunner } from "../sizes/measure.ts";

const DEFAULT = "public";

/** One per session. */
export class SearchPath implements Path {
  readonly #runner: CommandRunner;
  readonly #versions: CatalogueVersions;
  /** Those that are there. */
  #schemas: readonly string[] = [DEFAULT];
  /** The schema of each relation, where there are several. */
  #relations = new Map<string, string>();
  #asOf: number | undefined;

  constructor(runner: CommandRunner, versions: CatalogueVersions) {
    this.#runner = runner;
    this.#versions = versions;
  }

  /** The first schema: new relations go there. */
  get schema(): string {
    return this.#schemas[0] ?? DEFAULT;
  }

  /** All of them. */
  get schemas(): readonly string[] {
    return this.#schemas;
  }

  /** Whether it is known as it is now. */
  get isFresh(): boolean {
    return this.#asOf === this.#versions.latest;
  }

  /** The schema that a name is found in; that of new relations for one that is in none. */
  schemaOf(name: string): string {
    return this.#relations.get(name) ?? this.schema;
  }

  /** It may be another one now: a SET, a SET LOCAL that has ended, another role. */
  changed(): void {
    this.#asOf = undefined;
  }

  /** Asks PostgreSQL. Only in a turn. */
  async refresh(): Promise<void> {
    const asOf = this.#versions.latest;
    this.#schemas = await this.#texts("SELECT unnest(current_schemas(false))");
    this.#relations = new Map();
    if (this.#schemas.length > 1) {
      // Of several with one name the first of the path comes last, and stays.
      const found = await this.#runner.command(
        `SELECT c.relname, n.nspname FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (schema, place)
         JOIN pg_namespace AS n ON n.nspname = path.schema JOIN pg_class AS c ON c.relnamespace = n.oid
         ORDER BY path.place DESC`,
      );
      for (const [name, schema] of found.rows.map(readRow)) {
        this.#relations.set(name ?? "", schema ?? DEFAULT);
      }
    }
    this.#asOf = asOf;
  }

  async #texts(sql: string): Promise<string[]> {
    const answer = await this.#runner.command(sql);
    return answer.rows.map((row) => readRow(row)[0] ?? "");
  }
}
