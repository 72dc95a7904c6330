import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, Position } from "../../model/position.ts";
import {
  boundary,
  comparePositions,
  type LogGroup,
  type LogPosition,
  logPosition,
  ordinal,
  positionText,
  Slot,
} from "./position.ts";

const groups = fc.record({
  file: fc.integer({ min: 1, max: 3 }),
  at: fc.constantFrom(4, 158, 2 ** 32, 2 ** 40),
  era: fc.constant(1),
  n: fc.constant(null),
  hash: fc.constant(null),
});
const small = fc.integer({ min: 0, max: 3 });
const positions: fc.Arbitrary<LogPosition> = fc.tuple(groups, small, small);

function reread(value: Json): Position {
  return JSON.parse(JSON.stringify(value)) as Position;
}

function group(more: Partial<LogGroup>): LogGroup {
  return { file: 1, at: 4, era: 1, n: 1, hash: 0, ...more };
}

describe("positions of a binlog", () => {
  it("are ordered, as their texts are", () => {
    fc.assert(
      fc.property(positions, positions, (a, b) => {
        const order = comparePositions(a, b);
        expect(Math.sign(comparePositions(b, a))).toBe(-Math.sign(order) + 0);
        const [x, y] = [positionText(a), positionText(b)];
        expect(Math.sign(order) + 0).toBe(x < y ? -1 : x > y ? 1 : 0);
      }),
    );
  });

  it("survive being written as JSON", () => {
    fc.assert(
      fc.property(positions, (position) => {
        const read = logPosition(reread(position));
        expect(comparePositions(read, position)).toBe(0);
      }),
    );
  });

  it("go from the boundary over events, rows and what happens at a row", () => {
    const at = group({});
    const first: LogPosition[] = [
      boundary(at),
      [at, 1, ordinal(0, Slot.DROPPED)],
      [at, 1, ordinal(0, Slot.SHAPE)],
      [at, 1, ordinal(0, Slot.MOVED_FROM)],
      [at, 1, ordinal(0, Slot.EVENT)],
      [at, 1, ordinal(1, Slot.MOVED_FROM)],
      [at, 2, ordinal(0, Slot.EVENT)],
      boundary(group({ at: 5 })),
      boundary(group({ file: 2 })),
    ];
    expect(first.toSorted((a, b) => comparePositions(a, b))).toEqual(first);
  });

  it("of two servers are compared by the number of their group", () => {
    const old = boundary(group({ file: 900, at: 77, n: 10 }));
    expect(comparePositions(old, boundary(group({ era: 2, n: 11 })))).toBeLessThan(0);
    expect(comparePositions(old, boundary(group({ era: 2, n: 10 })))).toBe(0);
    expect(comparePositions(old, boundary(group({ era: 2, n: 9 })))).toBeGreaterThan(0);
  });

  it("without a number end with their server", () => {
    const end = boundary(group({ file: 900, n: null }));
    expect(comparePositions(end, boundary(group({ era: 2, n: 1 })))).toBeLessThan(0);
  });

  it.each([null, 7, [1, 2, 3], [{}, 0, 0], [group({}), -1, 0]])("are not %j", (value) => {
    expect(() => logPosition(reread(value))).toThrow("not a position");
  });
});
