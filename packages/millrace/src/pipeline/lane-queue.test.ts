import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns } from "../../../../test/support/test-runs.ts";
import { LaneQueue } from "./lane-queue.ts";
import { type Mark, RowItem } from "./lane-item.ts";
import { lineOf, tableOf } from "./pipeline-parts.fixture.ts";

const markOf = (seq: number): Mark => ({
  kind: "mark",
  seq,
  position: seq,
  acknowledge: null,
  sourceTimeMs: null,
  endsTransaction: false,
});

describe("LaneQueue", () => {
  it("is first in, first out, however it is dropped from and added to", () => {
    const steps = fc.array(fc.record({ push: fc.nat({ max: 900 }), drop: fc.nat({ max: 900 }) }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(steps, (plan) => {
        const queue = new LaneQueue();
        const plain: Mark[] = [];
        let seq = 0;
        for (const { push, drop } of plan) {
          for (let i = 0; i < push; i++) {
            plain.push(markOf(seq));
            queue.push(plain.at(-1) ?? markOf(-1));
            seq++;
          }
          const count = Math.min(drop, plain.length);
          expect(queue.take(count)).toEqual(plain.slice(0, count));
          queue.drop(count);
          plain.splice(0, count);
          expect(queue.length).toBe(plain.length);
          expect(queue.at(0)).toBe(plain[0]);
        }
      }),
      { numRuns: testRuns(40) },
    );
  });

  it("takes what is put in front of its last items, wherever its ring begins", () => {
    const plan = fc.record({
      before: fc.nat({ max: 2_000 }),
      dropped: fc.nat({ max: 2_000 }),
      inserted: fc.nat({ max: 600 }),
      behind: fc.nat({ max: 2_000 }),
    });
    fc.assert(
      fc.property(plan, ({ before, dropped, inserted, behind }) => {
        const queue = new LaneQueue();
        const plain = Array.from({ length: before }, (_, i) => markOf(i));
        for (const mark of plain) queue.push(mark);
        const gone = Math.min(dropped, before);
        queue.drop(gone);
        plain.splice(0, gone);
        const more = Array.from({ length: inserted }, (_, i) => markOf(before + i));
        const last = Math.min(behind, plain.length);
        queue.insert(more, last);
        plain.splice(plain.length - last, 0, ...more);
        expect(queue.take(queue.length)).toEqual(plain);
        expect(queue.pushed).toBe(before + inserted);
      }),
      { numRuns: testRuns(40) },
    );
  });

  it("weighs what it holds, however that comes and goes", () => {
    const table = tableOf();
    const itemOf = (bytes: number): RowItem => {
      const line = lineOf(["k", "v", "b"], table.shape, undefined, bytes);
      const [route] = table.routesFor(table.shape);
      if (route === undefined) throw new Error("the table has no route");
      return RowItem.ofLine(table, route, line, 0);
    };
    const queue = new LaneQueue();
    queue.push(itemOf(1));
    queue.push(markOf(1));
    queue.push(itemOf(20));
    queue.insert([itemOf(300)], 1);
    expect(queue.bytes).toBe(321);
    queue.bringForward(new Set([queue.at(3) ?? markOf(2)]));
    expect(queue.bytes).toBe(321);
    queue.drop(1);
    expect(queue.bytes).toBe(301);
    queue.inFlight = 1;
    queue.takeWaiting();
    expect(queue.bytes).toBe(1);
  });
});
