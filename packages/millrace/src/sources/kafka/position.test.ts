import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Position } from "../../model/position.ts";
import {
  behind,
  comparePositions,
  epochOf,
  nextOffset,
  parsePosition,
  readTo,
  type Step,
} from "./position.ts";
import { shareName, shareParts, tableOfTopic } from "./topic-table.ts";

describe("a position in a partition", () => {
  const positions = fc.tuple(fc.nat(), fc.constantFrom<Step>(0, 1, 2));

  it("is ordered by offset and then by what of the message was done", () => {
    fc.assert(
      fc.property(positions, positions, (a, b) => {
        const order = Math.sign(comparePositions(a, b));
        expect(order).toBe(Math.sign(a[0] * 3 + a[1] - (b[0] * 3 + b[1])));
      }),
    );
  });

  it("says which message comes next: the same one unless all of it was done", () => {
    expect(nextOffset(behind(7))).toBe(7);
    expect(nextOffset([7, 0])).toBe(7);
    expect(nextOffset([7, 1])).toBe(7);
    expect(nextOffset([7, 2])).toBe(8);
  });

  it("is where it is, whatever is known of its message's epoch", () => {
    const epoch = fc.option(fc.nat(9).map((n) => ({ epoch: n })));
    const marked = (position: readonly [number, Step], mark: { epoch: number } | null): Position =>
      mark === null ? position : [...position, mark];
    fc.assert(
      fc.property(positions, positions, epoch, epoch, (a, b, of, other) => {
        const order = comparePositions(marked(a, of), marked(b, other));
        expect(order).toBe(comparePositions(a, b));
        expect(epochOf(marked(a, of))).toBe(of?.epoch ?? -1);
      }),
    );
    expect([behind(7), behind(7, 0)]).toEqual([
      [6, 2],
      [6, 2, { epoch: 0 }],
    ]);
  });

  it("needs the messages that were read, also those in part", () => {
    expect([readTo([7, 0]), readTo([7, 1]), readTo([7, 2])]).toEqual([7, 8, 8]);
  });

  it("is nothing else", () => {
    const others: readonly Position[] = [
      [7, 2, 3],
      [7, 2, { epoch: -1 }],
      [7, 2, null],
      [7, 2, { epoch: 1 }, 0],
      7,
      [7],
      [7, 3],
      ["7", 2],
      { offset: 7 },
    ];
    for (const other of others) expect(() => parsePosition(other)).toThrow("MR_BUG");
  });
});

describe("names", () => {
  it("of tables are the last two parts of a topic's", () => {
    expect(tableOfTopic("shop.public.orders")).toEqual({ schema: "public", table: "orders" });
    expect(tableOfTopic("public.orders")).toEqual({ schema: "public", table: "orders" });
    expect(tableOfTopic("orders")).toEqual({ schema: "public", table: "orders" });
  });

  it("of tasks tell topic and partition, whatever hyphens the topic has", () => {
    expect(shareParts(shareName("a-1-b", 12))).toEqual({ topic: "a-1-b", partition: 12 });
  });
});
