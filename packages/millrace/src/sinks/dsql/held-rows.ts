import type { Finding } from "../../model/finding.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
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

/** What becomes of rows that are there before the first load. */
export function heldRowsFindings({ held }: ObservedSink, { targets }: SinkRequest): Finding[] {
  const byId = new Map(targets.map((target) => [target.id, target]));
  return [...byId.values()].flatMap((target) => {
    const count = held.get(target.id);
    return count === undefined ? [] : [heldFinding(target, count)];
  });
}

function heldFinding({ id, keyless }: TargetTable, count: number): Finding {
  const rows =
    count > COUNT_AT_MOST
      ? `more than ${COUNT_AT_MOST.toLocaleString("en-US")} rows`
      : count === 1
        ? "1 row"
        : `${count.toLocaleString("en-US")} rows`;
  const what = `${id} holds ${rows} already, and this pipeline has not loaded it yet.`;
  if (keyless)
    return {
      severity: "warning",
      atStart: true,
      what,
      whatFollows: "They are deleted: a table without key is emptied before its load.",
      remedy: "Route to another table where they are needed.",
    };
  return {
    severity: "notice",
    atStart: true,
    what,
    whatFollows:
      "The load writes over rows with keys that the source has; all others stay, and verify calls them extra.",
    remedy:
      "Nothing where that is meant; else empty the table first, or resync it once it is in SYNC, which takes away what the source does not have.",
  };
}
