import type { Position } from "../model/position.ts";
import type { Outage } from "./outage.ts";
import type { RetentionWatch } from "./retention-watch.ts";
import type { Run } from "./run.ts";
import type { SourceClock } from "./source-clock.ts";
import type { ChannelStatus, TableStatus, TaskState, TaskStatus } from "./status.ts";
import type { RunningTask } from "./task-api.ts";
import { allWaits } from "./waits.ts";

/** Where a task stands, as its parts know it. */
export interface TaskStanding {
  readonly run: Run | null;
  /** Of the last run. */
  readonly lastTables: readonly TableStatus[];
  readonly state: TaskState;
  readonly isPaused: boolean;
  readonly error: TaskStatus["error"];
  readonly unfinished: string | null;
  readonly outage: Outage;
  readonly retention: RetentionWatch;
  readonly sourceClock: SourceClock;
  readonly retries: Readonly<Record<string, number>>;
  /** Where the source's log ended when it was asked last. */
  readonly logEnd: Position | null;
  /** Goes on growing between two runs, when nothing can make progress (I11). */
  readonly progressAgeMs: number;
}

/** What is told of a task (I11). */
export function taskStatus(parts: RunningTask, standing: TaskStanding): TaskStatus {
  const { run, outage } = standing;
  const lagBytes = lagBytesOf(parts, standing);
  return {
    pipeline: parts.pipeline,
    state: shownState(standing),
    error: standing.error,
    retrying: outage.current,
    unfinished: standing.unfinished,
    fence: run?.fence ?? null,
    tables: run === null ? standing.lastTables : tablesOf(parts, run),
    channels: run === null ? [] : channelsOf(parts, standing, run),
    lagMs: lagMsOf(standing, lagBytes),
    lagBytes: lagBytes === null ? null : Math.max(0, lagBytes),
    progressAgeMs: standing.progressAgeMs,
    waits: allWaits({ ...parts, outage }),
    load: parts.load.status(),
    retention: standing.retention.status(),
    bufferBytes: parts.budget.usedBytes,
    bufferLimitBytes: parts.budget.limitBytes,
    retries: { ...standing.retries },
    identity: run?.identity ?? null,
  };
}

function tablesOf({ changeCounts }: RunningTask, { tables, book }: Run): TableStatus[] {
  return [...tables.values()].map((table) => {
    const status = table.status(book.countOf(table.id));
    return { ...status, changes: status.changes + changeCounts.earlier(table.id) };
  });
}

/** The log's channel says how many messages it has left, where it is made of such, and what it left out. */
function channelsOf(
  { source }: RunningTask,
  { logEnd }: TaskStanding,
  run: Run,
): readonly ChannelStatus[] {
  const { frontier } = run;
  return run.channels().map((whole) => {
    if (whole.kind !== "log") return whole;
    const shown = source.shownPosition?.(frontier.durable.position);
    const channel = shown === undefined ? whole : { ...whole, frontier: shown };
    if (source.recordsLeftOut !== undefined)
      return { ...channel, recordsLeftOut: source.recordsLeftOut() };
    if (source.messagesBetween === undefined) return channel;
    const between =
      logEnd === null ? null : source.messagesBetween(frontier.durable.position, logEnd);
    return { ...channel, lagMessages: between === null ? null : Math.max(0, between) };
  });
}

function shownState({ state, isPaused, outage }: TaskStanding): TaskState {
  if (state !== "running" && state !== "starting") return state;
  if (outage.current !== null) return "retrying";
  return isPaused && state === "running" ? "paused" : state;
}

function lagBytesOf({ source }: RunningTask, { run, logEnd }: TaskStanding): number | null {
  const durable = run?.frontier.durable ?? null;
  return durable !== null && logEnd !== null ? source.bytesBetween(durable.position, logEnd) : null;
}

function lagMsOf({ run, sourceClock }: TaskStanding, lagBytes: number | null): number | null {
  const sourceTime = run?.frontier.durable.sourceTimeMs ?? null;
  if (lagBytes !== null && lagBytes <= 0) return 0;
  return sourceTime === null ? null : sourceClock.ageMs(sourceTime);
}
