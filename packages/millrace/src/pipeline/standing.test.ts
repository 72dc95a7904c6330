import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Position } from "../model/position.ts";
import { Frontier } from "./frontier.ts";
import { oneLane } from "./lane.fixture.ts";
import { itemOf, standingOf, tableOf } from "./pipeline-parts.fixture.ts";
import { joined, LaneStanding, reachWith, type PlaceOrder } from "./standing.ts";

/** A standing of two shards is the text of how far each was read; a place of one has a dash for the other. */
const pairs: PlaceOrder = {
  comparePositions(standing, place) {
    const [have, want] = [numbersOf(standing), numbersOf(place)];
    if (have.some((n, i) => n < (want[i] ?? 0))) return -1;
    return have.every((n, i) => n === want[i]) ? 0 : 1;
  },
  join: (standing, places) =>
    places
      .map(numbersOf)
      .reduce((most, one) => most.map((n, i) => Math.max(n, one[i] ?? 0)), numbersOf(standing))
      .join("/"),
};

function numbersOf(place: Position): number[] {
  return String(place)
    .split("/")
    .map((part) => (part === "-" ? 0 : Number(part)));
}

const table = tableOf();
const rowAt = (place: Position | null) => itemOf(table, "put", ["a", "1", "2"], place);
const place = fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => `${a}/${b}`);

describe("joined", () => {
  it("has both places, and nothing that neither has", () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const both = joined(pairs, a, b);
        expect(pairs.comparePositions(both, a)).toBeGreaterThanOrEqual(0);
        expect(pairs.comparePositions(both, b)).toBeGreaterThanOrEqual(0);
        expect(numbersOf(both).every((n, i) => [a, b].some((one) => numbersOf(one)[i] === n))).toBe(
          true,
        );
      }),
    );
  });

  it("is the later place of a single log, and the one that is there where they are equal", () => {
    const order = { comparePositions: (a: Position, b: Position) => Number(a) - Number(b) };
    expect([joined(order, 3, 5), joined(order, 5, 3), joined(order, null, 2)]).toEqual([5, 5, 2]);
    const [one, other] = [[4], [4]];
    const sameNumber = { comparePositions: () => 0 };
    expect(joined(sameNumber, one, other)).toBe(one);
  });
});

describe("where a lane stands", () => {
  it("is its last change in a single log, whatever marks pass", () => {
    const standing = standingOf(4);
    standing.passed(9);
    expect([standing.at, standing.found]).toEqual([4, 4]);
    expect(standing.with([rowAt(5), rowAt(null), rowAt(7), rowAt(null)])).toBe(7);
    expect(standing.with([rowAt(null)])).toBeNull();
    standing.reached(7);
    expect([standing.at, standing.found, standing.withMeeting(8)]).toEqual([7, 4, 8]);
  });

  it("keeps what it has of one shard when it moves on in another", () => {
    const standing = new LaneStanding(pairs, "5/2", "3/3");
    expect([standing.at, standing.found]).toEqual(["5/3", "5/2"]);
    const next = standing.with([rowAt("-/4"), rowAt(null), rowAt("-/6")]);
    expect([next, standing.at]).toEqual(["5/6", "5/3"]);
    standing.reached("5/6");
    expect([standing.with([rowAt("7/-")]), standing.withMeeting("-/9")]).toEqual(["7/6", "5/9"]);
  });

  it("begins with the frontier where it has no checkpoint", () => {
    const standing = new LaneStanding(pairs, null, "3/3");
    expect([standing.at, standing.found, standing.with([rowAt("4/-")])]).toEqual([
      "3/3",
      null,
      "4/3",
    ]);
  });

  it("is a mark itself that has all of it, so that what the source lets go of goes", () => {
    const mark: Position = ["a mark is this object"];
    const standing = new LaneStanding({ ...pairs, comparePositions: () => 1 }, null, "3/3");
    standing.passed(mark);
    expect(standing.at).toBe(mark);
  });

  it("loses nothing by a mark that lacks something of it, as marks do while the log is read again", () => {
    const standing = new LaneStanding(pairs, "5/2", "1/1");
    standing.passed("3/4");
    expect(standing.at).toBe("5/4");
  });
});

describe("a lane of a log of two shards", () => {
  it("writes what it has of both, and from a mark on what that has", async () => {
    const { lane, sink, stop } = oneLane({}, {}, new LaneStanding(pairs, null, "1/1"));
    lane.push(rowAt("3/-"));
    const mark = new Frontier(1, { position: "1/1", acknowledge: null }).mark(
      "9/9",
      null,
      null,
      false,
    );
    if (mark === null) throw new Error("expected a new mark");
    lane.push(mark);
    const running = lane.run();
    await lane.passedSoFar();
    lane.push(rowAt("-/10"));
    await lane.passedSoFar();
    expect(sink.landed.map(({ state }) => state)).toEqual([
      [{ key: "checkpoint/log/0", value: "3/1" }],
      [{ key: "checkpoint/log/0", value: "9/10" }],
    ]);
    stop.abort();
    await running;
  });
});

describe("behind a barrier", () => {
  it("each lane has what it had and the barrier", () => {
    const now = { frontier: "2/2", lanes: ["5/2", null] };
    expect(reachWith(pairs, now, "-/4")).toEqual({ frontier: "2/4", lanes: ["5/4", "2/4"] });
  });
});
