import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DeadLetterBook, letterFor } from "./dead-letter-book.ts";
import { itemOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";

const table = tableOf();
const target = table.targets[0]?.target.id ?? table.id;
const limits = { policy: "park", maxPerTable: 3, maxShare: 0.01 } as const;
const why = { code: "MR_SINK_ROW_REFUSED", reason: "22P02" };
const letter = (key: string) =>
  letterFor(itemOf(table, "put", [key, "secret", "b"], 4), why.code, why.reason, 99);

describe("DeadLetterBook", () => {
  it("knows what stands, one letter per key", () => {
    const book = new DeadLetterBook(limits, [letter("a")]);
    book.add(letter("a"));
    book.add(letter("b"));
    expect([book.size, book.has(target, "a"), book.countOf(table.id), book.keysOf(target)]).toEqual(
      [2, true, 2, ["a", "b"]],
    );
    book.remove(target, "a");
    book.remove(target, "a");
    expect([book.size, book.has(target, "a")]).toEqual([1, false]);
  });

  it("admits up to the limit, what waits in the same transaction counted", () => {
    const book = new DeadLetterBook(limits, [letter("a")]);
    expect(() => book.admit(table.id, why, 1)).not.toThrow();
    expect(() => book.admit(table.id, why, 2)).toThrow(/3 rows of|MR_DEAD_LETTER_LIMIT/);
  });

  it("admits no more than the share of the last rows", () => {
    const book = new DeadLetterBook({ ...limits, maxPerTable: 10_000 }, []);
    book.applied(table.id, 20_000);
    for (let i = 0; i < 100; i++) book.admit(table.id, why);
    expect(() => book.admit(table.id, why)).toThrow("MR_DEAD_LETTER_LIMIT");
  });

  it("admits none where the file says so", () => {
    expect(() =>
      new DeadLetterBook({ ...limits, policy: "fail" }, []).admit(table.id, why),
    ).toThrow("set to fail");
  });
});

describe("letterFor", () => {
  it("says where and why, with the key and no other value", () => {
    expect(letter("a")).toEqual({
      id: createHash("sha256").update("shop.orders|copy.orders|a").digest("hex"),
      table: "shop.orders",
      target: "copy.orders",
      key: "a",
      keyColumns: { id: "a" },
      op: "u",
      position: 4,
      code: "MR_SINK_ROW_REFUSED",
      reason: "22P02",
      parkedAtMs: 99,
    });
    expect(JSON.stringify(letter("a"))).not.toContain("secret");
  });

  it("has an id that fits into any sink's key, however long the row's own key is", () => {
    const [long, longer] = [letter("k".repeat(2560)), letter("k".repeat(2561))];
    expect(long.id).toHaveLength(64);
    expect(long.id).not.toBe(longer.id);
    expect(letter("k".repeat(2560)).id).toBe(long.id);
  });

  it("letters of rows without key never replace one another", () => {
    const bag = tableOf(shapeOf(undefined, []));
    const keys = [
      itemOf(bag, "append", ["p1", "a", "1", "b"], 1),
      itemOf(bag, "remove-equal", ["", "a", "1", "b"], 1),
      itemOf(bag, "append", ["p2", "a", "1", "b"], 2),
      itemOf(bag, "append", ["r/1/0", "a", "1", "b"], null),
      itemOf(bag, "append", ["r/1/1", "a", "1", "b"], null),
    ].map((item) => letterFor(item, why.code, why.reason, 1).key);
    expect(new Set(keys).size).toBe(5);
  });
});
