import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "../model/position.ts";
import { columnOf, documentOf, shapeOf } from "./pipeline-parts.fixture.ts";
import {
  entry,
  loadState,
  stateKey,
  type ChunkDocument,
  type FrontierDocument,
  type HistoryDocument,
  type IntentDocument,
  type PartsDocument,
  type PipelineDocument,
  type ReleasedDocument,
} from "./state-documents.ts";

const shape = shapeOf([columnOf("id", 1, "bigint"), columnOf("v", 2)]);
const pipeline: PipelineDocument = { v: 1, identity: { system: "7", database: "shop" }, lanes: 4 };
const frontier: FrontierDocument = {
  v: 1,
  position: [10, 0, 0],
  acknowledge: [9, 0, 0],
  unseen: ["741"],
};
const history: HistoryDocument = { v: 1, log: { timeline: 1, left: [], started: "2026" } };
const chunk: ChunkDocument = { v: 1, n: 3, from: ["100"], to: null, rows: 12 };
const table = documentOf(shape, {
  planned: ["100"],
  end: [10, 0, 0],
  nextChunk: 4,
  rowsLoaded: 112,
  estimatedRows: 200,
});
const parts: PartsDocument = { v: 1, identity: "16384", parts: { "16390": "16390" } };
const intent: IntentDocument = {
  v: 1,
  kind: "shape",
  table: shape.id,
  position: [10, 4, 1],
  acknowledge: [9, 0, 0],
  unseen: ["741"],
  tag: "000010_000004_000001",
  shape,
  previous: shape,
  rewritten: ["v"],
  aheadOfLog: false,
};
const released: ReleasedDocument = { v: 1, fence: 3 };

/** Every document under its key, as it is stored. A change of this file is a change of what older versions wrote. */
const entries = [
  entry(stateKey.pipeline, pipeline),
  entry(stateKey.frontier, frontier),
  entry(stateKey.history, history),
  { key: stateKey.checkpoint(3), value: [10, 4, 3] },
  entry(stateKey.table(shape.id), table),
  entry(stateKey.parts(shape.id), parts),
  entry(stateKey.chunk(shape.id, 3), chunk),
  entry(stateKey.intent, intent),
  entry(stateKey.released, released),
];

describe("state documents", () => {
  it("have the forms of the golden file", async () => {
    const stored = Object.fromEntries(entries.map(({ key, value }) => [key, value]));
    await expect(`${JSON.stringify(stored, null, 2)}\n`).toMatchFileSnapshot(
      "golden/state-documents.json",
    );
  });

  it("are read back from the golden file as they were", () => {
    const text = readFileSync(new URL("golden/state-documents.json", import.meta.url), "utf8");
    const state = loadState(new Map(Object.entries(JSON.parse(text) as Record<string, Json>)));
    expect(state).toEqual({
      pipeline,
      frontier,
      history,
      intent,
      checkpoints: new Map([[3, [10, 4, 3]]]),
      tables: new Map([[shape.id, table]]),
      parts: new Map([[shape.id, parts]]),
      chunks: [{ table: shape.id, chunk }],
    });
  });

  it("names with slashes find their way back", () => {
    const odd = { ...shape, id: stateKey.table(shape.id) as typeof shape.id };
    const state = loadState(
      new Map([
        [stateKey.chunk(odd.id, 3), entry("x", chunk).value],
        [stateKey.table(odd.id), entry("x", table).value],
      ]),
    );
    expect([state.chunks[0]?.table, [...state.tables.keys()][0]]).toEqual([odd.id, odd.id]);
  });

  it("nothing at all is a pipeline that has not begun", () => {
    expect(loadState(new Map())).toMatchObject({
      pipeline: null,
      frontier: null,
      intent: null,
      chunks: [],
    });
  });

  it("of another version are refused, each by its name", () => {
    for (const key of [
      "pipeline",
      "frontier/log",
      "intent",
      "table/shop.orders",
      "chunk/1/shop.orders",
    ])
      for (const value of [{ v: 2 }, {}, null, "text"])
        expect(() => loadState(new Map([[key, value]]))).toThrow(
          `MR_STATE_VERSION: state document "${key}"`,
        );
  });

  it("are copies: what changes later does not reach them", () => {
    const live = { v: 1, list: [1] };
    const stored = entry("x", live);
    live.list.push(2);
    expect(stored).toEqual({ key: "x", value: { v: 1, list: [1] } });
    expect(entry("x", null)).toEqual({ key: "x", value: null });
  });
});
