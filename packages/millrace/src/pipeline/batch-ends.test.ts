import { describe, expect, it } from "vitest";
import type { LogBatch, LogItem, ShapeChange } from "../model/change.ts";
import { bytesBesideRows, openRows, splitAtEnd } from "./batch-ends.ts";
import { changeOf, shapeOf, transactionOf } from "./pipeline-parts.fixture.ts";

const row = (at: number, transaction: string): LogItem =>
  changeOf("c", { after: ["a", "1", "2"] }, at, { transaction: transactionOf(transaction) });

function shapeAt(position: number, transaction: string | null): ShapeChange {
  const of = transaction === null ? null : transactionOf(transaction);
  const rewritten: string[] = [];
  return { kind: "shape", shape: shapeOf(), previous: null, rewritten, position, transaction: of };
}

/** Barriers weigh 5. */
function batchOf(...items: LogItem[]): LogBatch {
  const bytes = items.reduce((sum, { kind }) => sum + (kind === "change" ? 10 : 5), 0);
  return { items, position: 9, acknowledge: 2, sourceTimeMs: 7, bytes };
}

describe("a batch that ends within a transaction", () => {
  it("is split behind the last one that it has the end of", () => {
    const batch = batchOf(row(1, "a"), row(2, "b"), row(3, "b"), row(4, "c"));
    const split = splitAtEnd(batch);
    expect(split?.whole).toEqual({
      items: batch.items.slice(0, 3),
      position: 3,
      acknowledge: null,
      sourceTimeMs: null,
      bytes: 30,
    });
    expect(split?.rest).toEqual({ ...batch, items: batch.items.slice(3), bytes: 10 });
  });

  it("is not split where all of it is of one, nor at what tells no transaction", () => {
    expect(splitAtEnd(batchOf(row(1, "a"), row(2, "a")))).toBeNull();
    expect(splitAtEnd(batchOf(row(1, "a"), shapeAt(2, null), row(3, "a")))).toBeNull();
    expect(splitAtEnd(batchOf())).toBeNull();
  });

  it.each([
    ["before", [shapeAt(1, "a"), row(2, "a"), row(3, "b")], [15, 10], [5, 0]],
    ["behind", [row(2, "a"), row(3, "b"), shapeAt(4, "b")], [10, 15], [0, 5]],
    ["on both sides", [shapeAt(1, "a"), row(3, "b"), shapeAt(4, "b")], [10, 10], [10, 0]],
  ])("has what its barriers %s weigh in parts that give it back", (_, items, bytes, beside) => {
    const split = splitAtEnd(batchOf(...items));
    const parts = split === null ? [] : [split.whole, split.rest];
    expect(parts.map((part) => part.bytes)).toEqual(bytes);
    expect(parts.map(bytesBesideRows)).toEqual(beside);
  });
});

describe("what is open of a transaction", () => {
  it("is counted over the batches that it comes in", () => {
    expect(openRows(batchOf(row(1, "a"), row(2, "b"), row(3, "b")), 7)).toBe(2);
    expect(openRows(batchOf(row(4, "b")), 2)).toBe(3);
    expect(openRows(batchOf(), 3)).toBe(3);
  });
});
