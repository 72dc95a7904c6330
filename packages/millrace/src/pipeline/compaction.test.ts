import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Row, Value } from "../model/value.ts";
import { UNCHANGED } from "../model/value.ts";
import {
  compact,
  countChanges,
  needsSource,
  overlay,
  runsOfDistinctKeys,
  toChangeEvent,
  toWrites,
} from "./compaction.ts";
import { RowItem } from "./lane-item.ts";
import { changeOf, doubted, itemOf, lineOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";

const table = tableOf();

function outcomesOf(items: readonly RowItem[]): [string, string, Row][] {
  return [...compact(items).values()].flatMap((keys) =>
    [...keys].map(([key, o]): [string, string, Row] => [key, o.write, o.row]),
  );
}

describe("compact", () => {
  it("keeps the last write of each key", () => {
    const items = [
      itemOf(table, "put", ["a", "1", "x"], 1),
      itemOf(table, "put", ["b", "1", "x"], 2),
      itemOf(table, "put", ["a", "2", "y"], 3),
      itemOf(table, "remove", ["b", null, null], 4),
    ];
    expect(outcomesOf(items)).toEqual([
      ["a", "put", ["a", "2", "y"]],
      ["b", "remove", ["b", null, null]],
    ]);
  });

  it("a value that the log left out is taken from the key's earlier row, never lost", () => {
    const items = [
      itemOf(table, "put", ["a", "1", "large"], 1),
      itemOf(table, "patch", ["a", "2", UNCHANGED], 2),
    ];
    expect(outcomesOf(items)).toEqual([["a", "put", ["a", "2", "large"]]]);
  });

  it("partial changes of a key come to one partial change, the newest value of each column", () => {
    const items = [
      itemOf(table, "patch", ["a", "1", "new"], 1),
      itemOf(table, "patch", ["a", "2", UNCHANGED], 2),
    ];
    expect(outcomesOf(items)).toEqual([["a", "patch", ["a", "2", "new"]]]);
    expect([...compact(items).values()][0]?.get("a")?.item).toBe(items[1]);
  });

  it("what an unproven column left out is in no earlier row of the batch", () => {
    const patch = (v: Value, at: number, shape = table.shape) =>
      itemOf(table, "patch", ["a", v, UNCHANGED], at, "u", shape);
    const unproven = (v: Value, at: number) => patch(v, at, doubted(table.shape));
    const put = itemOf(table, "put", ["a", "1", "older"], 1);
    const known = itemOf(table, "patch", ["a", "1", "older"], 1);
    for (const items of [
      [put, unproven("2", 2)],
      [known, unproven("2", 2)],
      [unproven("1", 1), patch("2", 2)],
      [put, unproven("1", 2), patch("2", 3)],
    ]) {
      expect(outcomesOf(items)).toEqual([["a", "patch", ["a", "2", UNCHANGED]]]);
      const [outcome] = [...compact(items).values()].flatMap((keys) => [...keys.values()]);
      expect(outcome !== undefined && needsSource(outcome)).toBe(true);
    }
    // A later row as a whole settles it.
    expect(outcomesOf([unproven("1", 1), put, patch("2", 3)])).toEqual([
      ["a", "put", ["a", "2", "older"]],
    ]);
  });

  it("asks the source for the new half of a key change that left something out, also where nothing comes before it", () => {
    const [route] = table.routesFor(table.shape);
    if (route === undefined) throw new Error("the table has no route");
    const row: Row = ["b", "1", UNCHANGED];
    const change = changeOf("u", { before: ["a", "1", "x"], after: row }, 2, { movedFrom: 1 });
    const half = new RowItem("patch", table, route, "b", row, 2, change, 10);
    expect(needsSource({ item: half, write: "patch", row })).toBe(true);
    const stays = itemOf(table, "patch", row, 2);
    expect(needsSource({ item: stays, write: "patch", row })).toBe(false);
  });

  it("comes to the same rows as writing one after another", () => {
    const value = fc.constantFrom<Value>("1", "2", null);
    const step = fc.record({
      key: fc.constantFrom("a", "b"),
      write: fc.constantFrom("put", "remove", "patch"),
      v: value,
      big: value,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const there = new Map<string, Row>();
        const items: RowItem[] = [];
        for (const [i, { key, write, v, big }] of steps.entries()) {
          const before = there.get(key);
          // A log updates only what is there.
          if (write === "remove") there.delete(key);
          else if (write === "put") there.set(key, [key, v, big]);
          else if (before === undefined) continue;
          else there.set(key, [key, v, before[2] ?? null]);
          const row: Row = write === "patch" ? [key, v, UNCHANGED] : [key, v, big];
          items.push(
            itemOf(
              table,
              write === "remove" ? "remove" : write === "put" ? "put" : "patch",
              row,
              i,
            ),
          );
        }
        for (const [key, write, row] of outcomesOf(items)) {
          if (write === "remove") expect(there.has(key)).toBe(false);
          else expect(row).toEqual(there.get(key));
        }
      }),
    );
  });
});

