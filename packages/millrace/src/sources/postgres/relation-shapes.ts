import type { TableShape } from "../../model/table.ts";
import { readShapes, readTypes, type Queryable } from "./catalogue.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";
import { type CatalogueState, resolveShape, type ResolvedShape } from "./relation-shape.ts";

/**
 * Columns that may have given a value to rows that existed before them: a default (constant ones are kept in
 * attmissingval, volatile ones rewrote the table), an identity, a domain (it may have a default of its own).
 */
const ATTRIBUTES_SQL = `
SELECT a.attnum AS attnum,
  (a.atthasdef OR a.atthasmissing OR a.attidentity <> '' OR t.typtype = 'd') AS filled
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = $1::oid AND a.attnum > 0
ORDER BY a.attnum`;

interface AttributeRow {
  readonly attnum: number;
  readonly filled: boolean | null;
}

/** {@link resolveShape} with what the catalogue says now. */
export async function shapeOfRelation(
  client: Queryable,
  relation: RelationMessage,
  known: TableShape | null,
): Promise<ResolvedShape> {
  const oid = String(relation.oid);
  const types = await readTypes(
    client,
    relation.columns.map(({ typeOid, typmod }) => ({ oid: typeOid, typmod })),
  );
  const [shape] = await readShapes(client, { oids: [oid] });
  const attributes = await client.query<AttributeRow>(ATTRIBUTES_SQL, [oid]);
  const catalogue: CatalogueState = {
    shape: shape ?? null,
    attnums: attributes.rows.map((row) => row.attnum),
    filled: new Set(attributes.rows.filter((row) => row.filled !== false).map((row) => row.attnum)),
  };
  return resolveShape(relation, types, known, catalogue);
}
