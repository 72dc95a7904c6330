import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import { ByteBudget } from "./byte-budget.ts";
import { ChunkProgress } from "./chunk-progress.ts";
import { type ChunkRowParts, enterRows, linesWanted, takesLinesOf } from "./chunk-rows.ts";
import { Lane, type LaneParts } from "./lane.ts";
import { LaneChoice } from "./lane-choice.ts";
import type { RowItem } from "./lane-item.ts";
import {
  changeOf,
  forkedTableOf,
  lineOf,
  shapeOf,
  standingOf,
  tableOf,
} from "./pipeline-parts.fixture.ts";
import type { ChunkDocument } from "./state-documents.ts";

const LANES = 8;
const KEYS = Array.from({ length: 100 }, (_, i) => String(i));

/** A lane that remembers what came. */
class Listening extends Lane {
  readonly items: RowItem[] = [];

  get keys(): string[] {
    return this.items.map(({ key }) => key);
  }

  override pushLoad(item: Parameters<Lane["pushLoad"]>[0]): void {
    if (item.kind === "row") this.items.push(item);
  }
}

function entering(takesLines = true, tellsLoads = false) {
  // Nothing of its parts is used by a lane that never works.
  const lanes = KEYS.slice(0, LANES).map((_, i) => new Listening(i, standingOf(), {} as LaneParts));
  const parts: ChunkRowParts = {
    source: { keyText: (_shape, row) => String(row[0]) },
    lanes,
    choice: new LaneChoice(LANES, {}),
    chunkBytes: new ByteBudget(1_000_000).account(1),
    takesLines,
    tellsLoads,
  };
  return { lanes, parts, table: tableOf(shapeOf(), { state: "INIT_SYNC" }) };
}

function progressOf({ parts, told = {} }: { parts: ChunkRowParts; told?: ChunkDocument["told"] }) {
  const clock = systemClock;
  const table = forkedTableOf(shapeOf(), { state: "INIT_SYNC" });
  const document: ChunkDocument = { v: 1, n: 0, from: null, to: null, rows: 0, told };
  table.chunks.set(0, document);
  const writeState = () => Promise.resolve();
  return { table, progress: new ChunkProgress({ ...parts, clock, writeState }, table, document) };
}

describe("rows of a chunk", () => {
  it("stand in the budget until each of their targets has them, whole or as lines", () => {
    const { lanes, parts } = entering();
    const table = forkedTableOf(shapeOf(), { state: "INIT_SYNC" });
    const window = table.windows.open(1_000);
    const after = ["a", "v", "b"];
    const rows = [changeOf("r", { after }, null)];
    const lines = [lineOf(["z", "v", "b"])];
    parts.chunkBytes.tryTake(20);
    const batch = { rows, lines, bytes: 20, sentBytes: 20, lastKey: "z" };
    enterRows(parts, table, batch, window, progressOf({ parts }).progress.begin(batch));
    const entered = lanes.flatMap(({ items }) => items);
    const ofKey = (key: string) => entered.filter((item) => item.key === key);
    expect(parts.chunkBytes.usedBytes).toBe(20);
    for (const key of ["a", "z"]) expect(ofKey(key).map((item) => item.letGo())).toEqual([0, 10]);
  });
});

describe("rows of a chunk that may come as lines", () => {
  it("share what keeps them alive with those of their lane alone", () => {
    const { lanes, parts, table } = entering();
    const { lines } = linesWanted(parts, table);
    const sent = KEYS.map((key) => lineOf([key, "v", "b"]));
    const batch = { rows: [], lines: sent, bytes: 1_000, sentBytes: 1_000, lastKey: "99" };
    const window = table.windows.open(1_000);
    enterRows(parts, table, batch, window, progressOf({ parts }).progress.begin(batch));
    const together = KEYS.slice(0, LANES).map((_, i) => KEYS.filter((key) => lines?.(key) === i));
    expect(lanes.map(({ keys }) => keys)).toEqual(together);
    expect(together.every((keys) => keys.length > 0)).toBe(true);
  });

  it("are rows all the same where the sink does not take lines", () => {
    const { parts, table } = entering(false);
    expect(linesWanted(parts, table)).toEqual({});
  });

  it("come as lines only where the sink writes from lines as this source has them", () => {
    const packet = { lineLayout: "packet" } as const;
    expect(takesLinesOf({}, { takesLines: true })).toBe(true);
    expect(takesLinesOf({}, { takesPackets: true })).toBe(false);
    expect(takesLinesOf(packet, { takesLines: true })).toBe(false);
    expect(takesLinesOf(packet, { takesPackets: true })).toBe(true);
    expect(takesLinesOf(packet, {})).toBe(false);
  });
});
