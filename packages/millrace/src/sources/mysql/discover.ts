import type { DiscoveredTable, RefusedTable } from "../../model/source.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import type { Unmatched, UnmatchedPattern } from "../../model/uncaptured.ts";
import { CASCADES_NOTICE, cascadeRefusal, unloggedCascades } from "./cascades.ts";
import { readShapes } from "./catalogue.ts";
import type { Queryable } from "./connection.ts";
import { quote } from "./key-column.ts";
import { isGhostName } from "./online-changes.ts";
import type { TypeOptions } from "./types.ts";

/** What the pipeline's patterns mean at this server. */
export interface Discovery {
  readonly tables: readonly DiscoveredTable[];
  /** Tables that the patterns match and that cannot be captured, with the reason and what would help. */
  readonly refused: readonly RefusedTable[];
  /** Views that the patterns match: their rows come from other tables, so that leaving them out loses nothing. */
  readonly views: readonly RefusedTable[];
  /** Patterns that match nothing of all that there is, asked for where that is wanted. */
  readonly unmatched: () => readonly UnmatchedPattern[];
}

/** What discovery goes by. */
export interface DiscoveryOptions {
  readonly matches: (schema: string, name: string) => boolean;
  /** Patterns that none of these tables matches. */
  readonly unmatched?: Unmatched | undefined;
  readonly types: TypeOptions;
  /** Tables of tools that alter others by a copy are never captured. */
  readonly onlineSchemaChanges: boolean;
  readonly unloggedCascades: "refuse" | "accept";
}

/** What the server has under a name. */
interface Named {
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly engine: string;
  readonly estimatedRows: number | null;
}

const NAMES_SQL = `
SELECT /*+ SET_VAR(information_schema_stats_expiry = 0) */ TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS
FROM information_schema.TABLES
WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
ORDER BY TABLE_SCHEMA, TABLE_NAME`;

/** Finds the tables that the patterns match now. */
export async function discoverTables(
  client: Queryable,
  { matches, unmatched, types, unloggedCascades: policy, onlineSchemaChanges }: DiscoveryOptions,
): Promise<Discovery> {
  const names = (await client.query(NAMES_SQL)).map(namedOf);
  const matching = names.filter(
    ({ schema, name }) => matches(schema, name) && !(onlineSchemaChanges && isGhostName(name)),
  );
  const able = matching.filter((named) => viewOf(named) === null && refusalOf(named) === null);
  const shapes = new Map((await readShapes(client, able, types)).map((shape) => [shape.id, shape]));
  const refused = matching.flatMap((named) => refusalOf(named) ?? []);
  const cascading = await unloggedCascades(client, [...shapes.values()]);
  const tables: DiscoveredTable[] = [];
  for (const { schema, name, estimatedRows } of able) {
    const shape = shapes.get(tableId(schema, name));
    if (shape === undefined) refused.push(unreadable(schema, name));
    else if (policy === "refuse" && cascading.has(shape.id)) refused.push(cascadeRefusal(shape));
    else tables.push({ shape, estimatedRows, notices: noticesOf(shape, cascading.has(shape.id)) });
  }
  return {
    tables,
    refused,
    views: matching.flatMap((named) => viewOf(named) ?? []),
    unmatched: () => unmatched?.(names) ?? [],
  };
}

function namedOf(row: readonly (string | null)[]): Named {
  const [schema, name, kind, engine, rows = null] = row;
  return {
    schema: schema ?? "",
    name: name ?? "",
    kind: kind ?? "",
    engine: engine ?? "",
    estimatedRows: rows === null ? null : Number(rows),
  };
}

function viewOf({ schema, name, kind }: Named): RefusedTable | null {
  const why = kind.endsWith("VIEW")
    ? "it is a view: it has no rows of its own"
    : kind === "SEQUENCE"
      ? "it is a sequence: its one row is no data"
      : null;
  if (why === null) return null;
  return { id: tableId(schema, name), why, remedy: "Capture the tables behind it" };
}

/** Only what takes part in transactions has a moment at which a snapshot sees it. */
function refusalOf(named: Named): RefusedTable | null {
  const { schema, name, engine } = named;
  if (viewOf(named) !== null || engine === "InnoDB") return null;
  const id = tableId(schema, name);
  return {
    id,
    why: `its engine is ${engine === "" ? "not known" : engine}, which has no snapshots: what is read could not be ordered against the log`,
    remedy: `ALTER TABLE ${quote(schema)}.${quote(name)} ENGINE = InnoDB`,
  };
}

/** What is left out in silence would be missing at the sink (I1). */
function unreadable(schema: string, name: string): RefusedTable {
  return {
    id: tableId(schema, name),
    why: "it has a column of a type that is not known, or was dropped just now",
    remedy: "leave it out with tables.exclude, or start again",
  };
}

function noticesOf(shape: TableShape, cascades: boolean): string[] {
  const unlogged = cascades ? [CASCADES_NOTICE] : [];
  return shape.key.length > 0
    ? unlogged
    : [
        ...unlogged,
        "It has no primary key: it is loaded in one piece, and a restart during the load begins it again.",
      ];
}
