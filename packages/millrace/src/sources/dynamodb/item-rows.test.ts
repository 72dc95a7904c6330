import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseColumnRules } from "../../schema/document-columns.ts";
import { Misfit, Skimmed, UNCHANGED, type Row } from "../../model/value.ts";
import type { AttributeValue, Item } from "./api.ts";
import { MESSAGE_COLUMNS, TABLE_COLUMNS, type ColumnsOptions } from "./columns-options.ts";
import { ItemRows, recordTransaction, type ItemRowsOptions } from "./item-rows.ts";
import { attributes, description, record, texts } from "./items.fixture.ts";
import { keyText } from "./keys.ts";
import { parseBody } from "../../formats/parse-body.ts";
import { tableShape } from "./table-shape.ts";

const RULES = "orders: a text, b decimal, c bytes, S boolean, M.a as ma text";

function rowsOf(
  options: Partial<ColumnsOptions> = {},
  more: Partial<ItemRowsOptions> = {},
): ItemRows {
  const all = { ...TABLE_COLUMNS, ...options };
  const { shape } = tableShape(description(), all, null);
  return new ItemRows(shape, { ...all, maxValueBytes: 1_000_000, ...more });
}

function withKey(item: Item): Item {
  return { ...item, id: { S: "k" }, n: { N: "-1.5" } };
}

/** JSON.parse by itself has names wrong at times. */
function documentIn(text: unknown): Item {
  const bare: Record<string, AttributeValue> = Object.create(null);
  return Object.assign(bare, parseBody(Buffer.from(String(text))));
}

/** What columns and document say together; the document must not say again what a column has. */
function together({ shape }: ItemRows, row: Row): Item {
  const found: Record<string, AttributeValue> = Object.create(null);
  const at = shape.columns.findIndex(({ name }) => name === "document");
  const document = documentIn(row[at]);
  for (const [name, value] of Object.entries(document)) found[name] = value;
  for (const [index, { name, type }] of shape.columns.entries()) {
    const value = row[index];
    if (index === at || name === "ma" || value === null || value === undefined) continue;
    expect(Object.hasOwn(found, name)).toBe(false);
    if (type.kind === "text") found[name] = { S: String(value) };
    else if (type.kind === "decimal") found[name] = { N: String(value) };
    else if (type.kind === "boolean") found[name] = { BOOL: value === true };
    else if (value instanceof Uint8Array)
      found[name] = { B: Buffer.from(value).toString("base64") };
  }
  return found;
}

describe("rows of items", () => {
  const dynamodb = { column: "document", form: "dynamodb", holds: "rest" } as const;
  const parted = rowsOf({ rules: parseColumnRules(RULES), document: dynamodb, sortsSets: false });

  it("hold every attribute once, in its column or in the document", () => {
    fc.assert(
      fc.property(attributes, (generated) => {
        const item = withKey(generated);
        expect(together(parted, parted.row(item))).toEqual(
          Object.assign(Object.create(null), item),
        );
      }),
    );
  });

  it("have the whole item in the document, beside the key, where messages want it so", () => {
    const whole = rowsOf(MESSAGE_COLUMNS);
    fc.assert(
      fc.property(attributes, (generated) => {
        const item = withKey(generated);
        const [id, n, document] = whole.row(item);
        expect([id, n]).toEqual(["k", "-1.5"]);
        expect({ ...documentIn(document) }).toEqual(item);
      }),
    );
  });

  it("have in plain JSON the values without their types, numbers with all their digits", () => {
    const digits = "-99999999999999999999999999999999999999";
    const tiny = `0.${"0".repeat(129)}1`;
    const item = withKey({
      big: { N: digits },
      tiny: { N: tiny },
      set: { NS: [digits, "0.5"] },
      names: { SS: ["b", "a"] },
      bytes: { B: "AP8=" },
      more: { BS: ["AA==", "/w=="] },
      empty: { S: "" },
      none: { NULL: true },
      list: { L: [{ BOOL: false }, { L: [] }, { M: {} }] },
      map: { M: { "a.b": { N: "1E2" } } },
      text: { S: 'a"\\\u0000\u2028' },
    });
    const row = rowsOf().row(item);
    expect(row[2]).toBe(
      `{"big":${digits},"tiny":${tiny},"set":[${digits},0.5],"names":["a","b"],"bytes":"AP8=","more":["/w==","AA=="],` +
        '"empty":"","none":null,"list":[false,[],{}],"map":{"a.b":100},"text":"a\\"\\\\\\u0000\u2028"}',
    );
  });

  it("have the members of sets in one order, whoever tells of them, and messages in the service's", () => {
    const told = (...[a, b, c]: [string, string, string]): Item =>
      withKey({
        s: { SS: [a, b, c] },
        m: { M: { l: { L: [{ NS: [a, b, c] }] } } },
        y: { BS: [a, b, c] },
      });
    for (const form of ["plain", "dynamodb"] as const) {
      const rows = rowsOf({ document: { ...dynamodb, form } });
      expect(rows.row(told("3", "10", "2"))).toEqual(rows.row(told("2", "3", "10")));
    }
    const [, , document] = rowsOf(MESSAGE_COLUMNS).row(told("3", "10", "2"));
    expect(JSON.parse(String(document))).toEqual(told("3", "10", "2"));
  });

  it("tell an attribute that is NULL from one that is absent", () => {
    const rows = rowsOf({ rules: parseColumnRules("orders: a text") });
    expect(rows.row(withKey({ a: { NULL: true } })).slice(2)).toEqual([null, '{"a":null}']);
    expect(rows.row(withKey({})).slice(2)).toEqual([null, "{}"]);
    expect(rows.misfits.total).toBe(0);
  });

  it("keep what a nested column shows also in the document", () => {
    const rows = rowsOf({ rules: parseColumnRules('orders: m.x[1] as x text, "1" decimal') });
    const item = withKey({ m: { M: { x: { L: [{ N: "1" }, { S: "y" }] } } }, "1": { N: "7" } });
    expect(rows.row(item).slice(2)).toEqual(["y", "7", '{"m":{"x":[1,"y"]}}']);
    expect(rows.row(withKey({ m: { S: "no map" } })).slice(2, 4)).toEqual([null, null]);
  });

  it("leave a value of another type in the document and count it", () => {
    const rows = rowsOf({ rules: parseColumnRules("orders: total decimal(4,2)") });
    for (const total of [{ S: "12" }, { N: "123.5" }, { N: "1.234" }])
      expect(rows.row(withKey({ total })).at(2)).toBeNull();
    expect(rows.row(withKey({ total: { N: "-99.99" } })).slice(2)).toEqual(["-99.99", "{}"]);
    expect(rows.misfits.all()).toEqual([{ column: "total", tag: "N", count: 3 }]);
  });

  it("carry such a value as what makes a dead letter where the file wants that", () => {
    const rows = rowsOf(
      { rules: parseColumnRules("orders: total decimal") },
      { misfits: "refuse" },
    );
    const value = rows.row(withKey({ total: { S: "secret" } }))[2];
    expect(value).toBeInstanceOf(Misfit);
    expect(value).toMatchObject({ why: "a value of DynamoDB's type S that is no decimal" });
  });

  it("skim what the sink could never take", () => {
    const rows = rowsOf({ rules: parseColumnRules("orders: a text") }, { maxValueBytes: 10 });
    const [, , a, document] = rows.row(withKey({ a: { S: "x".repeat(11) }, b: { S: "y" } }));
    expect([a, document]).toEqual([new Skimmed(11), '{"b":"y"}']);
  });

  it("refuse an item without its key as one of a table that was made anew", () => {
    expect(() => rowsOf().row({ id: { S: "k" } })).toThrow("MR_SOURCE_TABLE_CHANGED");
  });
});

