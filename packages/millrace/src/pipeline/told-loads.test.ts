import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import { ByteBudget } from "./byte-budget.ts";
import { ChunkProgress } from "./chunk-progress.ts";
import { enterRows } from "./chunk-rows.ts";
import { Lane, type LaneParts } from "./lane.ts";
import { LaneChoice } from "./lane-choice.ts";
import type { LaneItem, RowItem } from "./lane-item.ts";
import { changeOf, forkedTableOf, shapeOf, standingOf, tableOf } from "./pipeline-parts.fixture.ts";
import type { ChunkDocument } from "./state-documents.ts";
import { tellsLoads, ToldLoads } from "./told-loads.ts";

const shape = shapeOf();
const CHUNK: ChunkDocument = { v: 1, n: 3, from: null, to: null, rows: 0 };

/** A lane that remembers what came. */
class Listening extends Lane {
  readonly items: LaneItem[] = [];

  override pushLoad(item: LaneItem): void {
    this.items.push(item);
  }
}

/** A chunk of a table that is read into a lane which never works by itself. */
function reading(document: ChunkDocument = CHUNK, table = tableOf(shape, { state: "INIT_SYNC" })) {
  const lane = new Listening(0, standingOf(), {} as LaneParts);
  const parts = {
    source: { keyText: (_shape: unknown, row: readonly unknown[]) => String(row[0]) },
    lanes: [lane],
    choice: new LaneChoice(1, {}),
    chunkBytes: new ByteBudget(1_000).account(1),
    takesLines: false,
    tellsLoads: true,
    clock: systemClock,
    writeState: () => Promise.reject(new Error("it goes with the rows")),
  };
  table.chunks.set(document.n, document);
  const progress = new ChunkProgress(parts, table, document);
  const window = table.windows.open(1_000);
  const enter = (keys: string, lastKey: string | null = keys.at(-1) ?? null): void => {
    const rows = [...keys].map((key) => changeOf("r", { after: [key, "v", "b"] }, null));
    const weights = { bytes: 10 * rows.length, sentBytes: 0 };
    parts.chunkBytes.tryTake(weights.bytes);
    const batch = progress.begin({ rows, lastKey });
    enterRows(parts, table, { rows, lastKey, ...weights }, window, batch);
    progress.sent(batch);
  };
  const rows = (): RowItem[] => lane.items.filter((item) => item.kind === "row");
  /** So many more rows are durable; gives what their transaction says of the chunk. */
  const land = (count: number): unknown => {
    const told = ToldLoads.of(rows().slice(0, count));
    const [said] = told?.state() ?? [];
    told?.landed();
    lane.items.splice(0, lane.items.indexOf(rows()[count - 1] as RowItem) + 1);
    return said?.value;
  };
  return { table, progress, enter, land, rows, chunkBytes: parts.chunkBytes };
}

describe("rows of a load that are told once", () => {
  it("have their chunk's document in their transaction, with the key of the last whole batch and the rows beyond it", () => {
    const { enter, land, table } = reading();
    const target = table.targets[0]?.target.id ?? "";
    enter("abc");
    enter("de");
    const kept = { v: 1, n: 3, to: null };
    expect(land(2)).toEqual({
      ...kept,
      from: null,
      rows: 0,
      told: { [target]: ["a", "b"] },
      loaded: 0,
    });
    expect(land(2)).toEqual({ ...kept, from: "c", rows: 3, told: { [target]: ["d"] }, loaded: 3 });
    expect(land(1)).toEqual({ ...kept, from: "e", rows: 5, loaded: 5 });
    expect(table.document.rowsLoaded).toBe(5);
  });

  it("stay named where no key is known to go on behind, as at the end of a segment", () => {
    const { enter, land, table } = reading();
    const target = table.targets[0]?.target.id ?? "";
    enter("ab", null);
    expect(land(2)).toMatchObject({ from: null, told: { [target]: ["a", "b"] } });
  });

  it("are not told again to the target that has them, and give back what they held", () => {
    const table = forkedTableOf(shape, { state: "INIT_SYNC" });
    const [one, other] = table.targets.map(({ target }) => target.id);
    const before = { ...CHUNK, told: { [String(one)]: ["a", "b"], [String(other)]: ["a"] } };
    const { enter, land, rows, progress, chunkBytes } = reading(before, table);
    // Of other sizes than those that were told.
    enter("a");
    enter("bc");
    expect(rows().map(({ key, route }) => [key, route.target.id])).toEqual([
      ["b", other],
      ["c", one],
      ["c", other],
    ]);
    expect(chunkBytes.usedBytes).toBe(20);
    expect(land(1)).toMatchObject({
      from: "a",
      told: { [String(one)]: ["b"], [String(other)]: ["b"] },
    });
    expect(land(2)).not.toHaveProperty("told");
    expect(progress.document.from).toBe("c");
  });

  it("say nothing of a chunk that is not the table's any more", () => {
    const { enter, land, table } = reading();
    enter("ab");
    table.chunks.clear();
    expect(land(1)).toBeUndefined();
    expect(table.chunks.size).toBe(0);
  });

  it("are those of sinks with one lane where every message counts", () => {
    const sink = {
      transactional: true,
      maxRowsPerCommit: 1,
      maxBytesPerCommit: 1,
      maxValueBytes: 1,
    };
    const tells = (maxLanes: number, lastWriteWins: boolean): boolean =>
      tellsLoads({ ...sink, maxLanes, lastWriteWins, partialUpdates: false });
    expect([tells(1, false), tells(1, true), tells(8, false)]).toEqual([true, false, false]);
  });
});
