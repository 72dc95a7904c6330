import type { TableId } from "../model/table.ts";
import type {
  LoadStatus,
  RetentionStatus,
  Retrying,
  TableState,
  TableStatus,
  TaskStatus,
  Wait,
} from "./status.ts";

/** One of several tasks of a pipeline, as far as it can be told of. */
export interface Share {
  readonly name: string;
  /** Null until its task is made. */
  status(): TaskStatus | null;
  /** Of which tables it is, as far as its source can tell before they are captured. */
  tables?(): readonly TableId[];
  /** Why it cannot be opened, and is tried again. */
  opening(): Retrying | null;
  /** What it failed with for good, and since when; milliseconds since 1970. */
  failure(): (NonNullable<TaskStatus["error"]> & { readonly sinceMs: number }) | null;
}

/** What is known of the set itself. */
interface SetStanding {
  readonly empty: TaskStatus;
  readonly state: TaskStatus["state"];
  readonly error: TaskStatus["error"];
  /** Whoever shares the source out cannot be asked. */
  readonly retrying?: Retrying | null;
  /** Of shares that were here before. */
  readonly retries: TaskStatus["retries"];
  /** What is told of the source as a whole. */
  readonly waits: readonly Wait[];
}

/** Several tasks told as one (design/008): what is worst of any, and what they have together. */
export function mergeStatus(shares: readonly Share[], set: SetStanding): TaskStatus {
  const { empty, state, error } = set;
  const known = shares.flatMap((share) => {
    const status = share.status();
    return status === null ? [] : [{ share, status }];
  });
  const all = known.map(({ status }) => status);
  const isKnown = known.length === shares.length;
  const opening = shares.flatMap((share) => share.opening() ?? []);
  const own = set.retrying ?? [];
  const retrying = oldest([own, opening, ...all.map((status) => status.retrying ?? [])].flat());
  const unfinished = known.flatMap(({ share, status }) =>
    status.unfinished === null ? [] : [`${share.name}: ${status.unfinished}`],
  );
  return {
    ...empty,
    state: state === "running" && retrying !== null ? "retrying" : state,
    error: error ?? firstFailure(shares),
    retrying,
    unfinished: unfinished.length === 0 ? null : unfinished.join("; "),
    fence: greatestKnown(all.map(({ fence }) => fence)),
    tables: shares.length === 0 ? empty.tables : mergeTables(shares.flatMap(tablesOf)),
    channels: known.flatMap(({ share, status }) =>
      status.channels.map((channel) => ({ ...channel, id: `${share.name}/${channel.id}` })),
    ),
    lagMs: isKnown ? greatest(all.map(({ lagMs }) => lagMs)) : null,
    lagBytes: isKnown ? total(all.map(({ lagBytes }) => lagBytes)) : null,
    progressAgeMs: progressAge(all) ?? empty.progressAgeMs,
    waits: [...failures(shares), ...set.waits, ...known.flatMap((share) => waitsOf(share, set))],
    load: mergeLoad(
      all.map(({ load }) => load),
      empty.load,
    ),
    retention: worstRetention(all.flatMap(({ retention }) => retention ?? [])),
    bufferBytes: all[0]?.bufferBytes ?? empty.bufferBytes, // one budget for all
    retries: mergeCounts([set.retries, ...all.map(({ retries }) => retries)]),
    identity: all.find(({ identity }) => identity !== null)?.identity ?? null,
  };
}

const STATES: readonly TableState[] = ["DISCOVERY", "INIT_SYNC", "SYNC"];

/** What a share brings that has failed comes no more: its tables are not whole, however far the other shares are. */
function tablesOf(share: Share): readonly TableStatus[] {
  const tables = share.status()?.tables ?? [];
  const failure = share.failure();
  if (failure === null) return tables;
  const { code, message, remedy, sinceMs: atMs } = failure;
  const stopped = { code, message: `share ${share.name}: ${message}`, remedy, atMs };
  const known = tables.length > 0 ? tables : (share.tables?.() ?? []).map(unknownTable);
  return known.map((table) => ({ ...table, stopped: table.stopped ?? stopped }));
}

/** A table of which nothing has come. */
function unknownTable(id: TableId): TableStatus {
  return {
    id,
    targets: [],
    state: "DISCOVERY",
    rowsLoaded: 0,
    estimatedRows: null,
    loadedPercent: null,
    changes: 0,
    deadLetters: 0,
    stopped: null,
    paused: null,
    notices: [],
  };
}

