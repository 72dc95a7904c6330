import { describe, expect, it } from "vitest";
import type { Row } from "../model/value.ts";
import { BatchContent } from "./batch-content.ts";
import { addEvents } from "./batch-events.ts";
import { toChangeEvent } from "./compaction.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { RowItem } from "./lane-item.ts";
import { deafObserver } from "./observer.ts";
import { instantClock, loggedOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";

const table = tableOf(shapeOf(), { state: "INIT_SYNC", generation: 7 });
const old: Row = ["a", "1", null];
const now: Row = ["a", "2", null];

describe("changes that are a log's bytes, for a sink where each change matters", () => {
  it.each(["c", "u", "d"] as const)(
    "are told (%s) as their values would be, which nobody has made before they are asked for",
    (op) => {
      const [route] = table.routesFor(table.shape);
      if (route === undefined) throw new Error("no route");
      let made = 0;
      const rows = { before: op === "c" ? null : old, after: op === "d" ? null : now };
      const change = loggedOf(op, table.shape, rows, 3, () => made++);
      const logged = RowItem.ofLogged(table, route, change, 10);
      const book = new DeadLetterBook({ policy: "park", maxPerTable: 100, maxShare: 1 }, []);
      const content = new BatchContent({ book, observer: deafObserver, clock: instantClock() });
      expect(addEvents(content, [logged], new Map())).toBeNull();
      const [write] = content.writes;
      if (write?.kind !== "changes") throw new Error("no changes");
      const [told] = write.changes;
      expect([told?.logged, made]).toEqual([change, 0]);
      const { key, position, write: what } = logged;
      const read = new RowItem(what, table, route, key, logged.row, position, change.read(), 10);
      const expected = toChangeEvent(read);
      for (const name of Object.keys(expected))
        expect(Reflect.get(told ?? {}, name), name).toEqual(Reflect.get(expected, name));
      expect(read.row).toEqual(op === "d" ? old : now);
    },
  );
});
