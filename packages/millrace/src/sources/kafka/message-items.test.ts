import { beforeEach, describe, expect, it } from "vitest";
import { placeOf } from "../../formats/message-place.ts";
import { MessageReader, type ReaderOptions } from "../../formats/message-reader.ts";
import type { LogItem } from "../../model/change.ts";
import type { TableShape } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import { UNCHANGED } from "../../model/value.ts";
import { KnownTables } from "./known-tables.ts";
import { MessageItems } from "./message-items.ts";

const TABLE = { schema: "shop", table: "all" };
const ORDERS: TableShape = {
  id: tableId("shop", "orders"),
  schema: "shop",
  name: "orders",
  identity: "",
  columns: [
    {
      name: "id",
      type: { kind: "int", bits: 64 },
      sourceType: "int",
      nullable: false,
      ordinal: null,
    },
    {
      name: "big",
      type: { kind: "text", maxChars: null },
      sourceType: "text",
      nullable: true,
      ordinal: null,
    },
  ],
  key: [0],
};

let items: LogItem[];
let made: MessageItems;
let offset: number;

beforeEach(() => begin(ORDERS));

function begin(orders: TableShape, format: ReaderOptions["format"] = "debezium-json"): void {
  items = [];
  offset = 0;
  made = new MessageItems({
    reader: new MessageReader({ format, table: TABLE, unavailable: "gone" }),
    tables: new KnownTables(new Map([[orders.id, orders]]), new Map(), 1_000),
    matches: (_schema, name) => name === "orders",
    table: TABLE,
    truncate: "refuse",
    where: "all 0",
  });
}

function add(id: number | null, value: unknown): void {
  const key = id === null ? null : Buffer.from(JSON.stringify({ id }));
  const bytes = value === null ? null : Buffer.from(JSON.stringify(value));
  made.add({ offset: offset++, timeMs: 0, ...placeOf(key, bytes) }, items);
}

const created = (table: string, id: number): unknown => ({
  op: "c",
  after: { id },
  source: { schema: "shop", table },
});
const deleted = (table: string, id: number): unknown => ({
  op: "d",
  before: { id },
  source: { schema: "shop", table },
});

const told = (): readonly string[] =>
  items.map((item) =>
    item.kind === "change" ? `${item.op} ${String((item.after ?? item.before)?.[0])}` : item.kind,
  );

describe("tombstones in a topic of several tables", () => {
  it("of a table that is not wanted delete nothing of one that is", () => {
    add(7, created("orders", 7));
    add(7, created("notes", 7));
    add(7, deleted("notes", 7));
    add(7, null);
    expect(told()).toEqual(["c 7"]);
  });

  it("that stand alone are refused where they may be of several tables, wanted or not", () => {
    add(7, created("orders", 7));
    add(8, created("notes", 8));
    expect(() => add(7, null)).toThrow("nothing tells of which table's row");
  });

  it("behind their delete say nothing more, and alone delete what only one table has", () => {
    add(7, created("orders", 7));
    add(7, deleted("orders", 7));
    add(7, null);
    add(8, null);
    expect(told()).toEqual(["c 7", "d 7", "d 8"]);
  });
});

describe("a tombstone whose key has a member `TableId`", () => {
  const source = { schema: "shop", table: "orders" };
  const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
  const put = (key: object, value: unknown) =>
    made.add(
      {
        offset: offset++,
        timeMs: 0,
        ...placeOf(bytes(key), value === null ? null : bytes(value)),
      },
      items,
    );
  const rows = () =>
    items.flatMap((item) =>
      item.kind === "change" ? [[item.op, ...(item.after ?? item.before ?? [])]] : [],
    );

  it("deletes the row of a table that has such a column", () => {
    const [id, big] = ORDERS.columns;
    if (id === undefined || big === undefined) throw new Error("no columns");
    begin({ ...ORDERS, columns: [id, { ...big, name: "TableId", nullable: false }], key: [0, 1] });
    const key = { id: 7, TableId: "x" };
    put(key, { op: "c", after: key, source });
    put(key, null);
    put({ id: 8, TableId: "y" }, null);
    expect(rows()).toEqual([
      ["c", "7", "x"],
      ["d", "7", "x"],
      ["d", "8", "y"],
    ]);
  });

  it("deletes the row of the table that it names where none has such a column", () => {
    const key = { TableId: "shop.orders", id: 7 };
    put(key, { op: "c", after: { id: 7, big: "x" }, source });
    put(key, null);
    expect(rows()).toEqual([
      ["c", "7", "x"],
      ["d", "7", UNCHANGED],
    ]);
  });
});

describe("values that a message leaves out", () => {
  const source = { schema: "shop", table: "orders" };
  const rows = (): unknown => items.map((item) => item.kind === "change" && [item.op, item.after]);

  it("are the sink's or a dead letter also where the row came, as the new half of a key change does", () => {
    add(7, { op: "c", after: { id: 7, big: "gone" }, source });
    add(8, { op: "c", after: { id: 8, big: "x" }, source });
    expect(rows()).toEqual([
      ["u", ["7", UNCHANGED]],
      ["c", ["8", "x"]],
    ]);
  });

  it("are the old row's where there is no key, and refused where nobody has them", () => {
    begin({ ...ORDERS, key: [] });
    const before = { id: 7, big: "x" };
    add(null, { op: "u", before, after: { id: 8, big: "gone" }, source });
    expect(rows()).toEqual([["u", ["8", "x"]]]);
    expect(() => add(null, { op: "c", after: { id: 9, big: "gone" }, source })).toThrow(
      "leaves out a value",
    );
  });
});
