import type { Clock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { Run } from "./run.ts";

interface CatchingUp {
  readonly source: Pick<Source, "logEnd" | "nudge" | "comparePositions">;
  readonly clock: Pick<Clock, "sleep">;
  /** The run that there is. */
  readonly run: () => Pick<Run, "allSync" | "frontier"> | null;
  /** There will be no other one. */
  readonly isOver: () => boolean;
  /** Somebody ends it. */
  readonly signal: AbortSignal;
}

/** How often it is looked, milliseconds. */
const LOOK_EVERY_MS = 50;

/** True once every table is SYNC and the log was followed to where it stood then; false where the task ends before. */
export async function catchUp(options: CatchingUp): Promise<boolean> {
  const { source, clock, run, isOver, signal } = options;
  let goal: Position | null = null;
  while (!isOver() && !signal.aborted) {
    const now = run();
    if (now === null || !now.allSync) goal = null;
    else if (goal === null) {
      // A source that cannot be asked right now is asked again; the run meets the same failure and says so.
      goal = await source.logEnd().catch(() => null);
      if (goal !== null) await source.nudge();
    } else if (source.comparePositions(now.frontier.durable.position, goal) >= 0) return true;
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
  return false;
}
