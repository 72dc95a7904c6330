import { MillraceError } from "../../errors/millrace-error.ts";
import type { DynamoApi, TableDescription } from "./api.ts";
import { HOUR_MS, RETENTION_MS } from "./age-rules.ts";
import { faultKind, type Loss, lossText } from "./log-errors.ts";
import type { DynamoStartup } from "./options.ts";
import { placeIn, type Standing } from "./position.ts";
import { BEGIN, END } from "./sequence.ts";
import type { ServiceClock } from "./service-clock.ts";
import { ShardLists, type StreamListing } from "./shard-lists.ts";

/** What is asked of the service about a table's log. */
export interface LogAt {
  readonly api: Pick<DynamoApi, "describeTable" | "describeStream">;
  readonly table: string;
  readonly serviceClock: ServiceClock;
}

/** A table's stream that can be read. */
interface OpenStream {
  readonly arn: string;
  readonly tableId: string;
}

/** How a log is begun. */
interface BeginOptions {
  readonly startup: DynamoStartup;
  readonly signal?: AbortSignal;
}

/** What was written so long before a log is begun counts as read where a scan follows, which sees it. */
export const BEGUN_MS = HOUR_MS;
/** What is older when a log is begun that no scan comes with may be trimmed before it is read: it is given, and not promised. */
export const PROMISED_MS = RETENTION_MS - HOUR_MS;

/** A new log, at the oldest record of every shard: nothing is trimmed unseen from then on. @throws MillraceError */
export async function beginLog(log: LogAt, { startup, signal }: BeginOptions): Promise<Standing> {
  const stream = streamOf(await describe(log, signal));
  const listing = await list(log, stream.arn, signal);
  const { timeMs } = listing;
  const sinceMs = sinceOf(startup, timeMs);
  const isTooLate = startup.mode === "timestamp" && startup.timestampMs < timeMs - PROMISED_MS;
  return {
    ...begun(stream, listing),
    timeMs: sinceMs === null ? timeMs - BEGUN_MS : Math.max(sinceMs, timeMs - PROMISED_MS),
    begunMs: timeMs,
    ...(sinceMs === null ? {} : { sinceMs }),
    ...(isTooLate ? { gap: { timeMs, why: tooLateText(startup.timestampMs, timeMs) } } : {}),
  };
}

/** Streams keep 24 hours: who asks for more is told what nobody can have read (I8). */
function tooLateText(timestampMs: number, nowMs: number): string {
  const [asked, promised] = [timestampMs, nowMs - PROMISED_MS].map((ms) =>
    new Date(ms).toISOString(),
  );
  return `was to be read from ${asked} on, and of what is older than ${promised} its stream had at most a part`;
}

/** Records tell whole seconds: one of the second in which it begins belongs to what is wanted. */
function sinceOf(startup: DynamoStartup, nowMs: number): number | null {
  switch (startup.mode) {
    case "initial":
      return null;
    case "earliest-offset":
      return 0;
    case "latest-offset":
      return wholeSecond(nowMs);
    case "timestamp":
      return wholeSecond(startup.timestampMs);
  }
}

/** Why the log behind `known` cannot be gone on with; null where it can. @throws MillraceError where nobody can be asked */
export async function lossOf(
  log: LogAt,
  known: Standing,
  isTooOld: (readToMs: number, nowMs: number) => Loss | null,
): Promise<Loss | null> {
  let table: TableDescription;
  try {
    table = await describe(log);
  } catch (thrown) {
    if (faultKind(thrown) === "missing") return { why: "no-table" };
    throw thrown;
  }
  const other = lossByTable(table, known);
  if (other !== null) return other;
  try {
    const { timeMs } = await list(log, known.arn ?? table.latestStreamArn ?? "");
    return isTooOld(known.timeMs, timeMs);
  } catch (thrown) {
    if (faultKind(thrown) === "missing") return { why: "stream-gone" };
    throw thrown;
  }
}

/** Pure: what the table itself tells. */
export function lossByTable({ tableId, stream }: TableDescription, known: Standing): Loss | null {
  if (known.tableId !== null && known.tableId !== tableId) return { why: "remade" };
  if (stream === null) return { why: "no-stream" };
  if (known.arn !== null && known.arn !== stream.arn) return { why: "other-stream" };
  return null;
}

/**
 * `on-loss: continue`: what there is now, behind what was read; shards that are gone count as read. Never silent: the gap stays
 * in the standing. A shard that came too late is named: it counts as read else, and would be met as a loss for ever.
 */
export async function goOnBehind(log: LogAt, known: Standing, loss: Loss): Promise<Standing> {
  const stream = streamOf(await describe(log));
  const listing = await list(log, stream.arn);
  const { timeMs } = listing;
  const fresh = begun(stream, listing);
  const isSame = known.arn === stream.arn;
  const named = Object.entries(known.shards);
  const kept = named.map(([id, place]) => [id, id in fresh.shards ? place : END] as const);
  const late = loss.why === "late-shard" ? { [loss.shard]: BEGIN } : {};
  const shards = isSame
    ? { ...unread(fresh, known), ...late, ...Object.fromEntries(kept) }
    : fresh.shards;
  const done = isSame ? known.done : fresh.done;
  const readTo = Math.max(known.timeMs, timeMs - BEGUN_MS);
  const { begunMs, sinceMs } = known;
  const since = {
    ...(begunMs === undefined ? {} : { begunMs }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
  const stillGone = (known.passedBy ?? []).filter((id) => isSame && !(id in late));
  const passedBy = stillGone.length === 0 ? {} : { passedBy: stillGone };
  const lateOnes = [...(isSame ? (known.late ?? []) : []), ...Object.keys(late)];
  return {
    ...fresh,
    ...since,
    ...passedBy,
    ...(lateOnes.length === 0 ? {} : { late: [...new Set(lateOnes)] }),
    shards,
    done,
    timeMs: readTo,
    gap: { timeMs, why: `${lossText(loss)}, and on-loss is continue` },
  };
}

/** Shards that came since. */
function unread({ shards }: Standing, known: Standing): Record<string, string> {
  return Object.fromEntries(Object.entries(shards).filter(([id]) => placeIn(known, id) === BEGIN));
}

function begun({ arn, tableId }: OpenStream, { shards, timeMs }: StreamListing): Standing {
  const named = Object.fromEntries(shards.map(({ id }) => [id, BEGIN]));
  return { shards: named, timeMs, done: 0, arn, tableId };
}

async function describe({ api, table }: LogAt, signal?: AbortSignal): Promise<TableDescription> {
  return api.describeTable(table, signal);
}

function list(
  { api, serviceClock }: LogAt,
  arn: string,
  signal?: AbortSignal,
): Promise<StreamListing> {
  return new ShardLists(api, arn, serviceClock).whole(signal);
}

/** @throws MillraceError MR_SOURCE_REFUSED where there is none that tells rows. */
export function streamOf({ name, stream, tableId }: TableDescription): OpenStream {
  if (stream === null || stream.view === "KEYS_ONLY" || stream.view === "OLD_IMAGE")
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      `table ${name} has ${stream === null ? "no stream" : `a stream of ${stream.view}`}, which its changes are read from`,
      {
        remedy: `Give it one: aws dynamodb update-table --table-name ${name} --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES`,
        facts: { table: name },
      },
    );
  return { arn: stream.arn, tableId };
}

function wholeSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
