/** Where a session's unqualified names are looked for, by PostgreSQL's own word: whatever set the path, or made a schema. */
import type { CatalogueVersions, Path } from "../concurrency/catalogue-versions.ts";
import { readRow, type TextRow } from "../postgres/rows.ts";
import type { CommandRunner } from "../sizes/measure.ts";

const DEFAULT = "public";
const CATALOGUE = "pg_catalog";
/** How all names of the catalogue begin; those of others may. */
const CATALOGUE_NAMES = "pg_";

/** One per session. */
export class SearchPath implements Path {
  readonly #runner: CommandRunner;
  readonly #versions: CatalogueVersions;
  /** Those that are there. */
  #schemas: readonly string[] = [DEFAULT];
  /** The schema of each relation, where there are several. */
  #relations = new Map<string, string>();
  /** Relations that are called as the catalogue's are, and are in none of its. */
  #likeCatalogue: ReadonlySet<string> = new Set();
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
    // The catalogue comes first, unless the path names it.
    const mayBeSystems = name.startsWith(CATALOGUE_NAMES) && !this.#schemas.includes(CATALOGUE);
    if (mayBeSystems && !this.#likeCatalogue.has(name)) return CATALOGUE;
    return this.#relations.get(name) ?? this.schema;
  }

  /** It may be another one now: a SET, a SET LOCAL that has ended, another role. */
  changed(): void {
    this.#asOf = undefined;
  }

  /** Asks PostgreSQL. Only in a turn. */
  async refresh(): Promise<void> {
    const asOf = this.#versions.latest;
    const found = await this.#runner.command(
      `SELECT path.schema, NULL FROM unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS path (schema, place)
       UNION ALL SELECT NULL, c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.relname LIKE 'pg\\_%' AND n.nspname = ANY (pg_catalog.current_schemas(false)) AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_class AS s WHERE s.relname = c.relname AND s.relnamespace = 'pg_catalog'::regnamespace)`,
    );
    const rows = found.rows.map(readRow);
    this.#schemas = textsOf(rows, 0);
    this.#likeCatalogue = new Set(textsOf(rows, 1));
    this.#relations = new Map();
    if (this.#schemas.length > 1) {
      // Of several with one name the first of the path comes last, and stays.
      const several = await this.#runner.command(
        `SELECT c.relname, n.nspname FROM unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS path (schema, place)
         JOIN pg_catalog.pg_namespace AS n ON n.nspname = path.schema JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
         ORDER BY path.place DESC`,
      );
      for (const [name, schema] of several.rows.map(readRow)) {
        this.#relations.set(name ?? "", schema ?? DEFAULT);
      }
    }
    this.#asOf = asOf;
  }
}

function textsOf(rows: readonly TextRow[], column: number): string[] {
  return rows.map((row) => row[column]).filter((text) => typeof text === "string");
}
