import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Position } from "../../model/position.ts";
import {
  changeAt,
  comparePositions,
  joinPositions,
  logEndAt,
  parseStanding,
  placeIn,
  positionText,
  shownPosition,
  type Standing,
  toPosition,
} from "./position.ts";
import { BEGIN, compareSequences, END } from "./sequence.ts";
import { openedMs } from "./shard-id.ts";

const shardOf = (opened: number, hex: string): string =>
  `shardId-${String(opened).padStart(20, "0")}-${hex.padStart(8, "0")}`;

const shards = fc.constantFrom(
  ...[1, 2, 3, 4, 5].flatMap((opened) => ["a", "b"].map((hex) => shardOf(opened, hex))),
  "another-form-of-id-0000000000",
);
const sequences = fc.oneof(
  fc.bigInt(0n, 10n ** 40n).map(String),
  fc.integer({ min: 0, max: 20 }).map(String),
);
const places = fc.oneof({ weight: 4, arbitrary: sequences }, fc.constantFrom(BEGIN, END));
const arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-11-22T10:08:04.123";
const later = arn.replace("T10", "T11");

const standings: fc.Arbitrary<Standing> = fc.record({
  shards: fc.dictionary(shards, places, { maxKeys: 6 }),
  timeMs: fc.integer({ min: 0, max: 4 }),
  done: fc.integer({ min: 0, max: 5 }),
  arn: fc.constant(arn),
  tableId: fc.constant("id"),
});
const changes = fc.tuple(shards, sequences).map(([shard, sequence]) => changeAt(shard, sequence));
const positions: fc.Arbitrary<Position> = fc.oneof(standings.map(toPosition), changes);

const has = (a: Position, b: Position): boolean => comparePositions(a, b) >= 0;

describe("sequence numbers", () => {
  it("are ordered as numbers, whatever their lengths and zeros", () => {
    const digits = fc
      .tuple(fc.integer({ min: 0, max: 3 }), fc.bigInt(0n, 10n ** 40n))
      .map(([zeros, value]) => "0".repeat(zeros) + String(value));
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        expect(Math.sign(compareSequences(a, b))).toBe(
          BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0,
        );
      }),
    );
  });

  it("lie between a shard's beginning and its end", () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        expect(compareSequences(BEGIN, sequence)).toBeLessThan(0);
        expect(compareSequences(sequence, END)).toBeLessThan(0);
        expect(compareSequences(END, BEGIN)).toBeGreaterThan(0);
      }),
    );
  });
});

