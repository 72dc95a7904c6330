import { describe, expect, it } from "vitest";
import { eventText } from "../cli/event-text.ts";
import { type Column, tableId } from "../model/table.ts";
import { BarrierIntents } from "./barrier-intents.ts";
import { deafObserver } from "./observer.ts";
import { columnOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";

const id = columnOf("id", 1, "bigint");

describe("the intent of a barrier", () => {
  it("puts away under names of its own, also at a place where a barrier was before", () => {
    const committer = { moment: "3_7" };
    const intents = new BarrierIntents({
      source: { positionText: String },
      settings: { schemaChangeBehavior: "evolve", dropTables: true },
      observer: deafObserver,
      committer,
      acknowledged: () => null,
      unseen: () => [],
    });
    const table = tableOf(shapeOf([id, columnOf("a", 2, "integer")]));
    const tagOf = (...columns: Column[]): string => {
      const item = { kind: "shape", shape: shapeOf(columns), position: 10 } as const;
      const told = { ...item, previous: table.shape, rewritten: [], transaction: null };
      return intents.of(told, table)?.tag ?? "none";
    };
    const retyped = tagOf(id, columnOf("a", 2, "text"));
    // The intent itself was a commit of lane 0.
    committer.moment = "3_8";
    const dropped = tagOf(id);
    // A sink takes a column for put away where its name under the tag is there.
    expect(dropped).not.toBe(retyped);
  });

  it.each([
    ["evolve", ["s.t: rewrite of b applied", "s.t: the source rewrote b in rows that were there"]],
    ["ignore", ["s.t: rewrite of b ignored"]],
  ] as const)(
    "says of a rewrite of a shape that the table has already what it is: %s",
    (schemaChangeBehavior, lines) => {
      const told: (string | null)[] = [];
      const intents = new BarrierIntents({
        source: { positionText: String },
        settings: { schemaChangeBehavior, dropTables: false },
        observer: {
          ...deafObserver,
          event: (event) => void told.push(eventText({ ...event, pipeline: "p", atMs: 0 })),
        },
        committer: { moment: "3_7" },
        acknowledged: () => null,
        unseen: () => [],
      });
      const table = tableOf(shapeOf([id, columnOf("b", 2, "integer")]));
      const item = {
        kind: "shape",
        shape: table.shape,
        previous: table.shape,
        position: 10,
      } as const;
      intents.of({ ...item, rewritten: ["b"], transaction: null }, table);
      expect(told.map((line) => line?.replace(/^[^:]+/, "s.t").replace(/, without.*/, ""))).toEqual(
        lines,
      );
    },
  );

  it.each([
    ["evolve", "gave rows that were there a value of added, without row events"],
    ["ignore", null],
  ] as const)(
    "says why a table is loaded again whose new column came with values: %s",
    (schemaChangeBehavior, why) => {
      const told: string[] = [];
      const intents = new BarrierIntents({
        source: { positionText: String },
        settings: { schemaChangeBehavior, dropTables: false },
        observer: {
          ...deafObserver,
          event: (event) => void (event.type === "notice" && told.push(event.message)),
        },
        committer: { moment: "3_7" },
        acknowledged: () => null,
        unseen: () => [],
      });
      const table = tableOf(shapeOf([id]));
      const tell = (column: Column, rewritten: readonly string[]) => {
        const shape = shapeOf([id, column]);
        const item = { kind: "shape", shape, previous: table.shape, position: 10 } as const;
        intents.of({ ...item, rewritten, transaction: null }, table);
      };
      tell(columnOf("plain", 2), []);
      tell(columnOf("added", 2), ["added"]);
      expect(told).toEqual(
        why === null
          ? []
          : [`the source ${why} (a default, or computed): the table is loaded again`],
      );
    },
  );

  it("says of a table that is gone what the source says", () => {
    const told: string[] = [];
    const intents = new BarrierIntents({
      source: { positionText: String },
      settings: { schemaChangeBehavior: "evolve", dropTables: false },
      observer: {
        ...deafObserver,
        event: (event) => void (event.type === "notice" && told.push(event.message)),
      },
      committer: { moment: "3_7" },
      acknowledged: () => null,
      unseen: () => [],
    });
    const table = tableOf(shapeOf([id]));
    const gone = { kind: "dropped", table: table.id, position: 10, transaction: null } as const;
    intents.of(gone, table);
    intents.of({ ...gone, renamedTo: tableId("s", "new") }, table);
    expect(told).toEqual([
      "the source dropped this table, or gave it another name; the target is kept",
      "the source gave this table the name s.new; the target is kept",
    ]);
  });
});
