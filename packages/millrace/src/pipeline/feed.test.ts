import { describe, expect, it } from "vitest";
import type { Change } from "../model/change.ts";
import type { Position } from "../model/position.ts";
import type { TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { UNCHANGED } from "../model/value.ts";
import { ByteBudget } from "./byte-budget.ts";
import { compact, needsSource } from "./compaction.ts";
import { Feed } from "./feed.ts";
import { LaneChoice } from "./lane-choice.ts";
import { Lane, type LaneParts } from "./lane.ts";
import { laneOf } from "./lane-hash.ts";
import type { LaneItem, RowItem } from "./lane-item.ts";
import {
  changeOf,
  forkedTableOf,
  loggedOf,
  shapeOf,
  tableOf,
  targetOf,
  transactionOf,
  standingOf,
} from "./pipeline-parts.fixture.ts";
import { SentTransactions } from "./sent-transactions.ts";
import type { TableRuntime } from "./table-runtime.ts";

/** A lane that only remembers what entered it. */
class Listening extends Lane {
  readonly entered: LaneItem[] = [];

  override push(item: LaneItem): void {
    this.entered.push(item);
  }
}

const source = {
  keyText: (_shape: TableShape, row: Row) => String(row[0]),
  comparePositions: (a: Position, b: Position) => Number(a) - Number(b),
  positionText: (position: Position) => `p${String(position)}`,
  sees: (token: unknown, id: string) => Array.isArray(token) && token.includes(id),
};

interface Setting {
  readonly checkpoints?: readonly (number | null)[];
  readonly durable?: number | null;
  readonly table?: TableRuntime;
  readonly everyChange?: boolean;
}

function setUp({
  checkpoints = [null, null],
  durable = null,
  table = tableOf(),
  everyChange = false,
}: Setting = {}) {
  const parts = {} as LaneParts; // nothing of it is used by a lane that never works
  const lanes = checkpoints.map((checkpoint, i) => new Listening(i, standingOf(checkpoint), parts));
  const logBytes = new ByteBudget(1_000).account(1);
  logBytes.tryTake(500);
  const sent = new SentTransactions([]);
  const feed = new Feed({
    source,
    lanes,
    choice: new LaneChoice(lanes.length, {}),
    tables: new Map([[table.id, table]]),
    sent,
    logBytes,
    everyChange,
    durable,
  });
  return { feed, lanes, logBytes, sent, table };
}

const shape = shapeOf();
const put = (key: string, position: number): Change =>
  changeOf("c", { after: [key, "1", "2"] }, position, { shape });
const laneOfKey = (key: string) => laneOf(targetOf(shape).id, key, 2);

/** Two keys in different lanes, the first in lane 0. */
const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
const [here = "", there = ""] = [
  keys.find((key) => laneOfKey(key) === 0),
  keys.find((key) => laneOfKey(key) === 1),
];

function told(lanes: readonly Listening[]): string[][] {
  return lanes.map(({ entered }) =>
    entered.map((item) =>
      item.kind === "row" ? `${item.write} ${item.key} ${String(item.position)}` : item.kind,
    ),
  );
}

describe("Feed", () => {
  it("puts each key into its one lane, and gives back the bytes of tables that are not captured", () => {
    const { feed, lanes, logBytes } = setUp();
    feed.change(put(here, 1));
    feed.change(put(there, 2));
    feed.change(
      changeOf("c", { after: ["x"] }, 3, { shape: { ...shape, id: targetOf(shape).id } }),
    );
    expect(told(lanes)).toEqual([[`put ${here} 1`], [`put ${there} 2`]]);
    expect(logBytes.usedBytes).toBe(490);
    expect([feed.takeEntered(), feed.takeEntered()]).toEqual([2, 0]);
  });

  it("drops on replay what the lane's own checkpoint holds, and nothing of other lanes", () => {
    const { feed, lanes, logBytes } = setUp({ checkpoints: [5, 2] });
    for (const position of [1, 2, 3, 5, 6]) {
      feed.change(put(here, position));
      feed.change(put(there, position));
    }
    expect(told(lanes)).toEqual([[`put ${here} 6`], [3, 5, 6].map((p) => `put ${there} ${p}`)]);
    expect(logBytes.usedBytes).toBe(500 - 6 * 10);
  });

  it("drops what the frontier row says is durable, also for lanes without a checkpoint", () => {
    const { feed, lanes } = setUp({ durable: 4 });
    feed.change(put(here, 4));
    feed.change(put(there, 5));
    expect(told(lanes)).toEqual([[], [`put ${there} 5`]]);
  });

  it("is replaying until everything that any lane holds has been read", () => {
    const { feed } = setUp({ checkpoints: [5, null], durable: 3 });
    expect(feed.replaying).toBe(true);
    feed.reached(4);
    expect(feed.replaying).toBe(true);
    feed.reached(5);
    expect(feed.replaying).toBe(false);
    expect(setUp().feed.replaying).toBe(false);
  });

  it("says what the frontier row has passed already, so that the frontier does not go back", () => {
    const { feed } = setUp({ checkpoints: [5, null], durable: 3 });
    expect([2, 3, 5].map((position) => feed.reached(position))).toEqual([false, true, true]);
  });

  it("remembers every transaction from its first change on, also of what is dropped", () => {
    const { feed, sent } = setUp({ durable: 9 });
    feed.change(
      changeOf("c", { after: [here, "1", "2"] }, 1, { shape, transaction: transactionOf("77") }),
    );
    expect(sent.list()).toEqual(["77"]);
    feed.saw(transactionOf("78"));
    expect(sent.list()).toEqual(["77", "78"]);
  });

  it("strikes a key in the table's windows in the same step in which it enters", () => {
    const { feed, table } = setUp();
    const window = table.windows.open(1_000);
    feed.change(put(here, 1));
    feed.change(
      changeOf("u", { before: [here, UNCHANGED, UNCHANGED], after: [there, "1", "2"] }, 3, {
        shape,
        movedFrom: 2,
      }),
    );
    expect([window.has(here), window.has(there), window.has("other")]).toEqual([true, true, false]);
  });

  it("an update that left values out is partial", () => {
    const { feed, lanes } = setUp();
    feed.change(changeOf("u", { after: [here, "2", UNCHANGED] }, 1, { shape }));
    expect(told(lanes)[0]).toEqual([`patch ${here} 1`]);
  });

  it("an insert that left values out is partial, and asks the source whatever is there before it", () => {
    const { feed, lanes } = setUp();
    feed.change(changeOf("c", { after: [here, "1", "2"] }, 1, { shape, unsure: true }));
    feed.change(changeOf("c", { after: [here, "2", UNCHANGED] }, 2, { shape, unsure: true }));
    expect(told(lanes)[0]).toEqual([`put ${here} 1`, `patch ${here} 2`]);
    const items = lanes[0]?.entered.filter((item) => item.kind === "row") ?? [];
    const [outcome] = [...compact(items).values()].flatMap((ofTarget) => [...ofTarget.values()]);
    expect(outcome !== undefined && needsSource(outcome)).toBe(true);
    expect(outcome?.row).toEqual([here, "2", UNCHANGED]);
  });
});

describe("Feed, key changes", () => {
  const moved = (after: Row) =>
    changeOf("u", { before: [here, UNCHANGED, UNCHANGED], after }, 4, { shape, movedFrom: 3 });

  it("are a delete and an upsert at two positions, each in its lane", () => {
    const { feed, lanes } = setUp();
    feed.change(moved([there, "1", "2"]));
    expect(told(lanes)).toEqual([[`remove ${here} 3`], [`put ${there} 4`]]);
  });

  it("a lane that holds the delete alone still gets the upsert", () => {
    const { feed, lanes } = setUp({ checkpoints: [3, 3] });
    feed.change(moved([there, "1", "2"]));
    expect(told(lanes)).toEqual([[], [`put ${there} 4`]]);
  });

  it("with values left out both lanes meet, and the first of them writes", () => {
    const { feed, lanes } = setUp();
    feed.change(moved([there, "1", UNCHANGED]));
    const [first, second] = lanes.map(({ entered }) => entered[0]);
    expect(first).toBe(second);
    expect(first).toMatchObject({
      kind: "meeting",
      lanes: [0, 1],
      owner: 0,
      position: 4,
      bytes: 10,
    });
  });

  it("need no meeting for a sink that takes every change, and a respelled key is one", () => {
    const { feed, lanes } = setUp({ checkpoints: [null], everyChange: true });
    feed.change(moved([there, "1", UNCHANGED]));
    feed.change(moved([here, "1", "2"]));
    expect(told(lanes)).toEqual([
      [`remove ${here} 3`, `patch ${there} 4`, `remove ${here} 3`, `put ${here} 4`],
    ]);
  });

  it("a meeting that both lanes hold is not held again", () => {
    const { feed, lanes, logBytes } = setUp({ checkpoints: [4, 4] });
    feed.change(moved([there, "1", UNCHANGED]));
    expect(told(lanes)).toEqual([[], []]);
    expect(logBytes.usedBytes).toBe(490);
  });

  it("where one lane has passed it each does its half: no checkpoint moves back (I3)", () => {
    const past = setUp({ checkpoints: [9, null] });
    past.feed.change(moved([there, "1", UNCHANGED]));
    expect(told(past.lanes)).toEqual([[], [`patch ${there} 4`]]);
    const before = setUp({ checkpoints: [null, 9] });
    before.feed.change(moved([there, "1", UNCHANGED]));
    expect(told(before.lanes)).toEqual([[`remove ${here} 3`], []]);
  });
});

function rowsIn(lanes: readonly Listening[]): RowItem[] {
  return lanes.flatMap(({ entered }) => entered).filter((item) => item.kind === "row");
}

describe("Feed, several targets", () => {
  it("gives all items of a change one position, and its bytes back with the last of them", () => {
    const { feed, lanes } = setUp({ table: forkedTableOf() });
    const position = { at: 1 };
    const change = changeOf("c", { after: [here, "1", "2"] }, position, { shape });
    feed.change(change);
    const rows = rowsIn(lanes);
    expect(rows.map((row) => row.position === position)).toEqual([true, true]);
    expect(rows.map((row) => row.letGo())).toEqual([0, 10]);
  });

  it("has its bytes with the items that are not durable yet, where a lane holds the others", () => {
    const key =
      keys.find((one) => laneOf(`${targetOf(shape).id}_too`, one, 2) !== laneOfKey(one)) ?? "";
    const checkpoints = [0, 1].map((lane) => (lane === laneOfKey(key) ? 5 : null));
    const { feed, lanes, logBytes } = setUp({ table: forkedTableOf(), checkpoints });
    feed.change(put(key, 4));
    expect(rowsIn(lanes).map((row) => row.letGo())).toEqual([10]);
    expect(logBytes.usedBytes).toBe(500);
  });
});

describe("Feed, what a key change weighs", () => {
  it("is given back with the half that is durable last", () => {
    const { feed, lanes, logBytes } = setUp();
    const rows = { before: [here, "1", "2"], after: [there, "1", "2"] };
    feed.change(changeOf("u", rows, 4, { shape, movedFrom: 3 }));
    expect(rowsIn(lanes).map((row) => row.letGo())).toEqual([0, 10]);
    expect(logBytes.usedBytes).toBe(500);
  });
});

describe("Feed, tables without key", () => {
  const bagShape = shapeOf(undefined, []);

  it("gives the bytes of an update to two targets back with its last half", () => {
    const { feed, lanes } = setUp({ table: forkedTableOf(bagShape) });
    const rows = { before: ["a", "1", "2"], after: ["a", "2", "2"] };
    feed.change(changeOf("u", rows, 7, { shape: bagShape }));
    expect(rowsIn(lanes).map((row) => row.letGo())).toEqual([0, 0, 0, 10]);
  });

  it("an update removes one equal row and appends one, in one lane at one position", () => {
    const { feed, lanes } = setUp({ table: tableOf(bagShape) });
    feed.change(
      changeOf("u", { before: ["a", "1", "2"], after: ["a", "2", "2"] }, 7, { shape: bagShape }),
    );
    const rows = lanes.flatMap(({ entered }) => entered).filter((item) => item.kind === "row");
    expect(rows.map(({ write, row, position }) => [write, row, position])).toEqual([
      ["remove-equal", ["", "a", "1", "2"], 7],
      ["append", ["p7", "a", "2", "2"], 7],
    ]);
  });

  it("leaves out what the load has seen, up to its end", () => {
    const table = tableOf(bagShape, { snapshot: ["5"], end: 10 });
    const { feed, lanes } = setUp({ table });
    const insert = (position: number, id: string) =>
      changeOf("c", { after: ["a", "1", "2"] }, position, {
        shape: bagShape,
        transaction: transactionOf(id),
      });
    feed.change(insert(8, "5"));
    feed.change(insert(9, "6"));
    feed.change(insert(11, "5"));
    expect(told(lanes).flat()).toEqual(["append  9", "append  11"]);
  });
});

describe("changes of a table that is left out", () => {
  const atMs = 1_700_000_000_000;
  it("enter no lane, and count as sent, for the snapshots that bring them back (I7)", () => {
    for (const part of [{ paused: { atMs } }, { stopped: { code: "MR_X", message: "", atMs } }]) {
      const { feed, lanes, logBytes, sent } = setUp({ table: tableOf(shape, part) });
      const before = logBytes.usedBytes;
      const rows = { after: ["1", "1", "2"] };
      const change = changeOf("c", rows, 5, { shape, transaction: transactionOf("77") });
      feed.change(change);
      expect(lanes.flatMap(({ entered }) => entered)).toEqual([]);
      expect(sent.list()).toEqual(["77"]);
      expect(before - logBytes.usedBytes).toBe(change.bytes);
    }
  });
});

describe("changes whose rows are a log's bytes", () => {
  const rows = { before: [here, "1", null], after: [here, "2", null] };
  const [id, v, big] = shape.columns;
  if (id === undefined || v === undefined || big === undefined) throw new Error("no columns");

  it("enter as they are where rows are not changed on the way, and strike their key in windows", () => {
    const { feed, lanes, table, logBytes } = setUp({ table: forkedTableOf(shape) });
    const window = table.windows.open(1_000);
    let made = 0;
    feed.change(loggedOf("u", shape, rows, 1, () => made++));
    feed.change(loggedOf("d", shape, { ...rows, after: null }, 2, () => made++));
    const items = lanes.flatMap(({ entered }) => entered).filter((item) => item.kind === "row");
    expect(told(lanes).flat().toSorted()).toEqual(
      [1, 1, 2, 2].map((at) => `${at === 1 ? "put" : "remove"} ${here} ${at}`).toSorted(),
    );
    expect(items.every(({ logged }) => logged !== null)).toBe(true);
    expect([made, window.has(here)]).toEqual([0, true]);
    // Held until the last of them is gone.
    expect(logBytes.usedBytes).toBe(500);
    expect(items.reduce((sum, item) => sum + item.letGo(), 0)).toBe(20);
  });

  it("enter with their values where a row has its columns in other places, or more of them", () => {
    for (const columns of [
      [id, big, v],
      [id, v],
    ]) {
      const { feed, lanes } = setUp({ table: tableOf(shape) });
      feed.change(loggedOf("u", shapeOf(columns), rows, 1));
      const [item] = lanes.flatMap(({ entered }) => entered);
      if (item?.kind !== "row") throw new Error("no row");
      expect(item.logged).toBeNull();
      expect(item.row).toEqual(columns.length === 3 ? [here, null, "2"] : [here, "2", null]);
    }
  });
});
