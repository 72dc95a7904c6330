import { describe, expect, it } from "vitest";
import type { RowItem } from "./lane-item.ts";
import { RowItem as Item } from "./lane-item.ts";
import { oneLane } from "./lane.fixture.ts";
import { LINES_BYTES, linesPerCommit } from "./lines-per-commit.ts";
import { itemOf, lineOf, standingOf, tableOf } from "./pipeline-parts.fixture.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";

const loading = tableOf(undefined, { state: "INIT_SYNC" });
const read = (key: string) => itemOf(loading, "put", [key, "v", "b"], null, "r");
const change = (key: string, at: number) => itemOf(loading, "put", [key, "v", "b"], at);

function line(key: string, bytes: number): RowItem {
  const [route] = loading.routesFor(loading.shape);
  if (route === undefined) throw new Error("the table has no route");
  return Item.ofLine(
    loading,
    route,
    lineOf([key, "v", "b"], loading.shape, undefined, bytes),
    bytes,
  );
}

/** How many rows each transaction has of a load of these, at a sink that takes ten lines where others go in twos. */
async function transactionsOf(items: readonly RowItem[]): Promise<readonly number[]> {
  const asked = { maxRows: 2, maxBytes: 4 * LINES_BYTES };
  const sink = new ScriptedSink(1, { linesPerCommit: 10 });
  const { lane, stop } = oneLane(asked, {}, standingOf(), sink);
  for (const item of items) lane.pushLoad(item);
  const running = lane.run();
  await lane.loadsPassedSoFar();
  stop.abort();
  await running;
  return sink.landed.map(({ writes }) =>
    writes.reduce((sum, write) => sum + ("rows" in write ? write.rows.length : 0), 0),
  );
}

const keys = Array.from({ length: 12 }, (_, i) => `${i}`);

describe("lines of one transaction", () => {
  it("are more than rows with values where they are short", async () => {
    expect(await transactionsOf(keys.map((key) => line(key, 1_000)))).toEqual([10, 2]);
    expect(await transactionsOf(keys.map(read))).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it("are as many as the bytes of all of them let be, and no fewer than rows with values", async () => {
    const fourth = Math.floor(LINES_BYTES / 4);
    expect(await transactionsOf(keys.map((key) => line(key, fourth)))).toEqual([4, 4, 4]);
    expect(await transactionsOf(keys.slice(0, 4).map((key) => line(key, LINES_BYTES)))).toEqual([
      2, 2,
    ]);
  });

  it("are as many as any others at a sink that does not ask for more, and of a log", () => {
    expect(linesPerCommit({}, 3_000, line("1", 300))).toBe(3_000);
    expect(linesPerCommit({ linesPerCommit: 9_000 }, 3_000, change("1", 1))).toBe(3_000);
    expect(linesPerCommit({ linesPerCommit: 9_000 }, 3_000, undefined)).toBe(3_000);
    expect(linesPerCommit({ linesPerCommit: 9_000 }, 3_000, line("1", 300))).toBe(9_000);
  });

  it("wants more of a load until as many wait", () => {
    const sink = new ScriptedSink(1, { linesPerCommit: 4 });
    const { lane } = oneLane({ maxBytes: LINES_BYTES }, {}, standingOf(), sink);
    for (const key of ["1", "2", "3"]) lane.pushLoad(line(key, 1_000));
    expect(lane.hungryForLoads).toBe(true);
    lane.pushLoad(line("4", 1_000));
    expect(lane.hungryForLoads).toBe(false);
  });
});
