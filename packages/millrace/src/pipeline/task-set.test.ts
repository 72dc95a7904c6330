import { describe, expect, it } from "vitest";
import { Holder } from "../model/holder.ts";
import { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter } from "../model/dead-letter.ts";
import { systemClock } from "../model/ports.ts";
import { tableId } from "../model/table.ts";
import { deafObserver } from "./observer.ts";
import type { TaskEvent, TaskState } from "./status.ts";
import { aTable, aStatus, ModelTask } from "./model-task.fixture.ts";
import type { MadeTask } from "./task-api.ts";
import type { Elsewhere } from "./shares-caught-up.ts";
import { type ShareParts, TaskSet } from "./task-set.ts";

const A = tableId("s", "a");
const B = tableId("s", "b");

/** Assignments, given when the test wants. */
class Assignments {
  readonly #given: (ReadonlySet<string> | MillraceError)[] = [];
  #wake: () => void = () => {};
  /** How many were asked for: one more than have been dealt with. */
  asked = 0;

  give(...shares: string[]): void {
    this.#given.push(new Set(shares));
    this.#wake();
  }

  fail(error: MillraceError): void {
    this.#given.push(error);
    this.#wake();
  }

  async *shares(signal: AbortSignal): AsyncIterable<ReadonlySet<string>> {
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    for (;;) {
      this.asked++;
      while (this.#given.length === 0 && !signal.aborted)
        await new Promise<void>((resolve) => (this.#wake = resolve));
      const next = this.#given.shift();
      if (next instanceof MillraceError) throw next;
      if (next === undefined) return;
      yield next;
    }
  }
}

class Bench {
  readonly assignments = new Assignments();
  readonly tasks = new Map<string, ModelTask>();
  readonly opened: string[] = [];
  readonly events: TaskEvent[] = [];
  closed = false;
  readonly letGo: string[] = [];
  /** What each attempt was given. */
  readonly holders: Holder[] = [];
  /** What a task fails with where it is started. */
  failStarts: MillraceError | null = null;
  open: (share: string, of: ShareParts) => Promise<MadeTask> = (share, { observer, holder }) => {
    const task = new ModelTask(observer);
    this.holders.push(holder);
    if (this.failStarts !== null) {
      const why = this.failStarts;
      task.start = () => Promise.reject(why);
      task.fail(why);
    }
    this.tasks.set(share, task);
    const close = () => {
      this.letGo.push(share);
      return Promise.resolve();
    };
    return Promise.resolve({ task, close });
  };
  readonly parts = {
    moves: false,
    clock: systemClock,
    random: () => 0,
    observer: { ...deafObserver, event: (event: TaskEvent) => void this.events.push(event) },
    shares: (signal: AbortSignal) => this.assignments.shares(signal),
    holder: () => new Holder(Math.random),
    open: (share: string, of: ShareParts) => {
      this.opened.push(share);
      return this.open(share, of);
    },
    empty: aStatus("starting"),
    close: () => {
      this.closed = true;
      return Promise.resolve();
    },
  };
  readonly set = new TaskSet(this.parts);

  /** From now on whoever sleeps is woken by the test. */
  sleepByHand(): { readonly ms: number; readonly wake: () => void }[] {
    const sleeps: { readonly ms: number; readonly wake: () => void }[] = [];
    const sleep = (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        sleeps.push({ ms, wake: resolve });
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    this.parts.clock = { ...systemClock, sleep };
    return sleeps;
  }

  get states(): TaskState[] {
    return this.events.flatMap((event) => (event.type === "state" ? [event.state] : []));
  }

  async began(...shares: string[]): Promise<void> {
    const started = this.set.start();
    this.assignments.give(...shares);
    await started;
  }

  task(share: string): ModelTask {
    const task = this.tasks.get(share);
    if (task === undefined) throw new Error(`no task ${share}`);
    return task;
  }
}

/** What other processes have left, as `left` says it. */
function elsewhereOf(left: (mine: ReadonlySet<string>) => readonly string[]): Elsewhere {
  return {
    left: (mine) => Promise.resolve(left(mine)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

describe("a set of tasks", () => {
  it("is running where one share is, though another cannot begin yet", async () => {
    const bench = new Bench();
    const { open } = bench;
    bench.open = async (share, of) => {
      const made = await open(share, of);
      const task = bench.task(share);
      if (share === "t-1") task.start = () => task.done;
      return made;
    };
    await bench.began("t-0", "t-1");
    expect(bench.set.status().state).toBe("running");
    await bench.set.stop();
  });

  it("starts a task for each share, and is running then", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    expect([...bench.tasks.keys()]).toEqual(["t-0", "t-1"]);
    expect([...bench.tasks.values()].map(({ calls }) => calls)).toEqual([["start"], ["start"]]);
    expect(bench.set.status().state).toBe("running");
    await bench.set.stop();
    expect(bench.states).toEqual(["starting", "running", "stopping", "stopped"]);
    expect(bench.closed).toBe(true);
    await expect(bench.set.done).resolves.toBeUndefined();
  });

  it("asks for no other shares before what it lost has stopped: only then may another process begin it", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    const slow = Promise.withResolvers<void>();
    bench.task("t-0").beforeStop = slow.promise;
    bench.assignments.give("t-1", "t-2");
    await expect.poll(() => bench.task("t-0").calls).toContain("stop");
    expect(bench.assignments.asked).toBe(2);
    expect(bench.opened).not.toContain("t-2");
    slow.resolve();
    await expect.poll(() => bench.assignments.asked).toBe(3);
    await expect.poll(() => bench.opened).toEqual(["t-0", "t-1", "t-2"]);
    expect(bench.task("t-1").calls).toEqual(["start"]);
    await bench.set.stop();
  });

  it("begins a share that comes back with a task of its own", async () => {
    const bench = new Bench();
    await bench.began("t-0");
    const first = bench.task("t-0");
    bench.assignments.give();
    bench.assignments.give("t-0");
    await expect.poll(() => bench.opened).toEqual(["t-0", "t-0"]);
    expect(first.calls).toEqual(["start", "stop"]);
    expect(bench.task("t-0")).not.toBe(first);
    await bench.set.stop();
  });

  it("goes on where one share fails, and says which", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    bench.task("t-1").fail(new MillraceError("MR_SOURCE_LOSS", "trimmed"));
    await expect.poll(() => bench.set.status().waits).toHaveLength(1);
    const [wait] = bench.set.status().waits;
    expect(wait).toMatchObject({ reason: "share-failed" });
    expect(wait?.why).toMatch(/^t-1 has stopped: .*trimmed/);
    expect(bench.set.status().state).toBe("running");
    expect(bench.events).toContainEqual(
      expect.objectContaining({ type: "notice", message: expect.stringContaining("t-1") }),
    );
    await bench.set.stop();
    await expect(bench.set.done).resolves.toBeUndefined();
  });

  it("tries a share again that has failed, while others run, and says once that it has, and when it runs again", async () => {
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    await bench.began("t-0", "t-1");
    const told = () =>
      bench.events.flatMap((event) => (event.type === "notice" ? [event.message] : []));
    const first = bench.task("t-1");
    first.fail(new MillraceError("MR_SOURCE_REFUSED", "no right"));
    await expect.poll(() => sleeps.length).toBe(1);
    bench.failStarts = new MillraceError("MR_SOURCE_REFUSED", "no right");
    sleeps[0]?.wake();
    await expect.poll(() => sleeps.length).toBe(2);
    expect(bench.set.status()).toMatchObject({
      state: "running",
      error: { code: "MR_SOURCE_REFUSED" },
    });
    expect(told()).toHaveLength(1);
    bench.failStarts = null;
    sleeps[1]?.wake();
    await expect.poll(() => sleeps.length).toBe(3);
    // It meets the same again: nothing has worked yet.
    expect(told()).toHaveLength(1);
    bench.task("t-1").fail(new MillraceError("MR_SOURCE_REFUSED", "no right"));
    await expect.poll(() => sleeps.length).toBe(4);
    expect(told()).toHaveLength(1);
    sleeps[3]?.wake();
    await expect.poll(() => sleeps.length).toBe(5);
    expect(bench.set.status().error).not.toBeNull();
    bench.task("t-1").caught.resolve();
    await expect.poll(() => bench.set.status().error).toBeNull();
    expect(bench.task("t-1")).not.toBe(first);
    expect(told().at(-1)).toBe("share t-1 works again");
    expect(sleeps[0]?.ms).toBeGreaterThan(1_000);
    expect(sleeps[1]?.ms).toBeGreaterThan(sleeps[0]?.ms ?? 0);
    expect(bench.task("t-0").calls).toEqual(["start"]);
    // Whoever fences it meanwhile is a stranger to the next attempt too (I5).
    expect(new Set(bench.holders.slice(1)).size).toBe(1);
    expect(bench.holders[0]).not.toBe(bench.holders[1]);
    await bench.set.stop();
  });

  it("rests and goes on with all others where it is paused and resumed while a share is begun again", async () => {
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    await bench.began("t-0", "t-1");
    const { open } = bench;
    const starts: (() => void)[] = [];
    bench.open = async (share, of) => {
      const made = await open(share, of);
      const started = Promise.withResolvers<void>();
      starts.push(started.resolve);
      bench.task(share).start = () => started.promise;
      return made;
    };
    bench.task("t-1").fail(new MillraceError("MR_SOURCE_REFUSED", "no right"));
    await expect.poll(() => sleeps.length).toBe(1);
    sleeps[0]?.wake();
    await expect.poll(() => starts.length).toBe(1);
    await bench.set.pause();
    expect(bench.task("t-1").calls).toContain("pause");
    await bench.set.resume();
    starts[0]?.();
    await expect.poll(() => sleeps.length).toBe(2);
    sleeps[1]?.wake();
    await expect.poll(() => bench.set.status().error).toBeNull();
    expect(bench.task("t-1").calls.slice(-2)).toEqual(["pause", "resume"]);
    await bench.set.stop();
  });

  it.each(["MR_SOURCE_LOSS", "MR_DEAD_LETTER_LIMIT", "MR_BUG"] as const)(
    "never begins a share again by itself that %s has ended",
    async (code) => {
      const bench = new Bench();
      const sleeps = bench.sleepByHand();
      await bench.began("t-0", "t-1");
      bench.task("t-1").fail(new MillraceError(code, "of a test"));
      await expect.poll(() => bench.set.status().error?.code).toBe(code);
      expect([sleeps, bench.opened]).toEqual([[], ["t-0", "t-1"]]);
      await bench.set.stop();
    },
  );

  it("is running once a share works that failed at first, though no other has begun", async () => {
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    const { open } = bench;
    bench.open = async (share, of) => {
      bench.failStarts =
        share === "t-0" && bench.opened.length < 3
          ? new MillraceError("MR_SOURCE_REFUSED", "no right")
          : null;
      const made = await open(share, of);
      const task = bench.task(share);
      if (share === "t-1") task.start = () => task.done;
      return made;
    };
    const began = bench.began("t-0", "t-1");
    await expect.poll(() => sleeps.length).toBe(1);
    sleeps[0]?.wake();
    await began;
    expect(bench.set.status().state).toBe("running");
    await bench.set.stop();
  });

  it("never begins a share again that was fenced (I5)", async () => {
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    await bench.began("t-0", "t-1");
    bench.task("t-1").fail(new MillraceError("MR_FENCED", "another process"));
    await expect.poll(() => bench.set.status().error?.code).toBe("MR_FENCED");
    expect([sleeps, bench.opened]).toEqual([[], ["t-0", "t-1"]]);
    await bench.set.stop();
  });

  it("stops while a share waits for its next attempt", async () => {
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    await bench.began("t-0", "t-1");
    bench.task("t-1").fail(new MillraceError("MR_SOURCE_REFUSED", "no right"));
    await expect.poll(() => sleeps.length).toBe(1);
    await bench.set.stop();
    expect(bench.states.at(-1)).toBe("stopped");
    expect(bench.opened).toEqual(["t-0", "t-1"]);
  });

  it("does not say that what has ended the last share is tried again, and says what helps", async () => {
    const bench = new Bench();
    await bench.began("t-0");
    const why = new MillraceError("MR_SOURCE_REFUSED", "no right", { remedy: "Give it." });
    bench.task("t-0").fail(why);
    await expect(bench.set.done).rejects.toBe(why);
    const notices = bench.events.filter(({ type }) => type === "notice");
    expect(notices).toMatchObject([
      { message: "share t-0 has stopped: MR_SOURCE_REFUSED: no right. Give it." },
    ]);
  });

  it("tells all tables while its shares stop one by one, and behind that", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    bench.task("t-0").state = { ...aStatus("running"), tables: [aTable(A, "SYNC")] };
    bench.task("t-1").state = { ...aStatus("running"), tables: [aTable(B, "SYNC")] };
    const slow = Promise.withResolvers<void>();
    bench.task("t-0").beforeStop = slow.promise;
    const stopped = bench.set.stop();
    await expect.poll(() => bench.letGo.length + bench.task("t-1").calls.length).toBeGreaterThan(1);
    await new Promise((resolve) => setImmediate(resolve));
    const tables = () => bench.set.status().tables.map(({ id }) => id);
    expect(tables()).toEqual([A, B]);
    slow.resolve();
    await stopped;
    expect(tables()).toEqual([A, B]);
  });

  it("says which shares come and go behind the first ones", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    bench.assignments.give("t-1", "t-2", "t-3");
    await expect.poll(() => bench.opened).toHaveLength(4);
    const told = bench.events.flatMap((each) => (each.type === "notice" ? [each.message] : []));
    expect(told).toEqual([
      "this process gives up 1 share: t-0",
      "this process has 2 more shares: t-2, t-3",
    ]);
    await bench.set.stop();
  });

  it("fails with the last failure once no share is left", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    bench.task("t-0").fail(new MillraceError("MR_SOURCE_LOSS", "first"));
    bench.task("t-1").fail(new MillraceError("MR_FENCED", "another process"));
    await expect(bench.set.done).rejects.toMatchObject({ code: "MR_FENCED" });
    expect(bench.set.status()).toMatchObject({ state: "fenced", error: { code: "MR_FENCED" } });
    expect(bench.closed).toBe(true);
  });

  it("stands still where its shares are another process' now, until the next assignment says who has them", async () => {
    const bench = new Bench();
    bench.parts.moves = true;
    await bench.began("t-0");
    bench.task("t-0").fail(new MillraceError("MR_FENCED", "another process"));
    await expect.poll(() => bench.set.status().error?.code).toBe("MR_FENCED");
    expect(bench.set.status().state).toBe("running");
    bench.assignments.give();
    bench.assignments.give("t-0");
    await expect.poll(() => bench.opened).toEqual(["t-0", "t-0"]);
    expect(bench.set.status().error).toBeNull();
    await bench.set.stop();
  });

  it("does not start where every share fails at once", async () => {
    const bench = new Bench();
    bench.open = () => Promise.reject(new MillraceError("MR_SOURCE_REFUSED", "no right"));
    await expect(bench.began("t-0", "t-1")).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    await expect(bench.set.done).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
  });

  it("opens a share again where that failed in passing", async () => {
    const bench = new Bench();
    const open = bench.open;
    let failures = 2;
    bench.open = (share, observer) =>
      failures-- > 0
        ? Promise.reject(new MillraceError("MR_SOURCE_LOST_CONNECTION", "refused"))
        : open(share, observer);
    await bench.began("t-0");
    expect(bench.opened).toHaveLength(3);
    await bench.set.stop();
  });

  it("ends when the shares cannot be told any more", async () => {
    const bench = new Bench();
    await bench.began("t-0");
    bench.assignments.fail(new MillraceError("MR_SOURCE_REFUSED", "no right to the group"));
    await expect(bench.set.done).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
    expect(bench.task("t-0").calls).toEqual(["start", "stop"]);
  });

  it("can be stopped before there is any share, and while one is being opened", async () => {
    const none = new Bench();
    const started = none.set.start();
    await none.set.stop();
    await expect(started).rejects.toMatchObject({ code: "MR_NOT_RUNNING" });
    const opening = new Bench();
    opening.open = () => Promise.reject(new MillraceError("MR_SOURCE_LOST_CONNECTION", "refused"));
    const begun = opening.began("t-0");
    begun.catch(() => undefined);
    await expect.poll(() => opening.opened.length).toBeGreaterThan(0);
    await opening.set.stop();
    await expect(opening.set.done).resolves.toBeUndefined();
  });

  it("pauses what runs and what comes later", async () => {
    const bench = new Bench();
    await bench.began("t-0");
    await bench.set.pause();
    bench.assignments.give("t-0", "t-1");
    await expect.poll(() => bench.tasks.get("t-1")?.calls).toEqual(["pause", "start"]);
    expect(bench.set.status().state).toBe("paused");
    await bench.set.resume();
    expect(bench.task("t-0").calls).toEqual(["start", "pause", "resume"]);
    expect(bench.task("t-1").calls).toEqual(["pause", "start", "resume"]);
    await bench.set.stop();
  });

  it("has caught up when all have", async () => {
    const bench = new Bench();
    const caughtUp = bench.set.caughtUp();
    await bench.began("t-0", "t-1");
    bench.task("t-0").caught.resolve();
    let isDone = false;
    void caughtUp.then(() => (isDone = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    bench.task("t-1").caught.resolve();
    await caughtUp;
    expect(bench.events.filter(({ type }) => type === "caught-up")).toHaveLength(1);
    await bench.set.stop();
  });

  it("has not caught up before the shares of other processes have, and says which", async () => {
    const left = [["t-1", "t-2"], ["t-2"], ["t-2"]];
    const asked: string[][] = [];
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    const set = new TaskSet({
      ...bench.parts,
      elsewhere: () =>
        elsewhereOf((mine) => {
          asked.push([...mine]);
          return left.shift() ?? [];
        }),
    });
    let isDone = false;
    const caughtUp = set.caughtUp().then(() => (isDone = true));
    void set.start();
    bench.assignments.give("t-0");
    await expect.poll(() => bench.tasks.has("t-0")).toBe(true);
    bench.task("t-0").caught.resolve();
    for (let looks = 1; looks <= 3; looks++) {
      await expect.poll(() => sleeps.length).toBe(looks);
      expect(isDone).toBe(false);
      sleeps.at(-1)?.wake();
    }
    await caughtUp;
    expect(asked).toEqual([["t-0"], ["t-0"], ["t-0"], ["t-0"]]);
    const told = bench.events.flatMap((event) => (event.type === "notice" ? [event.message] : []));
    expect(told).toEqual([
      expect.stringMatching(/what is left: t-1, t-2$/) as string,
      expect.stringMatching(/what is left: t-2$/) as string,
    ]);
    await set.stop();
  });

  it("goes on waiting where a share of it moves to another process meanwhile", async () => {
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    const asked: string[][] = [];
    let left = ["t-9"];
    const elsewhere = () =>
      elsewhereOf((mine) => {
        asked.push([...mine]);
        return left;
      });
    const set = new TaskSet({ ...bench.parts, moves: true, elsewhere });
    void set.start();
    bench.assignments.give("t-0", "t-1");
    await expect.poll(() => bench.tasks.size).toBe(2);
    for (const task of bench.tasks.values()) task.caught.resolve();
    const caughtUp = set.caughtUp();
    await expect.poll(() => sleeps.length).toBe(1);
    // As a task does whose process finds another fence at the sink.
    const fenced = new MillraceError("MR_FENCED", "another process");
    const task = bench.task("t-1");
    task.caughtUp = () => Promise.reject(fenced);
    task.fail(fenced);
    sleeps[0]?.wake();
    await expect.poll(() => sleeps.length).toBe(2);
    left = [];
    sleeps[1]?.wake();
    await expect.poll(() => sleeps.length).toBe(3);
    // Nobody has said yet whose it is.
    expect(asked).toEqual([["t-0", "t-1"]]);
    bench.assignments.give("t-0");
    await expect.poll(() => task.calls).toContain("stop");
    sleeps[2]?.wake();
    await caughtUp;
    expect(asked.at(-1)).toEqual(["t-0"]);
    await set.stop();
  });

  it("has not caught up in a share that is being left to another process", async () => {
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    await bench.began("t-0", "t-1");
    bench.task("t-0").caught.resolve();
    let isDone = false;
    const caughtUp = bench.set.caughtUp().then(() => (isDone = true));
    const slow = Promise.withResolvers<void>();
    bench.task("t-1").beforeStop = slow.promise;
    bench.assignments.give("t-0");
    await expect.poll(() => bench.task("t-1").calls).toContain("stop");
    // What is stopped waits no longer, wherever it is.
    bench.task("t-1").caught.resolve();
    await expect.poll(() => sleeps.length).toBe(1);
    expect(isDone).toBe(false);
    slow.resolve();
    await expect.poll(() => bench.assignments.asked).toBe(3);
    sleeps[0]?.wake();
    await caughtUp;
    await bench.set.stop();
  });

  it("goes on waiting where a share failed in passing and is begun again", async () => {
    const bench = new Bench();
    const sleeps = bench.sleepByHand();
    await bench.began("t-0", "t-1");
    const lost = new MillraceError("MR_SINK_LOST_CONNECTION", "broken");
    bench.task("t-0").caught.resolve();
    const caughtUp = bench.set.caughtUp();
    bench.task("t-1").caught.reject(lost);
    bench.task("t-1").fail(lost);
    await expect.poll(() => sleeps.length).toBe(2);
    const first = bench.task("t-1");
    for (const { wake } of sleeps) wake();
    await expect.poll(() => bench.task("t-1")).not.toBe(first);
    await expect.poll(() => bench.task("t-1").calls).toContain("start");
    bench.task("t-1").caught.resolve();
    for (const { wake } of sleeps) wake();
    await caughtUp;
    await bench.set.stop();
  });

  it("says of a table that is stopped that it is left out once the others have caught up, not before", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    let outcome = "waits";
    const caughtUp = bench.set.caughtUp().catch(({ code }: MillraceError) => (outcome = code));
    bench.task("t-0").caught.reject(new MillraceError("MR_TABLE_STOPPED", "s.a"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcome).toBe("waits");
    bench.task("t-1").caught.resolve();
    await caughtUp;
    expect(outcome).toBe("MR_TABLE_STOPPED");
    await bench.set.stop();
  });

  it("has not caught up without any share, nor with one that has failed or is not open yet", async () => {
    const bench = new Bench();
    await bench.began();
    let outcome = "waits";
    const caughtUp = bench.set.caughtUp().then(
      () => (outcome = "caught up"),
      (error: MillraceError) => (outcome = error.code),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcome).toBe("waits");
    const opened = Promise.withResolvers<void>();
    const { open } = bench;
    bench.open = async (share, observer) => {
      if (share === "t-1") await opened.promise;
      return open(share, observer);
    };
    bench.assignments.give("t-0", "t-1");
    await expect.poll(() => bench.tasks.has("t-0")).toBe(true);
    bench.task("t-0").caught.resolve();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(outcome).toBe("waits");
    opened.resolve();
    await expect.poll(() => bench.tasks.has("t-1")).toBe(true);
    bench.task("t-1").fail(new MillraceError("MR_SOURCE_LOSS", "trimmed"));
    await expect.poll(() => bench.set.status().error?.code).toBe("MR_SOURCE_LOSS");
    bench.task("t-1").caught.reject(new MillraceError("MR_SOURCE_LOSS", "trimmed"));
    await caughtUp;
    expect(outcome).toBe("MR_SOURCE_LOSS");
    await expect(bench.set.caughtUp()).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
    await bench.set.stop();
  });

  it("says of a share that came later that it cannot be opened", async () => {
    const bench = new Bench();
    await bench.began("t-0");
    bench.open = () => Promise.reject(new MillraceError("MR_SOURCE_LOST_CONNECTION", "refused"));
    bench.assignments.give("t-0", "t-1");
    await expect
      .poll(() => bench.set.status())
      .toMatchObject({
        state: "retrying",
        retrying: { code: "MR_SOURCE_LOST_CONNECTION" },
        lagMs: null,
      });
    await bench.set.stop();
  });

  it("lets go of what a share was opened with, where it is lost before it begins", async () => {
    const bench = new Bench();
    await bench.began("t-0");
    const opened = Promise.withResolvers<void>();
    const { open } = bench;
    bench.open = async (share, observer) => {
      await opened.promise;
      return open(share, observer);
    };
    bench.assignments.give("t-0", "t-1");
    await expect.poll(() => bench.opened).toContain("t-1");
    bench.assignments.give("t-0");
    opened.resolve();
    await expect.poll(() => bench.letGo).toEqual(["t-1"]);
    expect(bench.task("t-1").calls).toEqual(["stop"]);
    await bench.set.stop();
  });

  it("asks the tasks that have a table, and finds letters wherever they are", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    bench.task("t-0").state = { ...aStatus("running"), tables: [aTable(A, "SYNC")] };
    bench.task("t-1").state = { ...aStatus("running"), tables: [aTable(B, "SYNC")] };
    await bench.set.resync(B);
    expect(bench.task("t-0").calls).toEqual(["start"]);
    expect(bench.task("t-1").calls).toEqual(["start", "resync s.b"]);
    await expect(bench.set.resync(tableId("s", "c"))).rejects.toMatchObject({
      code: "MR_NOT_RUNNING",
    });

    bench.task("t-0").letters = [{ id: "abc1" } as DeadLetter];
    bench.task("t-1").letters = [{ id: "def2" } as DeadLetter];
    expect(bench.set.deadLetters().map(({ id }) => id)).toEqual(["abc1", "def2"]);
    await bench.set.discard(["def2", "ab"]);
    expect(bench.task("t-0").calls).toContain("discard ab");
    expect(bench.task("t-1").calls).toContain("discard def2");
    await expect(bench.set.replay([""])).rejects.toMatchObject({ code: "MR_NOT_FOUND" });
    await expect(bench.set.replay(["xyz", "abc1"])).rejects.toMatchObject({ code: "MR_NOT_FOUND" });
    expect(bench.task("t-0").calls).not.toContain("replay abc1");
    await bench.set.stop();
  });

  it("tells letters of the shares that know theirs, while another is between two runs", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    bench.task("t-0").letters = [{ id: "abc1" } as DeadLetter];
    const starting = () => {
      throw new MillraceError("MR_NOT_RUNNING", "it is starting");
    };
    bench.task("t-1").deadLetters = starting;
    expect(bench.set.deadLetters().map(({ id }) => id)).toEqual(["abc1"]);
    await bench.set.discard(["abc1"]);
    expect(bench.task("t-0").calls).toContain("discard abc1");
    // It may have it: nobody says that there is none.
    await expect(bench.set.discard(["xyz"])).rejects.toMatchObject({ code: "MR_NOT_RUNNING" });
    bench.task("t-0").deadLetters = starting;
    expect(() => bench.set.deadLetters()).toThrow("MR_NOT_RUNNING");
    await bench.set.stop();
  });

  it("tells of a table that it is in SYNC when every share has it there", async () => {
    const bench = new Bench();
    await bench.began("t-0", "t-1");
    const loading = { ...aStatus("running"), tables: [aTable(A, "INIT_SYNC")] };
    const synced = { ...aStatus("running"), tables: [aTable(A, "SYNC")] };
    bench.task("t-0").state = synced;
    bench.task("t-1").state = loading;
    bench.task("t-0").tell({ type: "table", table: A, state: "SYNC" });
    expect(bench.events.filter(({ type }) => type === "table")).toEqual([]);
    bench.task("t-1").state = synced;
    bench.task("t-1").tell({ type: "table", table: A, state: "SYNC" });
    expect(bench.events.filter(({ type }) => type === "table")).toHaveLength(1);
    // One that comes to have it later says so too.
    bench.task("t-0").tell({ type: "table", table: A, state: "SYNC" });
    expect(bench.events.filter(({ type }) => type === "table")).toHaveLength(1);
    bench.task("t-1").tell({ type: "state", state: "stopping" });
    expect(bench.states).toEqual(["starting", "running"]);
    await bench.set.stop();
  });
});
