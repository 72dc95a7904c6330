import { describe, expect, it } from "vitest";
import type { TargetCheck } from "../model/sink.ts";
import { tableId, type TableId } from "../model/table.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { LaneChoice } from "./lane-choice.ts";
import { letterFor } from "./letter.ts";
import { ParentsPutOff } from "./parents-put-off.ts";
import { itemOf, shapeOf, tableOf, targetOf } from "./pipeline-parts.fixture.ts";
import { PUT_OFF } from "./put-off.ts";
import type { TableRuntime } from "./table-runtime.ts";

function named(name: string, key?: readonly number[]): TableRuntime {
  const shape = { ...shapeOf(undefined, key), id: tableId("shop", name), name };
  return tableOf(shape, { state: "INIT_SYNC" });
}

/** A parent that is loaded, and a child without key that is not. */
function family() {
  const [parent, child] = [named("parents"), named("children", [])];
  child.update({ allPlanned: false });
  const all = new Map([parent, child].map((table) => [table.id, table]));
  const check = { created: false, notices: [], secondaryUnique: true };
  const [above, below] = [targetOf(parent.shape).id, targetOf(child.shape).id];
  const checks = new Map<TableId, TargetCheck>([
    [above, check],
    [below, { ...check, parents: [above] }],
  ]);
  const choice = new LaneChoice(1, { [above]: "one", [below]: "one" });
  const order = new ConstraintOrder(checks, choice, all);
  const book = new DeadLetterBook({ policy: "park", maxPerTable: 100, maxShare: 1 }, []);
  const putOff = (key: string) =>
    letterFor(itemOf(parent, "put", [key, "v", "b"], 4, "c", parent.shape), PUT_OFF, 99);
  return { parent, child, order, book, putOff, waits: new ParentsPutOff(order, book) };
}

describe("a table without key", () => {
  it("is loaded behind rows of its parents that are put off, though their load is over", () => {
    const { child, order, book, putOff, waits } = family();
    const letter = putOff("1");
    book.add(letter);
    expect([order.mustWait(child), waits.mustWait(child)]).toEqual([false, true]);
    book.remove(letter.target, letter.key);
    expect(waits.mustWait(child)).toBe(false);
  });

  it("does not wait for rows of its parents that are put off behind those, in the same load", () => {
    const { child, book, putOff, waits } = family();
    const first = putOff("1");
    book.add(first);
    expect(waits.mustWait(child)).toBe(true);
    book.add(putOff("2"));
    book.remove(first.target, first.key);
    expect(waits.mustWait(child)).toBe(false);
    child.update({ generation: child.document.generation + 1 });
    expect(waits.mustWait(child)).toBe(true);
  });

  it("does not wait for rows of parents that even a last round could not try: these are in SYNC", () => {
    const { parent, child, book, putOff, waits } = family();
    book.add(putOff("1"));
    parent.update({ state: "SYNC" });
    expect(waits.mustWait(child)).toBe(false);
  });

  it("does not wait for rows of parents that are left out: nobody settles them", () => {
    const { parent, child, book, putOff, waits } = family();
    book.add(putOff("1"));
    parent.update({ paused: { atMs: 0 } });
    expect(waits.mustWait(child)).toBe(false);
  });
});
