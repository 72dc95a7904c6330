import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GtidSet, gtidText, parseGtid } from "./gtid-set.ts";

const A = "f7bbf750-e5ef-11f1-92b3-02fc00000001";
const B = "0a0b0c0d-e5ef-11f1-92b3-02fc00000002";
const origins = [A, B, `${A}:nightly`];

const gtids = fc.array(
  fc.record({ origin: fc.constantFrom(...origins), number: fc.integer({ min: 1, max: 40 }) }),
  { maxLength: 60 },
);
type Gtids = readonly { readonly origin: string; readonly number: number }[];

function setOf(members: Gtids): GtidSet {
  let set = GtidSet.EMPTY;
  for (const gtid of members) set = set.with(gtid);
  return set;
}

function textsOf(members: Gtids): Set<string> {
  return new Set(members.map(gtidText));
}

/** What the set holds, one by one. */
function membersOf(set: GtidSet): Set<string> {
  const found = new Set<string>();
  for (const [origin, intervals] of set.entries())
    for (const { from, to } of intervals)
      for (let number = from; number <= to; number += 1) found.add(gtidText({ origin, number }));
  return found;
}

describe("a set of GTIDs", () => {
  it("is the set of what was put in, and its text reads back as the same set", () => {
    fc.assert(
      fc.property(gtids, (members) => {
        const set = setOf(members);
        expect(membersOf(set)).toEqual(textsOf(members));
        expect(membersOf(GtidSet.parse(set.toString()))).toEqual(textsOf(members));
      }),
    );
  });

  it("has one text, however it was made", () => {
    fc.assert(
      fc.property(gtids, (members) => {
        expect(setOf(members.toReversed()).toString()).toBe(setOf(members).toString());
      }),
    );
  });

  it("unites, subtracts and contains as sets do", () => {
    fc.assert(
      fc.property(gtids, gtids, (left, right) => {
        const [a, b] = [textsOf(left), textsOf(right)];
        expect(membersOf(setOf(left).union(setOf(right)))).toEqual(new Set([...a, ...b]));
        expect(membersOf(setOf(left).without(setOf(right)))).toEqual(
          new Set([...a].filter((gtid) => !b.has(gtid))),
        );
        expect(setOf(left).contains(setOf(right))).toBe([...b].every((gtid) => a.has(gtid)));
      }),
    );
  });

  it("knows its members", () => {
    fc.assert(
      fc.property(gtids, (members) => {
        const set = setOf(members);
        for (const origin of origins)
          for (let number = 1; number <= 41; number += 1)
            expect(set.has({ origin, number })).toBe(
              textsOf(members).has(gtidText({ origin, number })),
            );
      }),
      { numRuns: 30 },
    );
  });

  it("reads what servers write, and people", () => {
    const text = `${A}:1-5:7:nightly:1-3:9,\n ${B.toUpperCase()}:2`;
    expect(GtidSet.parse(text).toString()).toBe(`${B}:2,${A}:1-5:7:nightly:1-3:9`);
    expect(GtidSet.parse(`${A}:1-3:4:2-6`).toString()).toBe(`${A}:1-6`);
    expect(GtidSet.parse("").isEmpty).toBe(true);
  });

  it.each(["x", A, `${A}:`, `${A}:0`, `${A}:5-3`, `${A}:1-2-3`, `${A}:99999999999999999999`])(
    "refuses %s",
    (text) => expect(() => GtidSet.parse(text)).toThrow("cannot be read"),
  );

  it("reads one GTID with and without a tag, and refuses what is none", () => {
    expect(parseGtid(`${A}:17`)).toEqual({ origin: A, number: 17 });
    expect(parseGtid(`${A}:nightly:17`)).toEqual({ origin: `${A}:nightly`, number: 17 });
    for (const text of [A, `${A}:x`, "17", ":17"])
      expect(() => parseGtid(text)).toThrow("cannot be read");
  });
});