describe("toWrites", () => {
  it("groups partial changes by the columns that they have", () => {
    const items = [
      itemOf(table, "put", ["p", "1", "2"], 1),
      itemOf(table, "patch", ["a", "1", UNCHANGED], 2),
      itemOf(table, "patch", ["b", "2", UNCHANGED], 3),
      itemOf(table, "patch", ["c", UNCHANGED, "3"], 4),
      itemOf(table, "remove", ["d", null, null], 5),
    ];
    const { writes, outcomesOf: behind } = toWrites(
      [...compact(items)].map(([t, o]) => [t, o.values()]),
    );
    expect(
      writes.map((write) => [
        write.kind,
        "columns" in write ? write.columns : null,
        "rows" in write ? write.rows.length : 0,
      ]),
    ).toEqual([
      ["delete", null, 0],
      ["upsert", null, 1],
      ["update", [1], 2],
      ["update", [2], 1],
    ]);
    expect(behind.map((outcomes) => outcomes.map((o) => o.row[0]))).toEqual([
      ["d"],
      ["p"],
      ["a", "b"],
      ["c"],
    ]);
  });

  it("a change that touched nothing but what it left out writes nothing", () => {
    const items = [itemOf(table, "patch", ["a", UNCHANGED, UNCHANGED], 1)];
    expect(toWrites([...compact(items)].map(([t, o]) => [t, o.values()])).writes).toEqual([]);
  });
});

describe("overlay", () => {
  it("takes the newer value where there is one; NULL is one", () => {
    expect(overlay(["a", "1", "x"], ["a", null, UNCHANGED])).toEqual(["a", null, "x"]);
  });
});

describe("without compaction", () => {
  it("each run has a key once, and all runs together are the items in order", () => {
    const keys = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 });
    fc.assert(
      fc.property(keys, (names) => {
        const items = names.map((name, i) => itemOf(table, "put", [name, "1", "2"], i));
        const runs = runsOfDistinctKeys(items);
        expect(runs.flat()).toEqual(items);
        for (const run of runs) expect(new Set(run.map((item) => item.key)).size).toBe(run.length);
      }),
    );
  });
});

