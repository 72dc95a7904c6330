import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Position } from "../../model/position.ts";
import { behind, comparePositions, nextOffset, parsePosition, type Step } from "./position.ts";
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

  it("is nothing else", () => {
    const others: readonly Position[] = [7, [7], [7, 3], ["7", 2], { offset: 7 }];
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
