import type { LaneRow } from "../../model/sink.ts";
import type { TaskState } from "./state-records.ts";

/** The greatest fence that was ever drawn for a task; 0 before the first. */
export function highestFence({ lanes }: TaskState): number {
  return Math.max(0, ...[...lanes.values()].map(({ fence }) => fence));
}

/** All lanes that there are, and at least `wanted`, under a new fence. */
export function raised({ lanes }: TaskState, wanted: number, fence: number): readonly LaneRow[] {
  const count = Math.max(wanted, ...[...lanes.keys()].map((lane) => lane + 1));
  return Array.from({ length: count }, (_, lane) => ({
    lane,
    fence,
    seq: lanes.get(lane)?.seq ?? 0,
  }));
}
