import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { tableId } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import { RunEnded } from "./run-ended.ts";
import { TaskRequests } from "./task-requests.ts";

const T = tableId("s", "t");
const LETTERS = {} as never;

/** A run that answers what is asked of a table with `answer`. */
function runOf(answer: () => Promise<void>, asked: string[] = [], name = "run") {
  const note = (what: string) => () => {
    asked.push(`${name} ${what}`);
    return answer();
  };
  return {
    letters: LETTERS,
    resync: note("resync"),
    pauseTable: note("pause"),
    resumeTable: note("resume"),
  };
}

describe("what is asked of a table", () => {
  it("is done by the next run where one ends meanwhile", async () => {
    const requests = new TaskRequests();
    const asked: string[] = [];
    const ended = Promise.withResolvers<void>();
    requests.now(runOf(() => ended.promise, asked, "first"));
    const pause = requests.pauseTable(T);
    const resync = requests.resync(T);
    ended.reject(new RunEnded("the run ended"));
    await new Promise((resolve) => setImmediate(resolve));
    requests.now(null);
    requests.now(runOf(() => Promise.reject(new RestartNeeded("again")), asked, "second"));
    await new Promise((resolve) => setImmediate(resolve));
    requests.now(null);
    requests.now(runOf(() => Promise.resolve(), asked, "third"));
    await Promise.all([pause, resync]);
    const each = (name: string) => [`${name} pause`, `${name} resync`];
    expect(asked).toEqual([...each("first"), ...each("second"), ...each("third")]);
  });

  it("is refused as the run refuses it", async () => {
    const requests = new TaskRequests();
    requests.now(runOf(() => Promise.reject(new MillraceError("MR_TABLE_PAUSED", "it is"))));
    await expect(requests.resync(T)).rejects.toMatchObject({ code: "MR_TABLE_PAUSED" });
  });

  it("is not asked again of the next run where this one meets what nobody foresaw, and not waited for", async () => {
    const requests = new TaskRequests();
    requests.now(runOf(() => Promise.reject(new TypeError("of undefined"))));
    await expect(requests.pauseTable(T)).rejects.toMatchObject({
      code: "MR_BUG",
      message: expect.stringMatching(/TypeError.*task-requests\.test\.ts/),
    });
  });

  it("is told that nothing runs, at once or when the task ends before it could be done", async () => {
    const requests = new TaskRequests();
    await expect(requests.resumeTable(T)).rejects.toMatchObject({ code: "MR_NOT_RUNNING" });
    requests.now(runOf(() => Promise.reject(new RunEnded("the run ended"))));
    const resume = requests.resumeTable(T);
    await new Promise((resolve) => setImmediate(resolve));
    requests.end();
    await expect(resume).rejects.toMatchObject({ code: "MR_NOT_RUNNING" });
  });
});
