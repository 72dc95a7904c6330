import { expect, it } from "vitest";
import type { Predecessor } from "../model/holder.ts";
import { deafObserver } from "./observer.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";
import type { TaskEvent } from "./status.ts";
import { takeOver } from "./take-over.ts";

const text = "process 41 on db1, started 1970-01-01T00:00:00.000Z";

/** What is told where a task is taken over from `from`. */
async function toldOf(from: Predecessor | null, task?: string): Promise<TaskEvent[]> {
  const told: TaskEvent[] = [];
  const sink = new ScriptedSink();
  sink.takeOver = () =>
    Promise.resolve({ fence: 2, lanes: [], state: new Map(), deadLetters: [], from });
  const observer = { ...deafObserver, event: (event: TaskEvent) => void told.push(event) };
  await takeOver({ pipeline: "p", sink, observer, ...(task === undefined ? {} : { task }) }, 1);
  return told;
}

it("tells who had the pipeline until now, and what becomes of that", async () => {
  expect(await toldOf({ text, stillRuns: true })).toEqual([
    {
      type: "notice",
      message: `taken over from ${text}, which seems to run still: it writes nothing more and ends with MR_FENCED`,
    },
  ]);
  expect(await toldOf({ text, stillRuns: null })).toEqual([
    {
      type: "notice",
      message: `taken over from ${text}; where that still runs, it writes nothing more and ends with MR_FENCED`,
      level: "info",
    },
  ]);
  expect(await toldOf(null)).toEqual([]);
});

it("says nothing of a share, which goes from process to process", async () => {
  expect(await toldOf({ text, stillRuns: true }, "share 1")).toEqual([]);
});
