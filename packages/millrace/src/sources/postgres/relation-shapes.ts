import type { Clock } from "../../model/ports.ts";
import type { TransactionId } from "../../model/position.ts";
import type { ShapeLook, TableShape } from "../../model/table.ts";
import type { Attribute } from "./attnum-proof.ts";
import { readShapes, readTypes, type Queryable } from "./catalogue.ts";
import { readDdlTrigger } from "./ddl-trigger.ts";
import { isRuledOut } from "./ddl-belief.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";
import { parseLsn } from "./position.ts";
import {
  agrees,
  type CatalogueState,
  type ExactSince,
  type FoundShape,
  resolveShape,
  withLabels,
} from "./relation-shape.ts";
import { LOG_END_SQL } from "./snapshot-begin.ts";
import { Visibility } from "./visibility.ts";

/** Where in which log a Relation message stands, and whom to ask about it. */
export interface LogPlace {
  readonly client: Queryable;
  readonly clock: Pick<Clock, "sleep">;
  readonly slotName: string;
  readonly publicationName: string;
  /** The transaction that is being read. */
  readonly transaction: TransactionId | null;
  /** Absent where schema changes are not told by messages, or the known shape is not the log's own. */
  readonly exact?: ExactSince | null;
  /** Where the record of the first row behind the message begins. */
  readonly lsn?: number;
}

/** Before the catalogue is asked again, milliseconds. */
const LOOK_AGAIN_MS = 20;
const LOOK_AGAIN_MOST_MS = 1_000;

/**
 * What there is and was of a table. A column is settled where the transaction that touched it last had ended before
 * anything that the slot still has to decode: it is below the slot's catalog_xmin. (The id of a frozen row may look
 * like one of the future: then it is not called settled, which is the safe side.)
 *
 * It is filled where rows that existed before it may have got a value: by a default (constant ones are kept in
 * attmissingval, volatile ones rewrote the table), an identity, a domain (it may have a default of its own).
 */
const ATTRIBUTES_SQL = `
SELECT a.attnum AS attnum, a.attname AS name, a.atttypid::int8::float8 AS "typeOid", a.atttypmod AS typmod,
  a.attisdropped AS "isDropped", a.attgenerated <> '' AS "isGenerated",
  (a.attgenerated = 'v' OR a.attgenerated = 's'
    AND pg_catalog.current_setting('server_version_num')::int < 180000) AS "isHidden",
  a.xmin::text AS touched,
  COALESCE(pg_catalog.age(a.xmin) > pg_catalog.age(s.catalog_xmin), false) AS "isSettled",
  (a.atthasdef OR a.atthasmissing OR a.attidentity <> '' OR t.typtype = 'd') AS filled,
  EXISTS (
    SELECT FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
    WHERE p.pubname = $3 AND pg_catalog.to_jsonb(r) ->> 'prattrs' IS NOT NULL AND (r.prrelid = a.attrelid
      OR r.prrelid IN (SELECT relid FROM pg_catalog.pg_partition_ancestors(a.attrelid)))
  ) AS "isPartial",
  EXISTS (
    SELECT FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
    WHERE p.pubname = $3 AND pg_catalog.jsonb_typeof(pg_catalog.to_jsonb(r) -> 'prattrs') = 'array'
      AND NOT pg_catalog.to_jsonb(r) -> 'prattrs' @> pg_catalog.to_jsonb(a.attnum)
      AND (r.prrelid = a.attrelid OR r.prrelid IN (SELECT relid FROM pg_catalog.pg_partition_ancestors(a.attrelid)))
  ) AS "isLeftOut",
  pg_catalog.pg_current_snapshot()::text AS snapshot, pg_catalog.pg_is_in_recovery() AS recovery
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $2
WHERE a.attrelid = $1::oid AND a.attnum > 0
ORDER BY a.attnum`;

interface AttributeRow extends Attribute {
  /** The transaction that touched it last. */
  readonly touched: string;
  readonly filled: boolean | null;
  /** No log carries it: what is generated was so from its beginning. */
  readonly isHidden: boolean;
  readonly isPartial: boolean;
  readonly isLeftOut: boolean;
  readonly snapshot: string;
  readonly recovery: boolean;
}

