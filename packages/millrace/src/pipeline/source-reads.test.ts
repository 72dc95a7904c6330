import { describe, expect, it } from "vitest";
import type { Position } from "../model/position.ts";
import type { Source, SourceSnapshot } from "../model/source.ts";
import { changeOf, instantClock, itemOf, tableOf } from "./pipeline-parts.fixture.ts";
import { SourceReads } from "./source-reads.ts";

const LOG_END = 70;

/** A source whose only row is the one with key `a`, at the log end 70, and which states were made durable. */
function reading(end: number | null, written = Promise.resolve()) {
  const table = tableOf(undefined, { end });
  const durable: unknown[] = [];
  const snapshot: Partial<SourceSnapshot> = {
    logEnd: LOG_END,
    sees: () => true,
    readRows: () => Promise.resolve(new Map([["a", ["a", "now", "big"]]])),
    close: () => Promise.resolve(),
  };
  const source: Partial<Source> = {
    keyText: (_shape, row) => String(row[0]),
    comparePositions: (a: Position, b: Position) => Number(a) - Number(b),
    openSnapshot: () => Promise.resolve(snapshot as SourceSnapshot),
  };
  const reads = new SourceReads({
    source: source as Source,
    clock: instantClock(),
    random: () => 0.5,
    signal: new AbortController().signal,
    maxValueBytes: 1_000,
    writeState: (documents) => {
      durable.push(...documents.map(({ read }) => read()));
      return written;
    },
    currentShape: () => Promise.resolve(null),
  });
  const { route } = itemOf(table, "put", ["a", "1", "2"], 5);
  const change = changeOf("u", { after: ["a", "1", "2"] }, 5);
  return { table, durable, read: () => reads.read([{ table, change, route }]) };
}

describe("a row that is read at the source for what the log left out", () => {
  it("moves the table's end to where the source's log ended then, durably, and takes it out of SYNC", async () => {
    const { table, durable, read } = reading(10);
    expect(await read()).toEqual([["a", "now", "big"]]);
    expect([table.document.end, table.document.state]).toEqual([LOG_END, "INIT_SYNC"]);
    expect(durable).toMatchObject([{ end: LOG_END, state: "INIT_SYNC" }]);
  });

  it("is not given to a second reader before the end that the first one moved is durable", async () => {
    const written = Promise.withResolvers<void>();
    const { read } = reading(10, written.promise);
    const told: string[] = [];
    const both = ["first", "second"].map((name) => read().then(() => told.push(name)));
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect(told).toEqual([]);
    written.resolve();
    await Promise.all(both);
    expect(told).toEqual(["first", "second"]);
  });

  it("leaves an end alone that is behind it", async () => {
    const { table, durable, read } = reading(LOG_END);
    await read();
    expect([table.document.state, durable]).toEqual(["SYNC", []]);
  });
});
