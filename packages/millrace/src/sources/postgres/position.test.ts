import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Position } from "../../model/position.ts";
import {
  boundary,
  bytesBetween,
  comparePositions,
  formatLsn,
  lsnOf32,
  ordinal,
  parseLsn,
  positionText,
  Slot,
  startLsn,
} from "./position.ts";

const lsn = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const position = fc.tuple(lsn, lsn, fc.integer({ min: 0, max: 4 * 0xffff_ffff + 3 }));

describe("LSNs", () => {
  it("survive text and back", () => {
    fc.assert(fc.property(lsn, (value) => parseLsn(formatLsn(value)) === value));
  });

  it("are written as the server writes them", () => {
    expect(formatLsn(0x16_b374_d848)).toBe("16/B374D848");
    expect(formatLsn(0)).toBe("0/0");
    expect(parseLsn("0/16B3748")).toBe(0x16b_3748);
  });

  it("that a number cannot hold are an error, not a rounded number", () => {
    expect(lsnOf32(0x1f_ffff, 0xffff_ffff)).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => lsnOf32(0x20_0000, 0)).toThrow(/MR_SOURCE_PROTOCOL/);
    expect(() => parseLsn("FFFFFFFF/0")).toThrow(/MR_SOURCE_PROTOCOL/);
  });

  it("that cannot be read are an error", () => {
    for (const text of ["", "/", "1", "1/", "g/0", "1/2/3", "123456789/0", " 0/1"]) {
      expect(() => parseLsn(text)).toThrow(/MR_SOURCE_PROTOCOL/);
    }
  });
});

describe("positions", () => {
  it("are totally ordered, and their texts in the same order", () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const order = Math.sign(comparePositions(a, b));
        expect(Math.sign(comparePositions(b, a))).toBe(0 - order);
        const [s, t] = [positionText(a), positionText(b)];
        expect(s < t ? -1 : s > t ? 1 : 0).toBe(order);
      }),
    );
  });

  it("survive JSON", () => {
    fc.assert(
      fc.property(position, (a) => {
        const back = JSON.parse(JSON.stringify(a)) as Position;
        expect(comparePositions(a, back)).toBe(0);
      }),
    );
  });

  it("of a transaction lie between the boundaries around its COMMIT record", () => {
    const change: Position = [1000, 400, ordinal(0, Slot.EVENT)];
    expect(comparePositions(boundary(1000), change)).toBeLessThan(0);
    expect(comparePositions(boundary(1040), change)).toBeGreaterThan(0);
    expect(startLsn(change)).toBe(1000);
  });

  it("of one event are distinct: dropped, shape, delete half, event, next event", () => {
    const slots = [Slot.DROPPED, Slot.SHAPE, Slot.MOVED_FROM, Slot.EVENT];
    const ordinals = [0, 1].flatMap((i) => slots.map((slot) => ordinal(i, slot)));
    expect(ordinals).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("tell the bytes of log between them", () => {
    expect(bytesBetween(boundary(100), boundary(350))).toBe(250);
    expect(bytesBetween(boundary(350), boundary(100))).toBe(0);
  });

  it("that are none are a bug, said so", () => {
    for (const bad of [
      null,
      1,
      "0/1",
      [1, 2],
      [1, 2, 3, 4],
      [1, 2, -1],
      [1, 2, 0.5],
      { c: 1 },
    ] as Position[]) {
      expect(() => comparePositions(bad, [0, 0, 0])).toThrow(/MR_BUG/);
    }
  });
});
