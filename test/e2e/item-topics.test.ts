import { describe, expect, it } from "vitest";
import { wrongTelling } from "./item-topics.ts";
import type { Guarantee } from "./topic-counts.ts";

type Case = [what: string, told: readonly number[], more: Told];

interface Told {
  readonly upTo?: number;
  readonly deletes?: number;
  readonly loadedAgain?: readonly string[];
}

/** What is found where a topic tells this of the only key of a table. */
function found(guarantee: Guarantee, told: readonly number[], more: Told = {}): readonly string[] {
  const { upTo = 0, deletes = 1, loadedAgain = [] } = more;
  const lost = { upTo, deleted: 0 };
  return wrongTelling(
    { told: new Map([["key", told]]), deletes, loadedAgain },
    { written: [1, 2, 3, 4], deleted: 1, lost },
    guarantee,
  );
}

describe("what a topic tells of numbered writes", () => {
  it.each<Case>([
    ["each once", [1, 2, 3, 4], {}],
    ["all behind a loss", [4], { upTo: 3 }],
  ])("%s is whole, with either guarantee", (_what, told, more) => {
    expect(found("exactly-once", told, more)).toEqual([]);
    expect(found("at-least-once", told, more)).toEqual([]);
  });

  it.each<Case>([
    ["one that is missing", [1, 2, 4], {}],
    ["one that comes late", [1, 3, 2, 4], {}],
    ["one that nobody wrote", [1, 2, 3, 4, 5], {}],
    ["one that is missing behind a loss", [3], { upTo: 2 }],
    ["a delete that is missing", [1, 2, 3, 4], { deletes: 0 }],
  ])("%s is found, with either guarantee", (_what, told, more) => {
    expect(found("exactly-once", told, more)).not.toEqual([]);
    expect(found("at-least-once", told, more)).not.toEqual([]);
  });

  it.each<Case>([
    ["those behind the one where it begins anew", [1, 2, 3, 2, 3, 4], {}],
    ["the same once more", [1, 2, 2, 3, 4], {}],
    ["a beginning anew in another", [1, 2, 3, 4, 2, 3, 2, 3, 4], {}],
    ["a beginning anew that a loss ends", [1, 2, 3, 1, 4], { upTo: 3 }],
    ["a delete", [1, 2, 3, 4], { deletes: 2 }],
    ["a row of a load", [1, 2, 3, 4], { loadedAgain: ["key"] }],
  ])("%s may be told again where each is told at least once", (_what, told, more) => {
    expect(found("at-least-once", told, more)).toEqual([]);
    expect(found("exactly-once", told, more)).not.toEqual([]);
  });

  it("what is told again is told in its order, and to its end before anything new", () => {
    expect(found("at-least-once", [1, 2, 3, 1, 3, 4])).not.toEqual([]);
    expect(found("at-least-once", [1, 2, 3, 2, 4])).not.toEqual([]);
  });
});
