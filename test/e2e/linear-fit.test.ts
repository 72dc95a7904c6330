import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitLine, inStretches, isFlat, type Point } from "./linear-fit.ts";

const series = (count: number, value: (at: number) => number): readonly Point[] =>
  Array.from({ length: count }, (_, at) => ({ at, value: value(at) }));

describe("a line through points", () => {
  it("finds the slope of any exact line, also where each stretch begins at a level of its own", () => {
    const numbers = fc.integer({ min: -1000, max: 1000 });
    fc.assert(
      fc.property(numbers, numbers, numbers, (slope, first, second) => {
        const points = [first, second].flatMap((level, group) =>
          series(9, (at) => level + slope * at).map((point) => ({ ...point, group })),
        );
        expect(fitLine(points).slope).toBeCloseTo(slope, 6);
      }),
    );
  });

  it("calls growth under noise growth, and noise alone flat", () => {
    const noise = (at: number): number => ((at * 7919) % 13) - 6;
    expect(isFlat(fitLine(series(60, (at) => 100 + at + noise(at))))).toBe(false);
    expect(isFlat(fitLine(series(60, (at) => 100 + noise(at))))).toBe(true);
    expect(isFlat(fitLine(series(60, (at) => 100 - at + noise(at))))).toBe(true);
  });

  it("does not know from two points", () => {
    expect(fitLine(series(2, (at) => at))).toMatchObject({ slope: 0, error: Infinity, mean: 0.5 });
  });

  it("takes neighbours together, and no two stretches of different groups", () => {
    const points = series(10, (at) => at).map((point) => ({
      ...point,
      group: point.at < 3 ? 1 : 2,
    }));
    expect(inStretches(points, 5)).toEqual([
      { at: 1, value: 1, group: 1 },
      { at: 3.5, value: 3.5, group: 2 },
      { at: 7, value: 7, group: 2 },
    ]);
  });
});
