import type { Finding } from "../model/finding.ts";
import type { DiscoveredTable, RefusedTable } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { NEWCOMER_WAITS, nothingCaptured, TABLES_OPTION, uncaptured } from "../model/uncaptured.ts";

/** What the patterns were found to mean. */
interface Discovered {
  readonly tables: readonly DiscoveredTable[];
  readonly refused: readonly RefusedTable[];
  readonly views: readonly RefusedTable[];
}

/** What its findings depend on. */
interface CaptureContext {
  /** Null where names have no database before the schema. */
  readonly database: string | null;
  readonly username: string;
  /** Tables that the pipeline captures already; null where it has not begun, and everything is in its way. */
  readonly known: ReadonlySet<TableId> | null;
  /** About tables whose rows cannot be read. */
  readonly unreadable: readonly Finding[];
}

/** What can be captured, and what is special about it. */
export function captureFindings(
  { tables, refused, views }: Discovered,
  { database, username, known, unreadable }: CaptureContext,
): Finding[] {
  const matchesNothing = tables.length + refused.length === 0;
  return [
    ...(matchesNothing ? [nothingMatches(database, username)] : []),
    ...unreadable,
    ...refused.map((table) => {
      const finding = refusedFinding(table, known?.has(table.id) ?? false);
      return unlessNew(finding, table.id, known);
    }),
    ...views.map(viewFinding),
    ...tables.flatMap(noticesOf),
  ];
}

/** What stands against a table that is not captured yet does not stop a pipeline that has begun: the table waits. */
export function unlessNew(
  finding: Finding,
  id: TableId,
  known: ReadonlySet<TableId> | null,
): Finding {
  if (known?.has(id) ?? true) return finding;
  return { ...finding, severity: "warning", whatFollows: NEWCOMER_WAITS };
}

function refusedFinding(table: RefusedTable, wasCaptured: boolean): Finding {
  const { wrong, remedy } = uncaptured(table, wasCaptured);
  return {
    severity: "error",
    what: `${TABLES_OPTION}: ${wrong}.`,
    whatFollows: "The pipeline would not start, rather than leave it out in silence.",
    remedy: `${remedy}.`,
    option: TABLES_OPTION,
  };
}

function noticesOf({ shape, notices }: DiscoveredTable): Finding[] {
  return notices.map((text) => ({
    severity: "notice",
    what: `${shape.id}: ${text}`,
    whatFollows: "All else of the table is captured as usual.",
    remedy: "Nothing has to be done; change the table where that is not wanted.",
  }));
}

function viewFinding({ id, why, remedy }: RefusedTable): Finding {
  return {
    severity: "warning",
    what: `${id} matches but is left out: ${why}.`,
    whatFollows: "It is not copied.",
    remedy: `${upperFirst(remedy)}, or leave it out with tables.exclude.`,
    option: TABLES_OPTION,
  };
}

function upperFirst(sentence: string): string {
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`;
}

function nothingMatches(database: string | null, username: string): Finding {
  const { wrong, remedy } = nothingCaptured(database, username);
  return {
    severity: "error",
    what: `${TABLES_OPTION}: ${wrong}.`,
    whatFollows: "There is nothing to copy.",
    remedy: `${remedy}.`,
    option: TABLES_OPTION,
  };
}
