/** Where a session's unqualified names are looked for, by PostgreSQL's own word: whatever set the path, or made a schema. */
import type { CatalogueVersions, Path } from "../concurrency/catalogue-versions.ts";
import { readRow } from "../postgres/rows.ts";
import type { CommandRunner } from "../sizes/measure.ts";

const DEFAULT = "public";
const CATALOGUE = "pg_catalog";
/** How all names of the catalogue begin; those of others may. */
const CATALOGUE_NAMES = "pg_";

/** The schemas; the relations of no schema here that are called as the catalogue's; and those of each schema where there are several. */
const SQL = `
  WITH path AS (SELECT * FROM unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS path (schema, place))
  SELECT schema::text, NULL::text, place FROM path
  UNION ALL SELECT NULL, c.relname, 0 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname LIKE 'pg\\_%' AND n.nspname IN (SELECT schema FROM path) AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_class AS s WHERE s.relname = c.relname AND s.relnamespace = 'pg_catalog'::regnamespace)
  UNION ALL SELECT path.schema, c.relname, path.place FROM path
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = path.schema JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
    WHERE (SELECT count(*) FROM path) > 1
  ORDER BY 3`;

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
    const found = await this.#runner.command(SQL);
    const rows = found.rows.map(readRow).map(([schema, relation]) => ({ schema, relation }));
    this.#schemas = rows.flatMap(({ schema, relation }) =>
      relation === null ? (schema ?? []) : [],
    );
    this.#likeCatalogue = new Set(
      rows.flatMap(({ schema, relation }) => (schema === null ? (relation ?? []) : [])),
    );
    this.#relations = new Map();
    for (const { schema, relation } of rows.toReversed()) {
      // Of several with one name that of the first schema comes last, and stays.
      if (typeof schema === "string" && typeof relation === "string") {
        this.#relations.set(relation, schema);
      }
    }
    this.#asOf = asOf;
  }
}
