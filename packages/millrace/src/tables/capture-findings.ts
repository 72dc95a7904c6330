import type { Finding } from "../model/finding.ts";
import type { DiscoveredTable, RefusedTable } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import {
  NEWCOMER_WAITS,
  nothingCaptured,
  TABLES_OPTION,
  uncaptured,
  type UnmatchedPattern,
} from "../model/uncaptured.ts";

/** What the patterns were found to mean. */
interface Discovered {
  readonly tables: readonly DiscoveredTable[];
  readonly refused: readonly RefusedTable[];
  readonly views: readonly RefusedTable[];
  readonly unmatched: () => readonly UnmatchedPattern[];
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
  { tables, refused, views, unmatched }: Discovered,
  { database, username, known, unreadable }: CaptureContext,
): Finding[] {
  const matchesNothing = tables.length + refused.length === 0;
  const whose = { database, username };
  return [
    ...(matchesNothing
      ? [nothingMatches(whose, unmatched())]
      : unmatched().map((pattern) => oneMatchesNothing(whose, pattern))),
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

type Whose = Pick<CaptureContext, "database" | "username">;

function nothingMatches(
  { database, username }: Whose,
  unmatched: readonly UnmatchedPattern[],
): Finding {
  const { wrong, remedy } = nothingCaptured(database, username, unmatched);
  return {
    severity: "error",
    what: `${TABLES_OPTION}: ${wrong}.`,
    whatFollows: "There is nothing to copy.",
    remedy: ended(remedy),
    option: TABLES_OPTION,
  };
}

/** Beside others that do: a name may be mistyped, or its table come later. */
function oneMatchesNothing({ database, username }: Whose, pattern: UnmatchedPattern): Finding {
  const { wrong, remedy } = nothingCaptured(database, username, [pattern]);
  return {
    severity: "warning",
    what: `${TABLES_OPTION}: ${pattern.text} ${wrong}.`,
    whatFollows: "Nothing is copied for it; a table that it matches later is taken up then.",
    remedy: ended(remedy),
    option: TABLES_OPTION,
    atStart: true,
  };
}

function ended(sentence: string): string {
  return sentence.endsWith("?") ? sentence : `${sentence}.`;
}
