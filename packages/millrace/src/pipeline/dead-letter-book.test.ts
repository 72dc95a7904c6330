import { describe, expect, it } from "vitest";
import { DeadLetterBook, TooManyRefused } from "./dead-letter-book.ts";
import { letterFor } from "./letter.ts";
import { itemOf, tableOf } from "./pipeline-parts.fixture.ts";

const table = tableOf();
const target = table.targets[0]?.target.id ?? table.id;
const limits = { policy: "park", maxPerTable: 3, maxShare: 0.01 } as const;
const why = { code: "MR_SINK_ROW_REFUSED", reason: "22P02", column: null };
const letter = (key: string) => letterFor(itemOf(table, "put", [key, "secret", "b"], 4), why, 99);

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

  it("says so where lanes that do not know of one another have parked too many together", () => {
    const book = new DeadLetterBook(limits, [letter("a")]);
    for (const key of ["b", "c"]) book.admit(table.id, why, key === "b" ? 0 : 1);
    for (const key of ["d", "e"]) book.admit(table.id, why, key === "d" ? 0 : 1);
    book.addAll(["b", "c"].map(letter));
    book.addAll(["b", "c"].map(letter));
    expect(() => book.addAll(["d", "e"].map(letter))).toThrow(
      "4 rows of shop.orders stand as dead letters, and one more was refused",
    );
    expect(book.countOf(table.id)).toBe(5);
  });

  it("admits no more than the share of the last rows", () => {
    const book = new DeadLetterBook({ ...limits, maxPerTable: 10_000 }, []);
    book.passed(table.id, 20_000);
    for (let i = 0; i < 100; i++) {
      book.admit(table.id, why);
      book.add(letter(`k${i}`));
    }
    expect(() => book.admit(table.id, why)).toThrow(TooManyRefused);
    book.passed(table.id, 10_000);
    expect(() => book.admit(table.id, why)).not.toThrow();
  });

  it("counts what is durable once, however often a batch was cut and asked again", () => {
    const book = new DeadLetterBook({ ...limits, maxPerTable: 10_000 }, [letter("old")]);
    book.passed(table.id, 10_000);
    for (let i = 0; i < 500; i++) book.admit(table.id, why, i % 20);
    for (let i = 0; i < 500; i++) book.add(letter("a"));
    expect(book.countOf(table.id)).toBe(2);
    expect(() => book.admit(table.id, why, 98)).not.toThrow();
    expect(() => book.admit(table.id, why, 99)).toThrow(TooManyRefused);
  });

  it("admits none where the file says so", () => {
    expect(() =>
      new DeadLetterBook({ ...limits, policy: "fail" }, []).admit(table.id, why),
    ).toThrow("set to fail");
  });
});
