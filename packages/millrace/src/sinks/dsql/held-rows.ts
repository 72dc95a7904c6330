import type { Finding } from "../../model/finding.ts";
import type { TableId } from "../../model/table.ts";
import { quoteName } from "./identifiers.ts";
import type { ObservedSink } from "./observed-sink.ts";
import type { SinkConnection } from "./sink-connection.ts";
import type { SinkRequest } from "./sink-request.ts";

/** Rows are counted up to here; whoever has more knows about how many. */
const COUNT_AT_MOST = 10_000;

/** How many rows stand in targets that no pipeline of this name has written to; nothing for empty ones. */
export async function readHeldRows(
  connection: SinkConnection,
  { targets, pipeline, fullLoad }: Pick<SinkRequest, "targets" | "pipeline" | "fullLoad">,
  { tables, owners }: Pick<ObservedSink, "tables" | "owners">,
): Promise<ReadonlyMap<TableId, number>> {
  const held = new Map<TableId, number>();
  if (!fullLoad) return held;
  for (const { id, schema, name } of targets) {
    const readable = tables.get(id)?.lacks.includes("SELECT") === false;
    if (!readable || held.has(id) || isOurs(owners, id, pipeline)) continue;
    const table = `${quoteName(schema)}.${quoteName(name)}`;
    const [[count] = []] = await connection.query(
      `SELECT count(*) FROM (SELECT 1 FROM ${table} LIMIT ${COUNT_AT_MOST + 1}) AS held`,
    );
    if (Number(count) > 0) held.set(id, Number(count));
  }
  return held;
}

function isOurs(owners: ObservedSink["owners"], id: TableId, pipeline: string): boolean {
  return owners.some(({ target, pipelines }) => target === id && pipelines.includes(pipeline));
}

/** So many are named; a database may have thousands. */
const MOST_NAMED = 10;

/** What becomes of rows that are there before the first load: one finding for all tables that share it. */
export function heldRowsFindings({ held }: ObservedSink, { targets }: SinkRequest): Finding[] {
  const byId = new Map(targets.map((target) => [target.id, target]));
  const holding = [...byId.values()].filter(({ id }) => held.has(id));
  const [keyless, keyed] = [true, false].map((lacksKey) => {
    const tables = holding.filter((target) => target.keyless === lacksKey);
    return tables.map(({ id }) => `${id} (${rowsText(held.get(id) ?? 0)})`);
  });
  return [
    ...heldFinding("warning", keyless ?? [], {
      whatFollows: "They are deleted: a table without key is emptied before its load.",
      remedy: "Route to another table where they are needed.",
    }),
    ...heldFinding("notice", keyed ?? [], {
      whatFollows:
        "The load writes over those whose keys the source has; the others stay, and verify calls them extra.",
      remedy:
        "Where they are not meant to stay, empty the target first, or resync the table once it is in SYNC.",
    }),
  ];
}

function heldFinding(
  severity: "warning" | "notice",
  tables: readonly string[],
  told: Pick<Finding, "whatFollows" | "remedy">,
): Finding[] {
  if (tables.length === 0) return [];
  const more = tables.length - MOST_NAMED;
  const named = [...tables.slice(0, MOST_NAMED), ...(more > 0 ? [`${more} more`] : [])];
  const what = `Rows that this pipeline has not loaded are there already: ${named.join(", ")}.`;
  return [{ severity, atStart: true, what, ...told }];
}

function rowsText(count: number): string {
  if (count > COUNT_AT_MOST) return `more than ${COUNT_AT_MOST.toLocaleString("en-US")} rows`;
  return count === 1 ? "1 row" : `${count.toLocaleString("en-US")} rows`;
}