describe("a shard's age", () => {
  it("is told by its id, and is unknown of other ids", () => {
    expect(openedMs("shardId-00000001541626099285-f35f62ef")).toBe(1_541_626_099_285);
    expect(openedMs("shardId-000000000000")).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("positions in a stream", () => {
  it("a join has all of both, and is the least that has", () => {
    fc.assert(
      fc.property(
        standings.map(toPosition),
        positions,
        standings.map(toPosition),
        (a, b, other) => {
          const both = joinPositions(a, [b]);
          expect(has(both, a)).toBe(true);
          expect(has(both, b)).toBe(true);
          if (has(other, a) && has(other, b)) expect(has(other, both)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("joins mean the same in whatever order they are made", () => {
    fc.assert(
      fc.property(
        standings.map(toPosition),
        fc.array(positions, { maxLength: 6 }),
        (start, rest) => {
          const forward = joinPositions(start, rest);
          const backward = joinPositions(start, rest.toReversed());
          let single = start;
          for (const place of rest) single = joinPositions(single, [place]);
          expect(comparePositions(forward, backward)).toBe(0);
          expect(comparePositions(forward, single)).toBe(0);
        },
      ),
    );
  });

  it("a standing that is one change and nothing else is that change", () => {
    const shard = shardOf(3, "a");
    const alone = { shards: { [shard]: "7" }, timeMs: 0, done: 0, arn, tableId: "id" };
    const change = changeAt(shard, "7");
    expect(comparePositions(toPosition(alone), change)).toBe(0);
    expect(comparePositions(change, toPosition(alone))).toBe(0);
    expect(comparePositions(toPosition({ ...alone, timeMs: 1 }), change)).toBeGreaterThan(0);
  });

  it("having all of one another is an order", () => {
    const three = fc.tuple(positions, positions, positions);
    fc.assert(
      fc.property(three, ([a, b, c]) => {
        expect(comparePositions(a, a)).toBe(0);
        if (has(a, b) && has(b, c)) expect(has(a, c)).toBe(true);
        if (comparePositions(a, b) === 0) expect(comparePositions(b, a)).toBe(0);
        if (comparePositions(a, b) > 0) expect(has(b, a)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it("a standing has the changes of its shards up to where it stands, and no others", () => {
    fc.assert(
      fc.property(standings, changes, (standing, change) => {
        const [, shard, sequence] = change;
        expect(has(toPosition(standing), change)).toBe(
          compareSequences(placeIn(standing, shard), sequence) >= 0,
        );
      }),
    );
  });

  it("mean the same once they were written and read", () => {
    fc.assert(
      fc.property(positions, positions, (a, b) => {
        const again = JSON.parse(JSON.stringify(a)) as Position;
        expect(Math.sign(comparePositions(again, b))).toBe(Math.sign(comparePositions(a, b)));
        expect(positionText(again)).toBe(positionText(a));
      }),
    );
  });

  it("the join with what is had already is the same object", () => {
    const standing = toPosition(standingOf({ [shardOf(9, "a")]: "100000000000000000005" }));
    expect(joinPositions(standing, [changeAt(shardOf(9, "a"), "100000000000000000004")])).toBe(
      standing,
    );
    expect(joinPositions(standing, [logEndAt(0)])).toBe(standing);
  });

  it("a standing of a stream that was made later has all of an earlier one", () => {
    const old = toPosition({ ...standingOf({ [shardOf(3, "a")]: "5" }), timeMs: 9 });
    const made = toPosition({ ...standingOf({}), arn: later });
    expect(comparePositions(made, old)).toBe(1);
    expect(comparePositions(old, made)).toBe(-1);
    expect(joinPositions(old, [made])).toBe(made);
  });

  it("a log end is reached by time", () => {
    const standing = toPosition({ ...standingOf({}), timeMs: 5 });
    expect(has(standing, logEndAt(5))).toBe(true);
    expect(has(standing, logEndAt(6))).toBe(false);
    expect(parseStanding(joinPositions(standing, [logEndAt(6)])).timeMs).toBe(6);
    expect(has(logEndAt(6), logEndAt(5))).toBe(true);
  });

  it("an ended shard needs no name once all of its age are known", () => {
    const named = toPosition({ ...standingOf({ [shardOf(3, "a")]: END }), done: 2 });
    const unnamed = toPosition({ ...standingOf({}), done: 3 });
    expect(comparePositions(unnamed, named)).toBe(1);
    expect(has(unnamed, changeAt(shardOf(3, "a"), "7"))).toBe(true);
    expect(has(unnamed, changeAt(shardOf(4, "a"), "7"))).toBe(false);
  });

  it("status tells in some hundred bytes of how many shards a standing is", () => {
    const many = Array.from({ length: 200 }, (_, n): [string, string] => [
      shardOf(n, "a"),
      n < 100 ? END : n < 198 ? String(n) : BEGIN,
    ]);
    const shown = shownPosition(toPosition(standingOf(Object.fromEntries(many))));
    expect(shown).toEqual({
      stream: arn,
      timeMs: 0,
      shards: { ended: 100, begun: 98, waiting: 2 },
    });
    const gap = { timeMs: 5, why: "it was down" };
    expect(shownPosition(toPosition({ ...standingOf({}), gap }))).toMatchObject({ gap });
  });

  it("anything else is a fault of ours", () => {
    for (const bad of [null, 5, "a", [], ["c", 1, "2"], ["c", "a", "b", "c"], { timeMs: "5" }])
      expect(() => parseStanding(bad as Position)).toThrow("MR_BUG");
  });
});

function standingOf(shardsRead: Readonly<Record<string, string>>): Standing {
  return { shards: shardsRead, timeMs: 0, done: 0, arn, tableId: "id" };
}
