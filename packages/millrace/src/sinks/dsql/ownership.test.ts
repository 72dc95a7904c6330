import { describe, expect, it } from "vitest";
import fc from "fast-check";
import type { TableId } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import type { Claim, Ownership } from "./ownership.ts";
import { decideClaim } from "./ownership.ts";

const [a, b, c] = ["a", "b", "c"].map((name) => tableId("public", name)) as [
  TableId,
  TableId,
  TableId,
];
const claim = (pipeline: string, targets: readonly TableId[], shared = false): Claim => ({
  pipeline,
  targets,
  shared,
  others: "let-go",
});
const row = (target: TableId, pipelines: readonly string[], shared = false): Ownership => ({
  target,
  pipelines,
  shared,
});

/** The rows after a claim; the same ones where it was refused. */
function after(rows: readonly Ownership[], asked: Claim): readonly Ownership[] {
  const { refused, put, gone } = decideClaim(rows, asked);
  if (refused.length > 0) return rows;
  const changed = new Set([...put.map(({ target }) => target), ...gone]);
  return [...rows.filter(({ target }) => !changed.has(target)), ...put];
}

describe("a claim", () => {
  it("takes what nobody has, and lets go of what it no longer names", () => {
    const rows = after([], claim("p", [a, b]));
    expect(rows).toEqual([row(a, ["p"]), row(b, ["p"])]);
    expect(after(rows, claim("p", [b, c]))).toEqual([row(b, ["p"]), row(c, ["p"])]);
    expect(decideClaim(rows, claim("p", [a, b]))).toEqual({ refused: [], put: [], gone: [] });
  });

  it("of one of several tasks leaves what the others have", () => {
    const rows = after([], claim("p", [a, b]));
    const own = { ...claim("p", [b, c]), others: "keep" as const };
    expect(after(rows, own)).toEqual([row(a, ["p"]), row(b, ["p"]), row(c, ["p"])]);
  });

  it("names everything that others have, and then takes nothing", () => {
    const rows = [row(a, ["p"]), row(b, ["p", "q"], true), row(c, ["p"])];
    expect(decideClaim(rows, claim("r", [a, b]))).toEqual({
      refused: [
        "public.a belongs to pipeline p",
        "public.b belongs to pipelines p, q, and this one does not say shared: true",
      ],
      put: [],
      gone: [],
    });
  });

  it("shares a target only with pipelines that share it", () => {
    const rows = after([row(a, ["p"], true)], claim("q", [a], true));
    expect(rows).toEqual([row(a, ["p", "q"], true)]);
    expect(decideClaim([row(a, ["p"])], claim("q", [a], true)).refused).toHaveLength(1);
    expect(decideClaim(rows, claim("p", [a])).refused).toHaveLength(1);
    expect(after(rows, claim("p", [], true))).toEqual([row(a, ["q"], true)]);
  });

  it("never leaves a target with two owners of which one did not say shared", () => {
    const claims = fc.record({
      pipeline: fc.constantFrom("p", "q", "r"),
      targets: fc.uniqueArray(fc.constantFrom(a, b, c)),
      shared: fc.boolean(),
      others: fc.constant("let-go" as const),
    });
    fc.assert(
      fc.property(fc.array(claims, { maxLength: 12 }), (asked) => {
        let rows: readonly Ownership[] = [];
        const said = new Map<string, boolean>();
        for (const one of asked) {
          const { refused } = decideClaim(rows, one);
          rows = after(rows, one);
          if (refused.length > 0) continue;
          said.set(one.pipeline, one.shared);
          const mine = rows.filter(({ pipelines }) => pipelines.includes(one.pipeline));
          expect(mine.map(({ target }) => target).toSorted()).toEqual(one.targets.toSorted());
        }
        for (const { pipelines } of rows) {
          expect(pipelines.length).toBeGreaterThan(0);
          if (pipelines.length > 1)
            expect(pipelines.map((name) => said.get(name))).not.toContain(false);
        }
      }),
    );
  });
});
