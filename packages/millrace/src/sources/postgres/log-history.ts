import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json } from "../../model/position.ts";
import type { PostgresConnection } from "./connection.ts";
import { parseLsn } from "./position.ts";

/**
 * Which branch of a cluster's log a server is on. A promotion begins a new timeline where the standby had replayed to;
 * whatever the old primary wrote behind that is on another branch, though its LSNs go on in both.
 */
export interface LogHistory {
  readonly timeline: number;
  /** Earlier timelines, oldest first, each with the LSN at which it was left. */
  readonly left: readonly (readonly [timeline: number, lsn: number])[];
  /** When the server was started: what one and the same server sends is always of its own branch. */
  readonly started: string;
}

/** Asks a walsender which branch its server is on. @throws MillraceError */
export async function readHistory(walsender: PostgresConnection): Promise<LogHistory> {
  const { client } = walsender;
  const { rows: systems } = await client.query<{ timeline: string | number }>("IDENTIFY_SYSTEM");
  const timeline = Number(systems[0]?.timeline ?? 0);
  const { rows } = await client.query<{ started: string }>(
    "SELECT pg_catalog.pg_postmaster_start_time()::text AS started",
  );
  const started = rows[0]?.started ?? "";
  // The first timeline has no history.
  const text = timeline > 1 ? await readHistoryFile(walsender, timeline) : "";
  return { timeline, left: parseHistory(text), started };
}

async function readHistoryFile(walsender: PostgresConnection, timeline: number): Promise<string> {
  const { rows } = await walsender.client.query<{ content: string | Uint8Array }>(
    `TIMELINE_HISTORY ${timeline}`,
  );
  const content = rows[0]?.content ?? "";
  return typeof content === "string" ? content : Buffer.from(content).toString("utf8");
}

/** Reads a history file: lines of timeline, LSN and a reason. */
export function parseHistory(text: string): LogHistory["left"] {
  const lines = text.matchAll(/^\s*(\d+)\s+([0-9A-F]{1,8}\/[0-9A-F]{1,8})/gim);
  return [...lines].map(([, timeline = "", lsn = ""]) => [Number(timeline), parseLsn(lsn)]);
}

/**
 * The LSN up to which both are one log; null where nothing tells that they ever part. That a timeline was left at all
 * may be news: then `known` may have gone on on it.
 */
export function branchedAt(known: LogHistory | null, now: LogHistory): number | null {
  if (known === null || known.started === now.started) return null;
  const one = pathOf(known);
  const other = pathOf(now);
  let common = 0;
  for (const [index, [timeline, lsn]] of one.entries()) {
    const [otherTimeline, otherLsn] = other[index] ?? [0, 0];
    if (timeline !== otherTimeline) return common;
    if (lsn !== otherLsn) return Math.min(lsn, otherLsn);
    common = lsn;
  }
  return null;
}

function pathOf({ left, timeline }: LogHistory): readonly (readonly [number, number])[] {
  return [...left, [timeline, Number.POSITIVE_INFINITY]];
}

/** Reads what was kept of a history; null where nothing was. @throws MillraceError MR_BUG */
export function keptHistory(json: Json | null | undefined): LogHistory | null {
  if (json === null || json === undefined) return null;
  const { timeline, left, started } = typeof json === "object" && "timeline" in json ? json : {};
  if (typeof timeline !== "number" || typeof started !== "string" || !Array.isArray(left))
    throw new MillraceError("MR_BUG", "not a history of a log");
  return { timeline, started, left: left.map(leftOf) };
}

function leftOf(entry: Json): readonly [number, number] {
  const pair: readonly unknown[] = Array.isArray(entry) ? entry : [];
  return [Number(pair[0]), Number(pair[1])];
}

/** As it is kept. */
export function historyJson({ timeline, left, started }: LogHistory): Json {
  return { timeline, left: left.map(([id, lsn]) => [id, lsn]), started };
}
