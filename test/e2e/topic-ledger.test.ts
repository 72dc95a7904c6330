import { describe, expect, it } from "vitest";
import type { ReadMessage } from "./console-consumer.ts";
import type { Guarantee } from "./topic-counts.ts";
import { TopicLedger } from "./topic-ledger.ts";

/** `OP` or `OP/w`, of the key 1 in the partition 0. */
function messages(...told: readonly string[]): readonly ReadMessage[] {
  return told.map((text) => {
    const [op = "", w] = text.split("/");
    const row = { id: 1, w: Number(w) };
    const value = op === "d" ? { op, before: { id: 1 } } : { op, after: row };
    return { partition: 0, key: "1", value: JSON.stringify(op === "t" ? { op } : value) };
  });
}

const ledgerOf = (written: readonly string[], isLoaded = false): TopicLedger => {
  const ledger = new TopicLedger();
  ledger.isLoaded = isLoaded;
  for (const text of written) {
    const [op, w] = text.split("/");
    if (op === "d") ledger.deleted(1);
    else if (op === "t") ledger.truncated();
    else ledger.wrote(op === "c" ? "c" : "u", 1, { w: Number(w) });
  }
  return ledger;
};

const both: readonly Guarantee[] = ["exactly-once", "at-least-once"];
const WRITTEN = ["c/1", "u/2", "d", "c/3", "u/4"];

