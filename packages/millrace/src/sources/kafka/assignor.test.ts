import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assign, type Member } from "./assignor.ts";

function run(
  members: readonly Member[],
  shares: readonly string[],
): Record<string, readonly string[]> {
  return Object.fromEntries(assign(members, shares));
}

describe("who runs which partition", () => {
  it("is shared out evenly among processes that begin together", () => {
    const members = [
      { id: "a", owned: [] },
      { id: "b", owned: [] },
    ];
    expect(run(members, ["o-0", "o-1", "o-2"])).toEqual({ a: ["o-0", "o-2"], b: ["o-1"] });
  });

  it("gives a newcomer nothing that another one still runs, and then what that one has stopped", () => {
    const shares = ["o-0", "o-1"];
    const first = run(
      [
        { id: "a", owned: shares },
        { id: "b", owned: [] },
      ],
      shares,
    );
    expect(first).toEqual({ a: ["o-0"], b: [] });
    const second = run(
      [
        { id: "a", owned: ["o-0"] },
        { id: "b", owned: [] },
      ],
      shares,
    );
    expect(second).toEqual({ a: ["o-0"], b: ["o-1"] });
  });

  it("leaves partitions of a topic that is gone out", () => {
    expect(run([{ id: "a", owned: ["x-0", "o-0"] }], ["o-0"])).toEqual({ a: ["o-0"] });
  });

  const ids = ["a", "b", "c", "d"];
  const shares = Array.from({ length: 12 }, (_, i) => `t-${i}`);

  it("ends balanced, with every share once, whatever each had before", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 12 }),
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 12, maxLength: 12 }),
        (count, size, owners) => {
          const all = shares.slice(0, size);
          const named = ids.slice(0, count);
          let members: Member[] = named.map((id, at) => ({
            id,
            owned: shares.filter((_, i) => owners[i] === at),
          }));
          const before = new Map(members.flatMap(({ id, owned }) => owned.map((s) => [s, id])));
          for (let round = 0; round < 3; round++) {
            const given = assign(members, all);
            for (const [id, mine] of given)
              for (const share of mine) if (round === 0) expect(before.get(share) ?? id).toBe(id);
            members = named.map((id) => ({ id, owned: given.get(id) ?? [] }));
          }
          const settled = members.flatMap(({ owned }) => owned);
          expect(settled.toSorted()).toEqual(all.toSorted());
          const lengths = members.map(({ owned }) => owned.length);
          expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