/** A table is as far as the task that is behind all others with it. */
function mergeTables(tables: readonly TableStatus[]): TableStatus[] {
  const merged = new Map<TableId, TableStatus>();
  for (const table of tables) {
    const other = merged.get(table.id);
    merged.set(table.id, other === undefined ? table : mergeTable(other, table));
  }
  return [...merged.values()];
}

function mergeTable(one: TableStatus, other: TableStatus): TableStatus {
  const state = STATES[Math.min(STATES.indexOf(one.state), STATES.indexOf(other.state))];
  return {
    id: one.id,
    targets: [...new Set([...one.targets, ...other.targets])],
    state: state ?? one.state,
    rowsLoaded: one.rowsLoaded + other.rowsLoaded,
    estimatedRows: total([one.estimatedRows, other.estimatedRows]),
    loadedPercent: least([one.loadedPercent, other.loadedPercent]),
    changes: one.changes + other.changes,
    deadLetters: one.deadLetters + other.deadLetters,
    stopped: one.stopped ?? other.stopped,
    paused: one.paused ?? other.paused,
    notices: [...new Set([...one.notices, ...other.notices])],
  };
}

/** Of those that have something to do, the one that stands still the longest; where none has, who moved last (I11). */
function progressAge(all: readonly TaskStatus[]): number | null {
  const busy = all.filter(({ lagBytes }) => lagBytes !== 0);
  const ages = (busy.length > 0 ? busy : all).map(({ progressAgeMs }) => progressAgeMs);
  if (ages.length === 0) return null;
  return busy.length > 0 ? Math.max(...ages) : Math.min(...ages);
}

/** One share that works no more is something that the operator has to see, whatever the others do. */
function firstFailure(shares: readonly Share[]): TaskStatus["error"] {
  const failure = shares.map((share) => share.failure()).find((found) => found !== null);
  if (failure === undefined) return null;
  const { code, message, remedy } = failure;
  return { code, message, remedy };
}

function failures(shares: readonly Share[]): Wait[] {
  return shares.flatMap((share) => {
    const failure = share.failure();
    if (failure === null) return [];
    const why = `${share.name} has stopped: ${failure.message}`;
    const { sinceMs } = failure;
    return [{ what: "pipeline", reason: "share-failed", table: null, why, sinceMs }];
  });
}

/** Who shares the source out is asked at the same servers: what it is told stands for all. */
function waitsOf(
  { share, status }: { readonly share: Share; readonly status: TaskStatus },
  { retrying }: SetStanding,
): Wait[] {
  return status.waits
    .filter(({ reason }) => reason !== retrying?.code)
    .map((wait) => ({ ...wait, why: `${share.name}: ${wait.why}` }));
}

function mergeLoad(loads: readonly LoadStatus[], empty: LoadStatus): LoadStatus {
  if (loads.length === 0) return empty;
  return {
    maxRowsPerSecond: empty.maxRowsPerSecond,
    maxBytesPerSecond: empty.maxBytesPerSecond,
    limited: loads.some(({ limited }) => limited),
    waitedMs: Math.max(...loads.map(({ waitedMs }) => waitedMs)),
    paused: loads.find(({ paused }) => paused !== null)?.paused ?? null,
    givesWay: loads.some(({ givesWay }) => givesWay),
  };
}

/** What is kept in all, and the limit that is met first. */
function worstRetention(all: readonly RetentionStatus[]): RetentionStatus | null {
  const nearest = [...all].sort(
    (a, b) => (a.limitSeconds ?? Infinity) - (b.limitSeconds ?? Infinity),
  )[0];
  if (nearest === undefined) return null;
  const sizes = all.map(({ retainedBytes }) => retainedBytes).filter((size) => size !== null);
  const retainedBytes = sizes.reduce((sum, size) => sum + size, 0);
  return { ...nearest, retainedBytes: sizes.length === 0 ? null : retainedBytes };
}

/** Sums by name. */
export function mergeCounts(
  all: readonly Readonly<Record<string, number>>[],
): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

function oldest<T extends { readonly sinceMs: number }>(all: readonly T[]): T | null {
  return all.reduce<T | null>((a, b) => (a === null || b.sinceMs < a.sinceMs ? b : a), null);
}

function greatestKnown(values: readonly (number | null)[]): number | null {
  return greatest(values.filter((value) => value !== null));
}

/** Null where one of them is not known. */
function greatest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 || known.length < values.length ? null : Math.max(...known);
}

function least(values: readonly (number | null)[]): number | null {
  return values.includes(null) ? null : Math.min(...values.filter((value) => value !== null));
}

/** Null where one of them is not known. */
function total(values: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return values.length === 0 ? null : sum;
}
