import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { UNCHANGED } from "../model/value.ts";
import { ReplayItem, RowItem } from "./lane-item.ts";
import { letterFor, letterSourceKey } from "./letter.ts";
import { changeOf, itemOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";

const table = tableOf();
const why = { code: "MR_SINK_ROW_REFUSED", reason: "22P02", column: "v" };
const letter = (key: string) => letterFor(itemOf(table, "put", [key, "secret", "b"], 4), why, 99);

describe("letterFor", () => {
  it("says where and why, with the key and no other value", () => {
    expect(letter("a")).toEqual({
      id: createHash("sha256").update("shop.orders|copy.orders|a").digest("hex"),
      table: "shop.orders",
      target: "copy.orders",
      key: "a",
      keyColumns: { id: "a" },
      op: "u",
      position: 4,
      code: "MR_SINK_ROW_REFUSED",
      reason: "22P02",
      column: "v",
      attempts: 1,
      parkedAtMs: 99,
      triedAtMs: 99,
    });
    expect(JSON.stringify(letter("a"))).not.toContain("secret");
  });

  it("has an id that fits into any sink's key, however long the row's own key is", () => {
    const [long, longer] = [letter("k".repeat(2560)), letter("k".repeat(2561))];
    expect(long.id).toHaveLength(64);
    expect(long.id).not.toBe(longer.id);
    expect(letter("k".repeat(2560)).id).toBe(long.id);
  });

  it("letters of rows without key never replace one another", () => {
    const bag = tableOf(shapeOf(undefined, []));
    const keys = [
      itemOf(bag, "append", ["p1", "a", "1", "b"], 1),
      itemOf(bag, "remove-equal", ["", "a", "1", "b"], 1),
      itemOf(bag, "append", ["p2", "a", "1", "b"], 2),
      itemOf(bag, "append", ["r/1/0", "a", "1", "b"], null),
      itemOf(bag, "append", ["r/1/1", "a", "1", "b"], null),
    ].map((item) => letterFor(item, why, 1).key);
    expect(new Set(keys).size).toBe(5);
  });

  it("counts attempts, and a replay that is refused leaves it the change that it was about", () => {
    const first = letter("a");
    const [route] = table.routesFor(table.shape);
    if (route === undefined) throw new Error("the table has no route");
    const read = changeOf("r", { after: ["a", "secret", "b"] }, null);
    const row = read.after ?? [];
    const again = new ReplayItem("put", table, route, "a", row, null, read, 0);
    const other = { code: "MR_VALUE_TOO_LARGE", reason: "large", column: "big" };
    expect(letterFor(again, other, 120, first)).toEqual({
      ...first,
      ...other,
      attempts: 2,
      triedAtMs: 120,
    });
    const changed = letterFor(itemOf(table, "put", ["a", "1", "b"], 9), other, 130, first);
    expect(changed).toMatchObject({ position: 9, attempts: 2, parkedAtMs: 99, triedAtMs: 130 });
  });

  it("names the old key for the delete half of a key change", () => {
    const [route] = table.routesFor(table.shape);
    if (route === undefined) throw new Error("the table has no route");
    const rows = { before: ["a", UNCHANGED, UNCHANGED], after: ["b", "1", "2"] } as const;
    const moved = changeOf("u", rows, 5, { movedFrom: 4 });
    const half = new RowItem("remove", table, route, "a", rows.before, 4, moved, 0);
    expect(letterFor(half, why, 1)).toMatchObject({ op: "d", keyColumns: { id: "a" } });
  });

  it("tells what the target has of a key that is hashed, and this process alone the row's own", () => {
    const [plain] = table.routesFor(table.shape);
    if (plain === undefined) throw new Error("the table has no route");
    const route = { ...plain, hidesKey: true };
    const change = changeOf("u", { after: ["secret", "1", "2"] }, 5);
    const hidden = new RowItem("put", table, route, "secret", ["5f3a", "1", "2"], 5, change, 0);
    const made = letterFor(hidden, why, 1);
    expect(made).toMatchObject({ key: "5f3a", keyColumns: { id: "5f3a" } });
    expect(JSON.stringify(made)).not.toContain("secret");
    expect(made.id).toBe(letterFor(hidden, why, 2).id);
    expect(letterSourceKey(made, true)).toEqual({ key: "secret", keyColumns: { id: "secret" } });
    expect(letterSourceKey({ ...made }, true)).toBeNull();
  });
});
