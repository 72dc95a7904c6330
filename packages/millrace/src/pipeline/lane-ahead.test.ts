import { describe, expect, it } from "vitest";
import type { Commit, CommitResult, Write } from "../model/sink.ts";
import { oneLane } from "./lane.fixture.ts";
import { LoadTurns } from "./load-turns.ts";
import { instantClock, itemOf, tableOf } from "./pipeline-parts.fixture.ts";
import { refused, ScriptedSink } from "./scripted-sink.fixture.ts";

const table = tableOf();
const loading = tableOf(table.shape, { state: "INIT_SYNC" });
const change = (key: string, at: number) => itemOf(table, "put", [key, "v", "b"], at);
const row = (key: string) => itemOf(loading, "put", [key, "v", "b"], null, "r");

function keysOf(write: Write | null | undefined): string {
  if (write === null || write === undefined) return "-";
  return write.kind === "changes" ? write.changes.map(({ after }) => after?.[0]).join("") : "?";
}

/** A sink of topics that asks during each transaction what comes behind it. */
class AskingSink extends ScriptedSink {
  override readonly capabilities = {
    ...new ScriptedSink(1).capabilities,
    lastWriteWins: false,
    partialUpdates: false,
  };
  /** What it was told would come, and what came: one word for each transaction. */
  readonly told: string[] = [];
  readonly came: string[] = [];
  /** Transactions that brought the very write that was told before. */
  readonly ready: string[] = [];
  /** What happens while a transaction is under way, before and after it has asked. */
  meanwhile: (() => void)[] = [];
  #told: Write | null = null;

  override async commit(commit: Commit): Promise<CommitResult> {
    const [write] = commit.writes;
    this.came.push(keysOf(write));
    if (write !== undefined && write === this.#told) this.ready.push(keysOf(write));
    this.meanwhile.shift()?.();
    const asked = commit.next?.();
    this.meanwhile.shift()?.();
    const none = new Promise<null>((resolve) => setImmediate(() => resolve(null)));
    this.#told = (await Promise.race([asked ?? none, none])) ?? null;
    this.told.push(keysOf(this.#told));
    return super.commit(commit);
  }
}

async function passed(
  keys: (lane: ReturnType<typeof oneLane>["lane"]) => void,
  sink: AskingSink,
  maxRows = 2,
  more: Parameters<typeof oneLane>[0] = {},
): Promise<void> {
  const parts = { waitForOthers: () => Promise.resolve(), maxRows, ...more };
  const { lane, stop } = oneLane(parts, {}, undefined, sink);
  keys(lane);
  const running = lane.run();
  await lane.loadsPassedSoFar();
  await lane.passedSoFar();
  stop.abort();
  await running;
}

describe("what a lane sends next, told while a transaction is under way", () => {
  it("is what it sends then, and nothing where less than a transaction waits", async () => {
    const sink = new AskingSink(1);
    await passed((lane) => {
      for (const [at, key] of [..."abcdefg"].entries()) lane.push(change(key, at));
    }, sink);
    expect(sink.came.join(" ")).toBe("ab cd ef g");
    expect(sink.told.join(" ")).toBe("cd ef - -");
    expect(sink.ready.join(" ")).toBe("cd ef");
  });

  it("is told as soon as all of it is there", async () => {
    const sink = new AskingSink(1);
    await passed((lane) => {
      lane.push(change("a", 1));
      lane.push(change("b", 2));
      lane.push(change("c", 3));
      const more = (): void => {
        lane.push(change("d", 4));
        lane.push(change("e", 5));
      };
      sink.meanwhile = [() => undefined, more];
    }, sink);
    expect(sink.told[0]).toBe("cd");
    expect(sink.ready).toEqual(["cd"]);
  });

  it("is not told where the other queue has its turn first", async () => {
    const sink = new AskingSink(1);
    await passed((lane) => {
      for (const key of ["1", "2", "3", "4"]) lane.pushLoad(row(key));
      for (const [at, key] of [..."abcd"].entries()) lane.push(change(key, at));
    }, sink);
    expect(sink.came.join(" ")).toBe("ab 12 cd 34");
    expect(sink.told.join(" ")).toBe("- - - -");
  });

  it("is told of loads, and does not count where a change takes its rows along", async () => {
    const sink = new AskingSink(1);
    await passed((lane) => {
      for (const key of ["1", "2", "3", "4", "5", "6"]) lane.pushLoad(row(key));
      // The first transaction has asked by then: the change of a key that waits has all of them in front of itself.
      sink.meanwhile = [() => undefined, () => lane.push(change("4", 1))];
    }, sink);
    expect(sink.told[0]).toBe("34");
    expect(sink.came.join("")).toBe("1234564");
  });

  it("comes anew where a letter came to stand meanwhile, whose place its row takes", async () => {
    const sink = new AskingSink(1);
    await passed(
      (lane) => {
        for (const [at, key] of [..."aa"].entries()) lane.push(change(key, at));
        sink.script.push(() => ({ land: false, error: refused }));
      },
      sink,
      1,
    );
    // The first one is refused and becomes a letter, which goes with the second.
    expect(sink.told[0]).toBe("a");
    expect(sink.landed.map(({ deadLetters }) => deadLetters.length)).toEqual([1, 0]);
    expect(sink.landed.map(({ superseded }) => superseded.length)).toEqual([0, 1]);
  });

  it("is not taken for a part of the one that was refused", async () => {
    const sink = new AskingSink(1);
    await passed((lane) => {
      for (const [at, key] of [..."abcd"].entries()) lane.push(change(key, at));
      sink.script.push(() => ({ land: false, error: refused }));
    }, sink);
    expect(sink.told[0]).toBe("cd");
    expect(sink.came.join(" ")).toBe("ab a b cd");
  });

  it("makes nothing of a load ready that gives way: it has no turn yet", async () => {
    const told = [];
    for (const givesWay of [true, false]) {
      const turns = new LoadTurns({ ...instantClock(), monotonic: () => 0 });
      const run = turns.ofRun(1, new AbortController().signal);
      if (givesWay) run.changed(0);
      const sink = new AskingSink(1);
      const keys = ["1", "2", "3", "4"];
      await passed((lane) => keys.forEach((key) => lane.pushLoad(row(key))), sink, 2, {
        turns: run,
      });
      told.push(sink.told);
    }
    expect(told).toEqual([
      ["-", "-"],
      ["34", "-"],
    ]);
  });
});