describe.each(both)("a topic that tells %s", (guarantee) => {
  it.each([
    ["all of the log", WRITTEN],
    ["a load and what came since", ["r/3", "u/4"]],
    ["a load alone", ["r/4"]],
    ["a load between changes that it has seen", ["c/3", "r/4", "u/4"]],
    ["what came behind a delete", ["c/3", "u/4"]],
  ])("%s is right", (_what, told) => {
    expect(ledgerOf(WRITTEN).wrong(messages(...told), guarantee)).toEqual([]);
  });

  it.each([
    ["without a change", ["c/1", "d", "c/3", "u/4"]],
    ["without a delete", ["c/1", "u/2", "c/3", "u/4"]],
    ["without its end", ["c/1", "u/2", "d", "c/3"]],
    ["without a change behind the load", ["r/1", "d", "u/4"]],
    ["in another order", ["c/1", "u/2", "d", "u/4", "c/3"]],
    ["nothing", []],
    ["what was never written", [...WRITTEN, "u/9"]],
  ])("%s is found", (_what, told) => {
    expect(ledgerOf(WRITTEN).wrong(messages(...told), guarantee)).toHaveLength(1);
  });

  it("a row that no load tells is told from its first write since the log began, and one from the middle is found", () => {
    const of = (id: number, op: string, w: number): ReadMessage => {
      const value = JSON.stringify({ op, after: { id, w } });
      return { partition: 0, key: String(id), value };
    };
    const ledger = new TopicLedger();
    for (const [op, id, w] of [
      ["c", 1, 1],
      ["c", 2, 2],
      ["u", 2, 3],
      ["u", 1, 4],
      ["u", 1, 5],
    ] as const)
      ledger.wrote(op, id, { w });
    const changed = [of(2, "r", 2), of(2, "u", 3)];
    expect(ledger.wrong([...changed, of(1, "u", 4), of(1, "u", 5)], guarantee)).toEqual([]);
    expect(ledger.wrong([...changed, of(1, "u", 5)], guarantee)).toHaveLength(1);
  });

  it("a load in place of what was written behind it is found", () => {
    expect(ledgerOf(WRITTEN, true).wrong(messages("r/4"), guarantee)).toHaveLength(1);
    expect(ledgerOf(["c/1", "d"], true).wrong([], guarantee)).toHaveLength(1);
  });

  it("a TRUNCATE stands in its place, and one that is missing is found", () => {
    const ledger = ledgerOf(["c/1", "t"]);
    expect(ledger.wrong(messages("c/1", "t"), guarantee)).toEqual([]);
    expect(ledger.wrong(messages("r/1", "t"), guarantee)).toEqual([]);
    // One from before the row was made, behind a load that ran ahead.
    expect(ledger.wrong(messages("r/1", "t", "c/1", "t"), guarantee)).toEqual([]);
    expect(ledger.wrong(messages("c/1"), guarantee)).toHaveLength(1);
  });

  it("what is told last is the end, and a TRUNCATE is one", () => {
    expect(ledgerOf(WRITTEN).wrong(messages(...WRITTEN, "r/3"), guarantee)).not.toEqual([]);
    expect(ledgerOf(WRITTEN).wrongReloaded(messages(...WRITTEN, "r/3"), guarantee)).toHaveLength(1);
    expect(ledgerOf(WRITTEN).wrongReloaded(messages(...WRITTEN, "t"), guarantee)).not.toEqual([]);
    const emptied = ledgerOf(["c/1", "t"]);
    expect(emptied.wrongReloaded(messages("c/1", "t"), guarantee)).toEqual([]);
    expect(emptied.wrongReloaded(messages("c/1"), guarantee)).not.toEqual([]);
  });

  it("a table may be loaded again between its changes, each of which is told", () => {
    const reloaded = ["c/1", "r/2", "u/2", "d", "r/4", "c/3", "u/4", "r/4"];
    const ledger = ledgerOf(WRITTEN, true);
    expect(ledger.wrongReloaded(messages(...reloaded), guarantee)).toEqual([]);
    const without = reloaded.filter((told) => told !== "c/3");
    expect(ledger.wrongReloaded(messages(...without), guarantee)).toHaveLength(1);
    const lastly = [...reloaded.slice(0, -2), "r/4"];
    expect(ledger.wrongReloaded(messages(...lastly), guarantee)).toHaveLength(1);
  });

  it("values may be left out between where a table is loaded again, but not at the end", () => {
    const ledger = new TopicLedger();
    ledger.wrote("c", 1, { w: 1, a: 1 });
    ledger.wrote("u", 1, { w: 2, a: 2 });
    const tell = (...rows: readonly (readonly [op: string, row: object])[]) =>
      rows.map(([op, row]) => ({
        partition: 0,
        key: "1",
        value: JSON.stringify({ op, after: { id: 1, ...row } }),
      }));
    const short = [["c", { w: 1 }] as const, ["u", { w: 2 }] as const];
    const whole = tell(...short, ["r", { w: 2, a: 2 }]);
    expect(ledger.wrongReloaded(whole, guarantee)).toEqual([]);
    expect(ledger.wrong(whole, guarantee)).toHaveLength(1);
    expect(ledger.wrongReloaded(tell(...short), guarantee)).toHaveLength(1);
    ledger.dropped("a");
    expect(ledger.wrongReloaded(tell(...short), guarantee)).toEqual([]);
  });

  it("a row without a key is told behind the last load that was broken off", () => {
    const ledger = ledgerOf(["c/1"]);
    expect(ledger.wrongKeyless(messages("r/1", "t", "r/1"), guarantee)).toEqual([]);
    expect(ledger.wrongKeyless(messages("r/1", "t"), guarantee)).toHaveLength(1);
  });

  it("a row whose change was refused before its load is told by neither", () => {
    // What is refused is not written here.
    expect(ledgerOf(["c/1"]).wrongRefused([], guarantee)).toEqual([]);
    expect(ledgerOf(["c/1"], true).wrongRefused([], guarantee)).toHaveLength(1);
    expect(ledgerOf(["c/1", "u/3"]).wrongRefused(messages("u/3"), guarantee)).toEqual([]);
    expect(ledgerOf(["c/1", "u/3"]).wrongRefused(messages("c/1"), guarantee)).toHaveLength(1);
  });

  it("a row whose change was refused is told as it is by a load, and by nothing else", () => {
    const ledger = ledgerOf(["c/1"]);
    ledger.unsaid(1, { w: 3 });
    expect(ledger.wrongRefused(messages("c/1", "r/3"), guarantee)).toEqual([]);
    expect(ledger.wrongRefused(messages("c/1", "r/4"), guarantee)).toHaveLength(1);
    expect(ledger.wrongRefused(messages("c/1", "u/3"), guarantee)).toHaveLength(1);
    ledger.wrote("u", 1, { w: 5 });
    expect(ledger.wrongRefused(messages("c/1", "r/3"), guarantee)).toHaveLength(1);
  });

  it("a key that nobody wrote is found", () => {
    expect(new TopicLedger().wrong(messages("c/1"), guarantee)).toHaveLength(1);
    expect(new TopicLedger().wrongKeyless(messages("c/1"), guarantee)).toHaveLength(1);
  });
});

it.each([
  ["changes", ["c/1", "u/2", "c/1", "u/2", "d", "c/3", "u/4", "d", "c/3", "u/4"]],
  ["a load", ["r/3", "r/3", "u/4"]],
])("%s that are told again are wrong only where all is told once", (_what, told) => {
  expect(ledgerOf(WRITTEN).wrong(messages(...told), "at-least-once")).toEqual([]);
  expect(ledgerOf(WRITTEN).wrong(messages(...told), "exactly-once")).toHaveLength(1);
});

it("a row without a key that is told again is wrong only where all is told once", () => {
  const again = messages("c/1", "c/1");
  expect(ledgerOf(["c/1"]).wrongKeyless(again, "at-least-once")).toEqual([]);
  expect(ledgerOf(["c/1"]).wrongKeyless(again, "exactly-once")).toHaveLength(1);
});
