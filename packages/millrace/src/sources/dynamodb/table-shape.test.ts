import { describe, expect, it } from "vitest";
import { parseColumnRules } from "../../schema/document-columns.ts";
import type { Item } from "./api.ts";
import { MESSAGE_COLUMNS, TABLE_COLUMNS, type ColumnsOptions } from "./columns-options.ts";
import { description } from "./items.fixture.ts";
import { needsSample, shapeFacts, tableShape } from "./table-shape.ts";

const table = description();
const key = { id: { S: "k" }, n: { N: "1" } };

function columnsOf(
  options: Partial<ColumnsOptions>,
  sample: readonly Item[] | null = null,
): string[] {
  const { shape } = tableShape(table, { ...TABLE_COLUMNS, ...options }, sample);
  return shape.columns.map(
    ({ name, sourceType, nullable }) => `${name} ${sourceType}${nullable ? "" : " not null"}`,
  );
}

const KEY_AND_DOCUMENT = [
  "id text not null",
  "n decimal not null",
  "document rest item, plain not null",
];

describe("the shape of a table", () => {
  it("is its key, typed by the key schema, and the document", () => {
    expect(columnsOf({})).toEqual(KEY_AND_DOCUMENT);
    const { shape } = tableShape(table, TABLE_COLUMNS, null);
    expect(shape).toMatchObject({ id: "public.orders", key: [0, 1] });
    expect(shape.identity).toContain(table.tableId);
  });

  it("has the columns that rules give this table", () => {
    const rules = parseColumnRules("orders: a.b as ab text, c bigint; lines: d text");
    expect(columnsOf({ rules })).toEqual([
      ...KEY_AND_DOCUMENT.slice(0, 2),
      "ab text",
      "c bigint",
      "document rest item, plain not null",
    ]);
  });

  it("gives key columns the name that a rule has for them, and never another type", () => {
    const rules = parseColumnRules("orders: id as order_id text");
    expect(columnsOf({ rules })[0]).toBe("order_id text not null");
    const { shape } = tableShape(table, { ...TABLE_COLUMNS, rules }, null);
    expect(shape.columns.map(({ sourceName }) => sourceName)).toEqual(["id", undefined, undefined]);
    expect(() => columnsOf({ rules: parseColumnRules("orders: n bigint") })).toThrow(
      "its key schema says decimal",
    );
  });

  it.each([
    ["orders: a as x text, b as x text", 'a and b would both be column "x"'],
    ["orders: a as id text", 'id and a would both be column "id"'],
    ["orders: document text", 'the document and document would both be column "document"'],
    [`orders: a as ${"x".repeat(64)} text`, "more than 63 bytes"],
  ])("is refused where names collide: %s", (rules, why) => {
    expect(() => columnsOf({ rules: parseColumnRules(rules) })).toThrow(why);
  });

  it("has of a sample what a share of its items has, NULL not counted", () => {
    const items = Array.from({ length: 10 }, (_, n) => ({
      ...key,
      ...(n < 3 ? { few: { S: "x" } } : { few: { NULL: true } }),
      ...(n < 4 ? { more: { S: "x" } } : {}),
    }));
    const [, , ...seen] = columnsOf({ sampleShare: 0.4 }, items as readonly Item[]);
    expect(seen).toEqual(["more text", "document rest item, plain not null"]);
    expect(columnsOf({ sampleShare: 0.3 }, items as readonly Item[])).toContain("few text");
  });

  it("has what a sample shows, where no rule names the table", () => {
    const sample = [
      { ...key, a: { S: "x" }, b: { N: "1" }, document: { S: "x" }, mixed: { S: "x" } },
      { ...key, a: { NULL: true }, c: { BOOL: true }, mixed: { N: "1" }, map: { M: {} } },
    ] as const;
    expect(columnsOf({}, sample)).toEqual([
      ...KEY_AND_DOCUMENT.slice(0, 2),
      "a text",
      "b decimal",
      "c boolean",
      "document rest item, plain not null",
    ]);
    expect(columnsOf({ document: { ...TABLE_COLUMNS.document, column: "rest" } }, sample)).toEqual([
      ...KEY_AND_DOCUMENT.slice(0, 2),
      "a text",
      "b decimal",
      "c boolean",
      "document text",
      "rest rest item, plain not null",
    ]);
    const rules = parseColumnRules("orders: b text");
    expect(columnsOf({ rules }, sample)).not.toContain("a text");
    expect(columnsOf({ sampleItems: 0 }, sample)).toEqual(KEY_AND_DOCUMENT);
    const { inference } = tableShape(table, TABLE_COLUMNS, sample);
    const why = inference?.attributes.map((each) => `${each.name} ${each.count}: ${each.why}`);
    expect(why?.toSorted()).toEqual([
      "a 1: it is always S",
      "b 1: it is always N",
      "c 1: it is always BOOL",
      "document 1: another column has its name",
      "map 1: it is M",
      "mixed 2: it has several types: S, N",
    ]);
  });

  it("leaves rare attributes, and names that no column can have, in the document", () => {
    const items = Array.from({ length: 20 }, (_, at) => ({
      ...key,
      ["y".repeat(64)]: { S: "x" },
      ...(at === 0 ? { rare: { S: "x" } } : {}),
      ...(at < 2 ? { often: { S: "x" } } : {}),
    }));
    expect(columnsOf({}, items)).toEqual([
      ...KEY_AND_DOCUMENT.slice(0, 2),
      "often text",
      "document rest item, plain not null",
    ]);
  });

  it("stays what the pipeline has of it, whatever another sample shows", () => {
    const first = tableShape(table, TABLE_COLUMNS, [{ ...key, a: { S: "x" } }]).shape;
    const kept: typeof first = JSON.parse(JSON.stringify(first));
    expect(needsSample(table, TABLE_COLUMNS, kept)).toBe(false);
    expect(tableShape(table, TABLE_COLUMNS, null, kept).shape).toEqual(first);
    const anew = description({ tableId: "another" });
    const { identity, ...rest } = tableShape(anew, TABLE_COLUMNS, null, kept).shape;
    expect(identity).toMatch(/^another\//);
    expect({ ...rest, identity: first.identity }).toEqual(first);
  });

  it.each<[string, Partial<ColumnsOptions>, Partial<typeof table>]>([
    ["its rules", { rules: parseColumnRules("orders: b text") }, {}],
    ["its document", { document: MESSAGE_COLUMNS.document }, {}],
    ["its key", {}, { key: [{ name: "id", type: "S" }] }],
  ])("is another one where %s changed", (_what, options, changes) => {
    const first = tableShape(table, TABLE_COLUMNS, null).shape;
    const now = { ...TABLE_COLUMNS, ...options };
    const after = tableShape(description(changes), now, null, first).shape;
    expect(after.columns).not.toEqual(first.columns);
    // So that the pipeline loads it anew; another key is another table at the service too.
    if (Object.keys(options).length > 0) expect(after.identity).not.toBe(first.identity);
  });

  it("is known again from what it keeps of itself", () => {
    const rules = parseColumnRules('orders: "a b"[3]."c" as x decimal(3,1)');
    const { shape } = tableShape(table, { ...TABLE_COLUMNS, rules }, null);
    const kept: typeof shape = JSON.parse(JSON.stringify(shape));
    const facts = shapeFacts(kept);
    expect(facts.columns.at(-1)).toMatchObject({ name: "x", path: ["a b", 3, "c"] });
    expect(facts.document).toEqual(TABLE_COLUMNS.document);
    const { facts: _facts, ...bare } = shape;
    expect(() => shapeFacts(bare)).toThrow("MR_BUG");
  });
});
