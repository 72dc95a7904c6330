import type { Takeover } from "../model/sink.ts";
import { ONLY_TASK, type RunningTask } from "./task-api.ts";

/** Takes the task over, and tells what becomes of who had it: who starts a second process wants to know of the first. */
export async function takeOver(
  {
    pipeline,
    task = ONLY_TASK,
    sink,
    observer,
  }: Pick<RunningTask, "pipeline" | "task" | "sink" | "observer">,
  lanes: number,
): Promise<Takeover> {
  const takeover = await sink.takeOver({ pipeline, task, lanes });
  const { from = null } = takeover;
  // Shares go from process to process as these come and go.
  if (from === null || task !== ONLY_TASK) return takeover;
  const { text, stillRuns } = from;
  observer.event(
    stillRuns === true
      ? { type: "notice", message: `taken over from ${text}, which seems to run still: ${FATE}` }
      : {
          type: "notice",
          message: `taken over from ${text}; where that still runs, ${FATE}`,
          level: "info",
        },
  );
  return takeover;
}

const FATE = "it writes nothing more and ends with MR_FENCED";