/** {@link resolveShape} with what the catalogue says now. */
export async function shapeOfRelation(
  place: LogPlace,
  relation: RelationMessage,
  known: TableShape | null,
): Promise<FoundShape> {
  const types = await readTypes(
    place.client,
    relation.columns.map(({ typeOid, typmod }) => ({ oid: typeOid, typmod })),
  );
  const { exact = null } = place;
  if (known !== null && exact !== null && agrees(relation, types, known)) {
    const trigger = await readDdlTrigger(place.client, place.slotName, exact.since);
    if (trigger.isCurrent && trigger.isSettled)
      return { shape: withLabels(known, types), rewritten: [] };
  }
  const { shape, rows } = await readSettled(place, String(relation.oid));
  const catalogue: CatalogueState = {
    shape,
    attributes: rows.filter((row) => !row.isHidden),
    isPartial: rows.some((row) => row.isPartial),
    filled: new Set(rows.filter((row) => row.filled !== false).map((row) => row.attnum)),
    touched: touchedText(rows),
  };
  const found = resolveShape(relation, types, known, catalogue, place.lsn);
  const { confirmed = null, ...resolved } = found;
  if (confirmed === null) return resolved;
  const look = await lookOf(place, known, catalogue.touched);
  return {
    ...resolved,
    shape: { ...resolved.shape, look },
    later: { shape: confirmed, afterLsn: look.behind },
  };
}

/** The earliest look since which nobody has touched a column: this one, or the one that is known. */
async function lookOf(
  { client }: LogPlace,
  known: TableShape | null,
  columns: string,
): Promise<ShapeLook> {
  if (known?.look?.columns === columns) return known.look;
  const { rows } = await client.query<{ lsn: string }>(LOG_END_SQL);
  return { behind: parseLsn(rows[0]?.lsn ?? ""), columns };
}

/** Whether a shape that a message of the log tells can have been the table's, by what the catalogue says now. */
export async function isBelievable(
  place: LogPlace,
  told: TableShape,
  previous: TableShape,
): Promise<boolean> {
  const { rows } = await readSettled(place, told.identity);
  return !isRuledOut(told, previous, rows);
}

/**
 * The table's shape and columns of one moment that is not before the transaction being read: its commit is in the log
 * before anybody else sees it, for long where a synchronous standby is waited for, and its own ALTER with it.
 */
async function readSettled(
  place: LogPlace,
  oid: string,
): Promise<{ readonly shape: TableShape | null; readonly rows: readonly AttributeRow[] }> {
  for (let waitMs = LOOK_AGAIN_MS; ; waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MOST_MS)) {
    const before = await readAttributes(place, oid);
    const [shape] = await readShapes(place.client, { oids: [oid] });
    const rows = await readAttributes(place, oid);
    if (isSame(before, rows) && (await sees(place, before)))
      return { shape: rows.length === 0 ? null : (shape ?? null), rows };
    await place.clock.sleep(waitMs);
  }
}

async function readAttributes(place: LogPlace, oid: string): Promise<readonly AttributeRow[]> {
  const { client, slotName, publicationName } = place;
  return (await client.query<AttributeRow>(ATTRIBUTES_SQL, [oid, slotName, publicationName])).rows;
}

/** Nobody has touched a column between two looks. */
function isSame(before: readonly AttributeRow[], after: readonly AttributeRow[]): boolean {
  return touchedText(before) === touchedText(after);
}

function touchedText(rows: readonly AttributeRow[]): string {
  return rows.map(({ attnum, touched }) => `${attnum}:${touched}`).join();
}

/**
 * A table that is gone has no rows to tell the snapshot, and nothing to wait for. A standby decodes only what it has
 * replayed, that is: what it sees.
 */
async function sees({ transaction }: LogPlace, rows: readonly AttributeRow[]): Promise<boolean> {
  const [row] = rows;
  if (row === undefined || row.recovery || transaction === null) return true;
  return Visibility.parse(row.snapshot).sees(transaction);
}