describe("toChangeEvent and countChanges", () => {
  it("tell every change as what it is at its target", () => {
    const items = [
      itemOf(table, "put", ["a", "1", "2"], 1, "c"),
      itemOf(table, "remove", ["a", null, null], 2),
    ];
    expect(
      items
        .map((item) => toChangeEvent(item))
        .map(({ op, key, before, after }) => ({ op, key, before, after })),
    ).toEqual([
      { op: "c", key: "a", before: null, after: ["a", "1", "2"] },
      { op: "d", key: "a", before: ["a", null, null], after: null },
    ]);
    expect(countChanges([...items, ...items]).map(({ op, count }) => [op, count])).toEqual([
      ["c", 2],
      ["d", 2],
    ]);
  });

  it("tell how the table's INIT_SYNC stood, as one object until it moves on", () => {
    const loading = tableOf(shapeOf(), { state: "INIT_SYNC", generation: 7, rowsLoaded: 2 });
    const told = () => {
      const items = [1, 2].map((i) => itemOf(loading, "put", [`${i}`, "1", "2"], i));
      const [one, other] = items.map((item) => toChangeEvent(item)).map(({ initSync }) => initSync);
      expect(one).toBe(other);
      return one;
    };
    expect(told()).toEqual({ startMs: 7, endMs: null, rows: 2, isRepeated: false });
    loading.update({ rowsLoaded: 3, state: "SYNC", loadedAtMs: 9 });
    expect(told()).toEqual({ startMs: 7, endMs: 9, rows: 3, isRepeated: false });
    // A source read or a look for ghosts holds SYNC up again; the rows have all been read all the same.
    loading.update({ state: "INIT_SYNC", sweep: "due" });
    expect(told()).toEqual({ startMs: 7, endMs: 9, rows: 3, isRepeated: false });
  });

  it("tell the row before a change in the target's columns, also where the table has no key of its own", () => {
    const bag = tableOf(shapeOf(undefined, []));
    const [route] = bag.routesFor(bag.shape);
    if (route === undefined) throw new Error("the table has no route");
    const before: Row = ["a", "1", UNCHANGED];
    const after: Row = ["a", "2", "x"];
    const change = changeOf("u", { before, after }, 3, { shape: bag.shape });
    const gone = new RowItem("remove-equal", bag, route, "", ["", ...before], 3, change, 10);
    const come = new RowItem("append", bag, route, "", ["p3", ...after], 3, change, 10);
    expect(
      [gone, come]
        .map((item) => toChangeEvent(item))
        .map((event) => [event.before?.slice(1), event.after?.slice(1)]),
    ).toEqual([
      [["a", "1", UNCHANGED], undefined],
      [
        ["a", "1", UNCHANGED],
        ["a", "2", "x"],
      ],
    ]);
    expect(toChangeEvent(come).before?.[0]).toBe(UNCHANGED);
  });
});

describe("rows of a load that nobody has read", () => {
  const [route] = table.routesFor(table.shape);
  const read: string[] = [];
  const loadedItem = (row: Row): RowItem => {
    if (route === undefined) throw new Error("the table has no route");
    const line = lineOf(row, table.shape, () => read.push(String(row[0])));
    return RowItem.ofLine(table, route, line, line.bytes);
  };

  it("go as lines, beside what there are values of; values are made once, where they are asked for", () => {
    const items = [
      loadedItem(["a", "1", "x"]),
      itemOf(table, "put", ["b", "1", "x"], null, "r"),
      loadedItem(["c", "1", "x"]),
      itemOf(table, "put", ["c", "2", "y"], 1, "u"),
      loadedItem(["d", "1", "x"]),
    ];
    const { writes, outcomesOf: outcomes } = toWrites(
      [...compact(items)].map(([target, keys]) => [target, keys.values()]),
    );
    const [lines, others] = writes.map((write) => (write.kind === "upsert" ? write : null));
    expect(lines?.lines?.map(({ key }) => key)).toEqual(["a", "d"]);
    expect([lines?.fresh, others?.lines, others?.fresh]).toEqual([true, undefined, undefined]);
    expect(others?.rows).toEqual([
      ["b", "1", "x"],
      ["c", "2", "y"],
    ]);
    expect(outcomes.map((keys) => keys.map(({ item }) => item.key))).toEqual([
      ["a", "d"],
      ["b", "c"],
    ]);
    expect(countChanges(items.slice(0, 3))).toEqual([{ table: table.id, op: "r", count: 3 }]);
    expect(read).toEqual([]);
    expect([lines?.rows, lines?.rows.length]).toEqual([
      [
        ["a", "1", "x"],
        ["d", "1", "x"],
      ],
      2,
    ]);
    expect(read).toEqual(["a", "d"]);
  });

  it("are read where a partial change is laid over them", () => {
    const items = [
      loadedItem(["e", "1", "large"]),
      itemOf(table, "patch", ["e", "2", UNCHANGED], 1),
    ];
    expect(outcomesOf(items)).toEqual([["e", "put", ["e", "2", "large"]]]);
  });
});
