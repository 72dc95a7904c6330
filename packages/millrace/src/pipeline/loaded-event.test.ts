import { describe, expect, it } from "vitest";
import type { Row } from "../model/value.ts";
import { BatchContent } from "./batch-content.ts";
import { addEvents } from "./batch-events.ts";
import { toChangeEvent } from "./compaction.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { RowItem } from "./lane-item.ts";
import { deafObserver } from "./observer.ts";
import { instantClock, itemOf, lineOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";

const table = tableOf(shapeOf(), { state: "INIT_SYNC", generation: 7 });
const row: Row = ["a", "1", null];

function lineItem(told: () => void): RowItem {
  const [route] = table.routesFor(table.shape);
  if (route === undefined) throw new Error("no route");
  return RowItem.ofLine(table, route, lineOf(row, table.shape, told), 10);
}

describe("rows of a load that are lines, for a sink where each change matters", () => {
  it("are told as their values would be, which nobody has made before they are asked for", () => {
    const book = new DeadLetterBook({ policy: "park", maxPerTable: 100, maxShare: 1 }, []);
    const content = new BatchContent({ book, observer: deafObserver, clock: instantClock() });
    let made = 0;
    const lined = lineItem(() => made++);
    const read = itemOf(table, "put", row, null, "r");
    expect(addEvents(content, [lined, read], new Map())).toBeNull();
    const [write] = content.writes;
    if (write?.kind !== "changes") throw new Error("no changes");
    expect(made).toBe(0);
    const [told, expected] = write.changes;
    for (const name of Object.keys(toChangeEvent(read)))
      expect(Reflect.get(told ?? {}, name), name).toEqual(Reflect.get(expected ?? {}, name));
    expect(told?.line).toBe(lined.line);
    expect(made).toBe(1);
  });
});
