import type { Json } from "../../model/position.ts";
import type { Queryable } from "./catalogue.ts";

/**
 * How a table's changes get into the log, in a form that tells whether they did so without a break: oids are not given
 * twice, and an ALTER PUBLICATION … SET leaves another `altered` behind. Kept in the table's document.
 */
export type Carrier = {
  readonly publication: string;
  /** The transaction that wrote the publication's row last. */
  readonly altered: string;
  readonly owner: string;
  /** Entries of the publication that cover the table: `all`, `table OID`, `schema OID`. */
  readonly ways: readonly string[];
};

/** A carrier as the catalogue has it now. */
export interface CarrierNow {
  readonly carrier: Carrier;
  /** Kinds of changes that the publication leaves out, in the words of its option. */
  readonly leavesOut: readonly string[];
  /** The publication names the table, and covers it in no other way. */
  readonly isBound: boolean;
}

interface PublicationRow {
  readonly oid: string;
  readonly altered: string;
  readonly owner: string;
  readonly all: boolean;
  readonly insert: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  readonly truncate: boolean;
}

const KINDS = ["insert", "update", "delete", "truncate"] as const;

/** The carriers of tables, by oid; one that is gone from the catalogue is absent. Null without the publication. */
export async function readCarriers(
  client: Queryable,
  publication: string,
  oids: readonly string[],
): Promise<ReadonlyMap<string, CarrierNow> | null> {
  const { rows } = await client.query<PublicationRow>(
    `SELECT p.oid::text AS oid, p.xmin::text AS altered, p.pubowner::text AS owner, p.puballtables AS all,
       p.pubinsert AS insert, p.pubupdate AS update, p.pubdelete AS delete, p.pubtruncate AS truncate
     FROM pg_catalog.pg_publication p WHERE p.pubname = $1`,
    [publication],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const entries = await readEntries(client, row.oid);
  const leavesOut = KINDS.filter((kind) => !row[kind]);
  const all = row.all ? ["all"] : [];
  const { oid, altered, owner } = row;
  return new Map(
    (await readLineages(client, oids)).map(({ table, lineage, schemas }) => {
      const own = lineage.flatMap((relation) => entries.get(`table ${relation}`) ?? []);
      const whole = schemas.flatMap((schema) => entries.get(`schema ${schema}`) ?? []);
      const ways = [...all, ...own, ...whole];
      const isBound = ways.length === 1 && entries.has(`table ${table}`);
      return [table, { carrier: { publication: oid, altered, owner, ways }, leavesOut, isBound }];
    }),
  );
}

/** The publication's entries, by what they name. */
async function readEntries(client: Queryable, oid: string): Promise<ReadonlyMap<string, string>> {
  const { rows: known } = await client.query<{ known: boolean }>(
    "SELECT pg_catalog.to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL AS known",
  );
  const schemas =
    known[0]?.known === true
      ? `UNION ALL SELECT 'schema ' || n.pnnspid::text, 'schema ' || n.oid::text
         FROM pg_catalog.pg_publication_namespace n WHERE n.pnpubid = $1::oid`
      : "";
  const { rows } = await client.query<{ names: string; entry: string }>(
    `SELECT 'table ' || r.prrelid::text AS names, 'table ' || r.oid::text AS entry
     FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = $1::oid ${schemas}`,
    [oid],
  );
  return new Map(rows.map(({ names, entry }) => [names, entry]));
}

interface Lineage {
  readonly table: string;
  /** The table and what it is a partition of, upwards. */
  readonly lineage: readonly string[];
  readonly schemas: readonly string[];
}

async function readLineages(client: Queryable, oids: readonly string[]): Promise<Lineage[]> {
  const { rows } = await client.query<Lineage>(
    `WITH RECURSIVE up(child, relation) AS (
       SELECT c.oid, c.oid FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[])
       UNION ALL
       SELECT up.child, i.inhparent FROM up
         JOIN pg_catalog.pg_class c ON c.oid = up.relation AND c.relispartition
         JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.relation)
     SELECT up.child::text AS table, pg_catalog.array_agg(up.relation::text) AS lineage,
       pg_catalog.array_agg(DISTINCT c.relnamespace::text) AS schemas
     FROM up JOIN pg_catalog.pg_class c ON c.oid = up.relation GROUP BY up.child`,
    [oids],
  );
  return rows;
}

/**
 * Pure: why changes since `known` may be in no log (I8), as what follows the table's name; null where none can be
 * missing. That an entry was taken out and put back between two looks shows in its oid; that an option was changed and
 * changed back shows in `altered`, which a new owner changes too.
 */
export function carrierLoss(
  known: Json | null,
  { carrier, leavesOut }: Pick<CarrierNow, "carrier" | "leavesOut">,
): string | null {
  if (carrier.ways.length === 0) return "is not in the publication";
  if (leavesOut.length > 0) return `is published without ${leavesOut.join(", ")}`;
  if (!isCarrier(known)) return null;
  if (known.publication !== carrier.publication)
    return "was left out while its publication was dropped and made again";
  if (!known.ways.some((way) => carrier.ways.includes(way)))
    return "left the publication for a while, or its row filter or column list was changed";
  if (known.altered !== carrier.altered && known.owner === carrier.owner)
    return "may have been left out: the options of its publication were changed";
  return null;
}

function isCarrier(known: Json | null): known is Carrier {
  return known !== null && typeof known === "object" && "publication" in known && "ways" in known;
}
