import { expect, it } from "vitest";
import type { Position } from "../model/position.ts";
import { hasPassedEnd } from "./passed-end.ts";
import { columnOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";
import type { TableDocument } from "./state-documents.ts";

const comparePositions = (one: Position, other: Position) => Number(one) - Number(other);
const loaded = { state: "INIT_SYNC", allPlanned: true, end: 20 } as const;

function tableWith(document: Partial<TableDocument>) {
  return tableOf(shapeOf([columnOf("id", 1)]), { ...loaded, ...document });
}

it("a table is what the log says once its load is over and its end is passed", () => {
  const asked = (document: Partial<TableDocument>, frontier: number) =>
    hasPassedEnd(tableWith(document), frontier, { comparePositions });
  expect([asked({}, 19), asked({}, 20)]).toEqual([false, true]);
  expect(asked({ allPlanned: false }, 30)).toBe(false);
  expect(asked({ end: null }, 30)).toBe(false);
});

it("a table whose log is about to tell that it is loaded again waits for that, where it is told without a row", () => {
  const table = tableWith({ outdated: true });
  expect(hasPassedEnd(table, 30, { comparePositions, tellsOutdated: true })).toBe(false);
  expect(hasPassedEnd(table, 30, { comparePositions })).toBe(true);
  table.update({ shape: table.shape });
  expect(hasPassedEnd(table, 30, { comparePositions, tellsOutdated: true })).toBe(true);
});
