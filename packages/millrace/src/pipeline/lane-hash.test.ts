import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { laneOf } from "./lane-hash.ts";

describe("laneOf", () => {
  it("says the same lane for a key for ever: the number of lanes is stored, the hash is not", () => {
    const lanes = ["1", "2", "42", "ünïcödé 🚀", ""].map((key) => laneOf("copy.orders", key, 8));
    expect(lanes).toMatchInlineSnapshot(`
      [
        4,
        5,
        0,
        6,
        7,
      ]
    `);
  });

  it("is a lane that there is", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.integer({ min: 1, max: 64 }),
        (target, key, lanes) => {
          const lane = laneOf(target, key, lanes);
          expect(Number.isInteger(lane) && lane >= 0 && lane < lanes).toBe(true);
        },
      ),
    );
  });

  it("spreads the numbers that keys mostly are", () => {
    const counts = Array.from({ length: 8 }, () => 0);
    for (let i = 0; i < 8_000; i++) {
      const lane = laneOf("copy.orders", String(i), 8);
      counts[lane] = (counts[lane] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(300);
  });
});
