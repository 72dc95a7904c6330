import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { Committer, RestartNeeded, type CommitContent } from "./committer.ts";
import { deafObserver, type TaskObserver } from "./observer.ts";
import { instantClock } from "./pipeline-parts.fixture.ts";
import { MAX_CONFLICTS } from "./retry.ts";
import { broken, conflict, lost, refused, ScriptedSink } from "./scripted-sink.fixture.ts";

function content(name = "a"): CommitContent {
  return { writes: [], state: () => [{ key: name, value: 1 }], deadLetters: [], superseded: [] };
}

function setUp(lanes = 2, observer: TaskObserver = deafObserver) {
  const sink = new ScriptedSink(lanes);
  const abort = new AbortController();
  const clock = instantClock();
  const parts = { sink, clock, random: () => 0.5, observer, signal: abort.signal };
  return { sink, abort, clock, committer: new Committer(parts, 7, sink.lanes) };
}

const done = { outcome: "done", deletedSome: 0 };

describe("Committer", () => {
  it("stamps the lane row with its fence and the seq that it expects", async () => {
    const { sink, committer } = setUp();
    await committer.commit([1], content());
    await committer.commit([1], content());
    expect(sink.sent.map(({ fence, lanes }) => [fence, lanes])).toEqual([
      [7, [{ lane: 1, expectedSeq: 0 }]],
      [7, [{ lane: 1, expectedSeq: 1 }]],
    ]);
  });

  it("a COMMIT whose answer is lost and that landed is done, not sent again", async () => {
    const { sink, committer } = setUp();
    sink.script.push(() => ({ error: lost }));
    expect(await committer.commit([0], content())).toMatchObject({ outcome: "done" });
    expect(sink.sent).toHaveLength(1);
    await committer.commit([0], content());
    expect(sink.landed).toHaveLength(2);
  });

  it("one that did not land is sent again, the same batch under the same seq", async () => {
    const { sink, committer } = setUp();
    let asked = 0;
    const counted = { ...content(), state: () => [{ key: "asked", value: ++asked }] };
    sink.script.push(() => ({ land: false, error: lost }));
    expect(await committer.commit([0], counted)).toEqual(done);
    expect(sink.sent[1]).toEqual(sink.sent[0]);
    expect(asked).toBe(1);
  });

  it("one that lands while it is sent again is done once", async () => {
    const { sink, committer } = setUp();
    sink.script.push(
      () => ({ land: false, error: lost }),
      () => {
        const [first] = sink.sent;
        if (first !== undefined) sink.land(first);
        return { land: false, error: conflict };
      },
    );
    expect(await committer.commit([0], content())).toMatchObject({ outcome: "done" });
    expect(sink.landed).toHaveLength(1);
    expect(sink.lanes[0]?.seq).toBe(1);
  });

  it("rows that are refused after an unknown COMMIT are for a takeover to settle", async () => {
    const { sink, committer } = setUp();
    sink.script.push(
      () => ({ land: false, error: lost }),
      () => ({ land: false, error: refused }),
    );
    await expect(committer.commit([0], content())).rejects.toThrow(RestartNeeded);
  });

  it("rows that are missing after an unknown COMMIT are for a takeover to settle", async () => {
    const { sink, committer } = setUp();
    sink.script.push(
      () => ({ land: false, error: lost }),
      () => ({ result: { outcome: "missing", rows: [] } }),
    );
    await expect(committer.commit([0], content())).rejects.toThrow(RestartNeeded);
  });

  it("rows that are refused for certain are the caller's to find, and the seq has not moved", async () => {
    const { sink, committer } = setUp();
    sink.script.push(() => ({ land: false, error: refused }));
    await expect(committer.commit([0], content())).rejects.toBe(refused);
    await committer.commit([0], content());
    expect(sink.landed[0]?.lanes).toEqual([{ lane: 0, expectedSeq: 0 }]);
  });

  it("another fence in the lane row stops it", async () => {
    const { sink, committer } = setUp();
    sink.script.push(() => {
      for (const row of sink.lanes) row.fence = 8;
      return { land: false, error: broken };
    });
    await expect(committer.commit([0], content())).rejects.toMatchObject({ code: "MR_FENCED" });
    await expect(committer.refuseIfFenced()).rejects.toMatchObject({ code: "MR_FENCED" });
  });

  it("says first of a lane row that has moved who has moved it, not that it tries again", async () => {
    const failures: Parameters<TaskObserver["failed"]>[0][] = [];
    const failed: TaskObserver["failed"] = (failure) => void failures.push(failure);
    const { sink, committer } = setUp(1, { ...deafObserver, failed });
    for (const row of sink.lanes) row.fence = 8;
    await expect(committer.commit([0], content())).rejects.toMatchObject({ code: "MR_FENCED" });
    expect(failures).toEqual([{ code: "MR_SINK_LANE_MOVED", class: "unknown-outcome" }]);
  });

  it("waits longer and longer while lane rows cannot be read, and then goes on", async () => {
    const { sink, committer, clock } = setUp();
    sink.script.push(() => ({ land: false, error: broken }));
    sink.deafness.push(broken, broken, broken);
    expect(await committer.commit([0], content())).toEqual(done);
    expect(clock.sleptMs.length).toBe(4);
    expect(clock.sleptMs.at(-1)).toBeGreaterThan(clock.sleptMs[1] ?? Infinity);
  });

  it("begins anew where conflicts never end", async () => {
    const { sink, committer } = setUp();
    for (let i = 0; i <= MAX_CONFLICTS; i++)
      sink.script.push(() => ({ land: false, error: conflict }));
    await expect(committer.commit([0], content())).rejects.toThrow(RestartNeeded);
    expect(sink.sent).toHaveLength(MAX_CONFLICTS + 1);
  });

  it("says it is broken where lane rows stand as no commit of its own could have put them", async () => {
    const { sink, committer } = setUp();
    sink.script.push(() => {
      for (const row of sink.lanes) row.seq = 5;
      return { land: false, error: broken };
    });
    await expect(committer.commit([0], content())).rejects.toMatchObject({ code: "MR_BUG" });
  });

  it("has one transaction of a lane in flight, and asks for its state only then", async () => {
    const { sink, committer } = setUp();
    const order: string[] = [];
    const named = (name: string) => ({ ...content(), state: () => (order.push(name), []) });
    sink.script.push(() => (order.push("sent"), {}));
    const both = [committer.commit([0], named("one")), committer.commit([0, 1], named("two"))];
    await Promise.all(both);
    expect(order).toEqual(["one", "sent", "two"]);
    expect(sink.lanes.map((row) => row.seq)).toEqual([2, 1]);
  });

  it("tells that it landed before anybody else is asked for the state of its lanes", async () => {
    const { committer, sink } = setUp();
    const order: string[] = [];
    const named = (name: string): CommitContent => ({
      ...content(),
      state: () => (order.push(`state of ${name}`), []),
      landed: () => void order.push(`${name} landed`),
    });
    sink.script.push(() => ({ error: lost }));
    await Promise.all([
      committer.commit([0, 1], named("one")),
      committer.commit([0], named("two")),
    ]);
    expect(order).toEqual(["state of one", "one landed", "state of two", "two landed"]);
    expect(sink.sent[0]).not.toHaveProperty("landed");
  });

  it("sends nothing once the run is over", async () => {
    const { sink, committer, abort } = setUp();
    abort.abort(new MillraceError("MR_NOT_RUNNING", "over"));
    await expect(committer.commit([0], content())).rejects.toThrow("over");
    expect(sink.sent).toEqual([]);
  });
});