describe("changes of records", () => {
  const keys = { id: { S: "a" }, n: { N: "1" } };
  const item = { ...keys, x: { S: "y" } };
  const at = ["c", "shard", "1"];
  const transaction = { id: "1", commitTimeMs: 0 };

  it("are inserts, updates and deletes with what the stream has", () => {
    const rows = rowsOf({ before: true });
    const made = rows.change(record({ newImage: item }), at, transaction);
    expect(made).toMatchObject({
      op: "c",
      before: null,
      after: ["a", "1", '{"x":"y"}'],
      position: at,
    });
    const event = { event: "MODIFY", newImage: item, oldImage: keys } as const;
    const updated = rows.change(record(event), at, transaction);
    expect(updated).toMatchObject({
      op: "u",
      before: ["a", "1", "{}"],
      after: ["a", "1", '{"x":"y"}'],
    });
    const removed = rows.change(record({ event: "REMOVE", oldImage: item }), at, transaction);
    expect(removed).toMatchObject({ op: "d", before: ["a", "1", '{"x":"y"}'], after: null });
  });

  it("have of a deleted item its key where the stream has no more, or nobody asks for it", () => {
    const asked = rowsOf({ before: true });
    const unasked = rowsOf({ before: false });
    for (const made of [
      asked.change(record({ event: "REMOVE" }), at, transaction),
      unasked.change(record({ event: "REMOVE", oldImage: item }), at, transaction),
    ])
      expect(made.before).toEqual(["a", "1", UNCHANGED]);
  });

  it("refuse a stream without new images", () => {
    expect(() => rowsOf().change(record({ event: "MODIFY" }), at, transaction)).toThrow(
      "MR_SOURCE_REFUSED",
    );
  });

  it("are marked where the service has deleted what expired", () => {
    const principal = "dynamodb.amazonaws.com";
    expect(recordTransaction(record({ principal }))).toMatchObject({ by: "ttl" });
    expect(recordTransaction(record())).not.toHaveProperty("by");
  });
});

describe("keys", () => {
  const { shape } = rowsOf();

  it("are one text only where they are one key", () => {
    const part = fc.oneof(texts, fc.constantFrom("\u0000", "\u0000|", "|", "\u0000\u0000|1"));
    const number = fc.constantFrom("1", "|1", "0", "-1");
    fc.assert(
      fc.property(part, number, part, number, (a, m, b, n) => {
        const isOne = a === b && m === n;
        expect(keyText(shape, [a, m, null]) === keyText(shape, [b, n, null])).toBe(isOne);
      }),
    );
  });

  it("of bytes are told apart from any other bytes", () => {
    const table = description({ key: [{ name: "id", type: "B" }] });
    const binary = new ItemRows(tableShape(table, TABLE_COLUMNS, null).shape, {
      ...TABLE_COLUMNS,
      maxValueBytes: 1_000,
    });
    const key = (B: string): string => keyText(binary.shape, binary.keyRow({ id: { B } }));
    expect(key("AP8=")).toBe("00ff");
    expect(key("/wA=")).toBe("ff00");
  });
});
