import type { PipelineConfig } from "./config/pipeline-config.ts";
import { toMillraceError } from "./errors/to-millrace-error.ts";
import type { Clock } from "./model/ports.ts";
import type { Position } from "./model/position.ts";
import type { Source } from "./model/source.ts";
import type { SinkConnection } from "./sinks/dsql/sink-connection.ts";
import { stateStatements } from "./sinks/dsql/state-statements.ts";
import type { Settle } from "./verify/settle.ts";

/** How long changes may take to reach the sink before a row counts as unsettled. */
const SETTLE_MS = 60_000;
/** The frontier is written at most once a second; asking twice as often finds it soon. */
const SETTLE_PAUSE_MS = 500;
/** A position that stands for so long while there are changes is worth a word. */
const STANDSTILL_MS = 3_000;
/** A source whose standings move by time alone writes them so much later at most: it tells the time, and that is written. */
const RARE_WRITES = 2;

/** What waits for a task's log to be brought to the sink. */
export interface SettleParts {
  readonly config: PipelineConfig;
  /** Whose log it is, and under which name its state is kept. */
  readonly source: Source;
  readonly task: string;
  readonly session: SinkConnection;
  readonly clock: Clock;
  /** How long that may take; 60 s and what the source's rare writes add, unless told. */
  readonly settleMs: number | undefined;
  readonly onStandstill: () => void;
}

/** Waits by the frontier that the pipeline writes at its sink; null where no pipeline has ever written one. */
export async function settleByFrontier(parts: SettleParts): Promise<Settle> {
  if ((await frontierOf(parts)) === null) return null;
  const rareMs = RARE_WRITES * (parts.source.frontierEveryMs ?? 0);
  const settleMs = parts.settleMs ?? SETTLE_MS + rareMs;
  let stands = false;
  let isTold = false;
  const tellOnce = () => {
    if (!isTold) parts.onStandstill();
    isTold = true;
  };
  return async (signal) => {
    // A pipeline that did not get there in time is not running; asking again for every round tells nothing new.
    if (stands) return false;
    const { source, clock } = parts;
    const end = await source.logEnd((await frontierOf(parts)) ?? undefined);
    await source.nudge();
    let last = "";
    let sinceMs = clock.monotonic();
    const deadlineMs = clock.monotonic() + settleMs;
    while (clock.monotonic() < deadlineMs) {
      const frontier = await frontierOf(parts);
      if (frontier !== null && source.comparePositions(frontier, end) >= 0) return true;
      const place = JSON.stringify(frontier);
      if (place !== last) [last, sinceMs] = [place, clock.monotonic()];
      else if (clock.monotonic() - sinceMs >= STANDSTILL_MS + rareMs) tellOnce();
      await clock.sleep(SETTLE_PAUSE_MS, signal);
    }
    stands = true;
    return false;
  };
}

async function frontierOf({ config, session, task }: SettleParts): Promise<Position | null> {
  if (config.sink.kind === "jsonl" || config.sink.kind === "kafka") return null;
  const { readState } = stateStatements(config.sink.stateSchema);
  try {
    const rows = await session.query(readState, [config.name, task]);
    const value = rows.find(([key]) => key === "frontier/log")?.[1] ?? null;
    return value === null ? null : positionIn(JSON.parse(value));
  } catch (error) {
    if (isMissingTable(error)) return null;
    throw toMillraceError(error, "MR_SINK_LOST_CONNECTION");
  }
}

function positionIn(document: unknown): Position | null {
  if (typeof document !== "object" || document === null || !("position" in document)) return null;
  return document.position as Position;
}

/** No schema or no table of that name: nothing has ever run into this sink. */
function isMissingTable(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "42P01" || error.code === "3F000")
  );
}
