import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogBatch, LogItem } from "../model/change.ts";
import { tableId } from "../model/table.ts";
import { BatchBuilder, type BatchMark } from "./batch-builder.ts";

/** A place, and what was known when it was told. */
type Place = { readonly at: number; readonly known: number };

const place = (at: number, known = 0): Place => ({ at, known });
const compare = (a: Place, b: Place): number => a.at - b.at;
const item = (name: string): LogItem => ({
  kind: "truncate",
  table: tableId("public", name),
  position: place(0),
  transaction: null,
});

/** Adds rows of so many bytes behind each other, and passes each. */
function builder(known = { value: 0 }) {
  const batch = new BatchBuilder<Place>(place(0), place(0), compare, (p) =>
    place(p.at, known.value),
  );
  let at = 0;
  const add = (bytes: number): void => {
    at += 1;
    batch.add(item(String(at)), bytes);
    batch.passed(place(at));
  };
  return { batch, add, end: () => batch.passedBoundary(place((at += 1))) };
}

const told = (taken: LogBatch | null) =>
  taken === null
    ? null
    : {
        rows: taken.items.map((row) => (row.kind === "truncate" ? String(row.table) : "")),
        position: taken.position,
        acknowledge: taken.acknowledge,
        bytes: taken.bytes,
      };

describe("a batch that is held", () => {
  it("is given in the parts that it was cut into, each with what was known and acknowledged there", () => {
    const known = { value: 1 };
    const { batch, add, end } = builder(known);
    batch.hold();
    add(10);
    add(10);
    batch.cut();
    expect([batch.bytes, batch.gatheredBytes, batch.hasCut]).toEqual([0, 20, false]);
    add(5);
    expect([batch.bytes, batch.take()]).toEqual([5, null]);
    end();
    known.value = 2;
    batch.release();
    expect(batch.hasCut).toBe(true);
    const first = told(batch.take());
    expect(first).toEqual({
      rows: ["public.1", "public.2"],
      position: place(2, 1),
      acknowledge: place(0, 1),
      bytes: 20,
    });
    expect([batch.bytes, batch.gatheredBytes, batch.hasCut]).toEqual([5, 5, false]);
    const second = told(batch.take());
    expect(second).toEqual({
      rows: ["public.3"],
      position: place(4, 2),
      acknowledge: place(4, 2),
      bytes: 5,
    });
    expect(batch.take()).toBeNull();
  });

  it("tells of each part the time of what it holds, not of what came since", () => {
    const { batch, add, end } = builder();
    const times: unknown[] = [];
    batch.at(1_000);
    add(1);
    end();
    batch.hold();
    batch.at(2_000);
    add(10);
    times.push(batch.take()?.sourceTimeMs);
    batch.cut();
    add(10);
    end();
    batch.release();
    batch.at(3_000);
    add(1);
    for (let taken = batch.take(); taken !== null; taken = batch.take())
      times.push(taken.sourceTimeMs);
    expect(times).toEqual([1_000, 2_000, 3_000]);
  });

  it("forgets cuts of what never happened", () => {
    const { batch, add, end } = builder();
    batch.hold();
    add(10);
    batch.cut();
    const mark = batch.mark();
    add(10);
    batch.cut();
    add(1);
    batch.takeBack(mark);
    expect([batch.bytes, batch.gatheredBytes]).toEqual([0, 10]);
    add(3);
    expect([batch.bytes, batch.gatheredBytes]).toEqual([3, 13]);
    end();
    batch.release();
    expect(told(batch.take())?.bytes).toBe(10);
    expect(told(batch.take())?.bytes).toBe(3);
  });

  it("gives every row once, in order, at its place, however it is cut, held and taken back", () => {
    const steps = fc.array(fc.constantFrom("add", "cut", "hold", "back", "end", "take"), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (run) => {
        const { batch, add, end } = builder();
        let mark: BatchMark<Place> | null = null;
        let wanted: number[] = [];
        let inGroup = 0;
        const given: number[] = [];
        const take = (): void => {
          const taken = batch.take();
          for (const row of taken?.items ?? [])
            given.push(row.kind === "truncate" ? Number(row.table.split(".")[1]) : 0);
          expect(given).toEqual(wanted.slice(0, given.length));
        };
        let at = 0;
        for (const step of run) {
          if (step === "add") {
            add(1);
            wanted.push((at += 1));
            inGroup += 1;
          } else if (step === "cut" && mark !== null && batch.bytes > 0) batch.cut();
          else if (step === "hold" && mark === null) {
            batch.hold();
            mark = batch.mark();
            inGroup = 0;
          } else if (step === "back" && mark !== null) {
            batch.takeBack(mark);
            wanted = wanted.slice(0, wanted.length - inGroup);
            inGroup = 0;
          } else if (step === "end") {
            batch.release();
            mark = null;
            end();
            at += 1;
          } else if (step === "take") take();
        }
        batch.release();
        while (batch.gatheredBytes > 0) take();
        expect(given).toEqual(wanted);
      }),
    );
  });
});
