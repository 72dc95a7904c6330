import type { TableLook, TableStanding } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { carrierLoss, type CarrierNow, readCarriers } from "./carriers.ts";
import { type Queryable, readFacts } from "./catalogue.ts";
import { publishedShape } from "./discover.ts";
import { leavesOf, lookAtLeaves, readLeaves, storedLeaves, unheardLeaf } from "./partitions.ts";
import { readPublished } from "./published.ts";
import { lookAtFile, readLooseFiles } from "./table-file.ts";

/** A table, and what was known of it at the last look. */
export interface Looked {
  readonly shape: TableShape;
  readonly standing: TableStanding;
}

/** What one look at the catalogue has read, for all tables at once. */
interface Catalogue {
  readonly client: Queryable;
  /** The oid that has a table's name now. */
  readonly named: ReadonlyMap<string, string>;
  readonly carriers: ReadonlyMap<string, CarrierNow> | null;
  readonly leaves: Awaited<ReturnType<typeof readLeaves>>;
  readonly files: Awaited<ReturnType<typeof readLooseFiles>>;
  readonly shapes: ReadonlyMap<string, TableShape>;
}

/** Looks at captured tables for what the log does not tell: what carries them, which leaves they have, their shape. */
export class TableLooks {
  readonly #publication: string;
  /** What the catalogue has of a table's columns and indexes, by oid, as a digest. */
  readonly #digests = new Map<string, string>();

  constructor(publication: string) {
    this.#publication = publication;
  }

  /** The next look tells every table's shape. */
  forgetShapes(): void {
    this.#digests.clear();
  }

  /** One look; a few queries, however many tables there are. */
  async look(client: Queryable, tables: readonly Looked[]): Promise<TableLook[]> {
    const oids = tables.map(({ shape }) => shape.identity);
    const carriers = await readCarriers(client, this.#publication, oids);
    const catalogue: Catalogue = {
      client,
      named: await readNames(client, tables),
      carriers,
      files: await readLooseFiles(client, carriers),
      leaves: await readLeaves(client, oids),
      shapes: await this.#movedShapes(client, oids),
    };
    const looks: TableLook[] = [];
    for (const table of tables) looks.push(await lookAt(table, catalogue));
    return looks;
  }

  /** Shapes of the tables that changed since the last look of this process. */
  async #movedShapes(
    client: Queryable,
    oids: readonly string[],
  ): Promise<ReadonlyMap<string, TableShape>> {
    const { rows } = await client.query<{ oid: string; digest: string }>(DIGESTS_SQL, [oids]);
    const moved = rows.filter(({ oid, digest }) => this.#digests.get(oid) !== digest);
    if (moved.length === 0) return new Map();
    const published = await readPublished(client, this.#publication);
    const facts = await readFacts(
      client,
      moved.map(({ oid }) => oid),
    );
    for (const { oid, digest } of moved) this.#digests.set(oid, digest);
    return new Map(
      facts.map(({ shape }) => [
        shape.identity,
        publishedShape(shape, published.get(shape.identity)),
      ]),
    );
  }
}

const DIGESTS_SQL = `
SELECT c.oid::text AS oid, pg_catalog.md5(c.xmin::text || c.relreplident::text
  || COALESCE((SELECT pg_catalog.string_agg(a.attnum::text || ' ' || a.xmin::text, ',' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0), '')
  || COALESCE((SELECT pg_catalog.string_agg(i.indexrelid::text || ' ' || i.xmin::text, ',' ORDER BY i.indexrelid)
    FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid), '')) AS digest
FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[])`;

async function readNames(
  client: Queryable,
  tables: readonly Looked[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ schema: string; name: string; oid: string }>(
    `SELECT n.nspname AS schema, c.relname AS name, c.oid::text AS oid
     FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS t(schema, name)
       JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema
       JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name`,
    [tables.map(({ shape }) => shape.schema), tables.map(({ shape }) => shape.name)],
  );
  return new Map(rows.map(({ schema, name, oid }) => [nameOf(schema, name), oid]));
}

function nameOf(schema: string, name: string): string {
  return JSON.stringify([schema, name]);
}

async function lookAt(
  { shape, standing }: Looked,
  { client, named, carriers, leaves, files, shapes }: Catalogue,
): Promise<TableLook> {
  const { id, identity, schema, name } = shape;
  const holder = named.get(nameOf(schema, name)) ?? null;
  const being = holder === null ? "gone" : holder === identity ? "there" : "remade";
  const carrier = carriers?.get(identity) ?? null;
  const now = leaves.get(identity) ?? [];
  const file = files.get(identity) ?? null;
  const unheard = file?.unlogged === true ? "is unlogged" : (unheardLeaf(now)?.what ?? null);
  const lost = carrier === null ? null : carrierLoss(standing.carrier, carrier);
  const found = {
    id,
    being,
    shape: shapes.get(identity) ?? null,
    carrier: carrier?.carrier ?? null,
    lost: lost ?? unheard,
  } as const;
  if (file !== null) return { ...found, ...(await lookAtFile(client, file, standing.parts)) };
  const known = leavesOf(standing.parts);
  if (known === null)
    return { ...found, parts: storedLeaves(now), rows: "same", moved: now.length > 0 };
  const { verdict, parts, moved } = await lookAtLeaves(client, known, now);
  return { ...found, parts, rows: verdict, moved };
}
