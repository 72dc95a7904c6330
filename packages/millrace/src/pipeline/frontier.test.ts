import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Frontier } from "./frontier.ts";
import type { Mark } from "./lane-item.ts";

const start = { position: 0, acknowledge: null };

function markOf(frontier: Frontier, position: number, acknowledge: number | null = null): Mark {
  const mark = frontier.mark(position, acknowledge, null, false);
  if (mark === null) throw new Error("expected a new mark");
  return mark;
}

describe("Frontier", () => {
  it("a late lane never lets it move past a gap", () => {
    const frontier = new Frontier(2, start);
    const [first, second] = [markOf(frontier, 1), markOf(frontier, 2)];
    expect(frontier.pass(0, first)).toBe(false);
    expect(frontier.pass(0, second)).toBe(false);
    expect(frontier.durable.position).toBe(0);
    expect(frontier.pass(1, first)).toBe(true);
    expect(frontier.durable.position).toBe(1);
    expect(frontier.outstanding).toBe(1);
  });

  it("an empty position moves the newest mark, and the frontier itself where nothing is outstanding", () => {
    const frontier = new Frontier(1, start);
    expect(frontier.mark(5, 5, 7, true)).toBeNull();
    expect(frontier.durable).toMatchObject({ position: 5, acknowledge: 5, sourceTimeMs: 7 });
    const mark = markOf(frontier, 6);
    expect(frontier.mark(9, null, null, true)).toBeNull();
    expect(mark.position).toBe(9);
    expect(frontier.durable.position).toBe(5);
    frontier.pass(0, mark);
    expect(frontier.durable.position).toBe(9);
  });

  it("keeps what may be acknowledged until something later may", () => {
    const frontier = new Frontier(1, start);
    frontier.pass(0, markOf(frontier, 3, 2));
    frontier.pass(0, markOf(frontier, 4));
    expect(frontier.durable).toMatchObject({ position: 4, acknowledge: 2 });
  });

  it("is the newest mark that all lanes have passed, in whatever order they pass", () => {
    const schedule = fc.array(fc.nat({ max: 2 }), { maxLength: 300 });
    fc.assert(
      fc.property(schedule, (lanes) => {
        const frontier = new Frontier(3, start);
        const marks = Array.from({ length: 80 }, (_, i) => markOf(frontier, i + 1));
        const passed = [0, 0, 0];
        for (const lane of lanes) {
          const mark = marks[passed[lane] ?? 0];
          if (mark === undefined) continue;
          passed[lane] = (passed[lane] ?? 0) + 1;
          frontier.pass(lane, mark);
          expect(frontier.durable.position).toBe(Math.min(...passed));
          expect(frontier.outstanding).toBe(80 - Math.min(...passed));
        }
      }),
    );
  });
});
