import { expect, it } from "vitest";
import { type Guarantee, wrongCounts } from "./topic-counts.ts";

type Told = readonly [op: "r" | "u", n: number];

/** What is found where a topic tells this of the one row of a table, which is at `n`. */
function found(guarantee: Guarantee, n: number, told: readonly Told[]): Promise<readonly string[]> {
  const source = { query: () => Promise.resolve([{ id: 1, n }]) };
  const read = () =>
    Promise.resolve(told.map(([op, count]) => JSON.stringify({ op, after: { id: 1, n: count } })));
  return wrongCounts(source, "counted", "nowhere", { guarantee, read });
}

const ups = (...counts: readonly number[]): Told[] => counts.map((n) => ["u", n]);

it.each<readonly [what: string, n: number, told: readonly Told[]]>([
  ["a load and all that came since", 3, [["r", 1], ...ups(2, 3)]],
  ["a load between changes that it has seen", 3, [...ups(1), ["r", 2], ...ups(2, 3)]],
  ["a load alone", 2, [["r", 2]]],
  ["changes alone", 3, ups(2, 3)],
])("%s are whole, with either guarantee", async (_what, n, told) => {
  expect(await found("exactly-once", n, told)).toEqual([]);
  expect(await found("at-least-once", n, told)).toEqual([]);
});

it.each<readonly [what: string, n: number, told: readonly Told[]]>([
  ["a count that is missing", 4, ups(1, 2, 4)],
  ["a count that is missing behind the load", 3, [["r", 1], ...ups(3)]],
  ["a count that is missing before what is told again", 4, ups(1, 2, 4, 3, 4)],
  ["an older count that is the last one", 3, ups(1, 2, 3, 2)],
  ["an older row of a load that is the last one", 3, [...ups(1, 2, 3), ["r", 2]]],
  ["an end before the row's", 4, ups(1, 2, 3)],
  ["no message of a key", 1, []],
])("%s is found, with either guarantee", async (_what, n, told) => {
  expect(await found("exactly-once", n, told)).not.toEqual([]);
  expect(await found("at-least-once", n, told)).not.toEqual([]);
});

it("what is told again, in order from wherever it begins, is wrong only where all is told once", async () => {
  const again = ups(1, 2, 3, 2, 3, 4);
  expect(await found("at-least-once", 4, again)).toEqual([]);
  expect(await found("exactly-once", 4, again)).toHaveLength(1);
});

it("a row that one load told again is wrong only where all is told once", async () => {
  const again: readonly Told[] = [["r", 1], ["r", 1], ...ups(2)];
  expect(await found("at-least-once", 2, again)).toEqual([]);
  expect(await found("exactly-once", 2, again)).toEqual([
    "key 1 is at 2, the topic ends with 2 and tells 2 rows of loads",
  ]);
});
