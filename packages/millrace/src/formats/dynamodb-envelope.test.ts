import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { InitSync } from "../model/init-sync.ts";
import type { TargetChangeEvent } from "../model/sink.ts";
import { UNCHANGED, type Row } from "../model/value.ts";
import type { AttributeValue, Item } from "../sources/dynamodb/api.ts";
import { jsonOfItem } from "../sources/dynamodb/document-text.ts";
import { attributes } from "../sources/dynamodb/items.fixture.ts";
import { withSortedSets } from "../sources/dynamodb/sorted-sets.ts";
import { ByteWriter } from "./byte-writer.ts";
import { createFormat } from "./create-format.ts";
import { DocumentWriter, type DocumentStyle } from "./dynamodb-document.ts";
import { isPlainName, type NameScope } from "./dynamodb-names.ts";
import { column, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type EnvelopeOptions, type FormatOptions } from "./format.ts";
import { MessageList, type ReadMessage } from "./messages.fixture.ts";
import { parseBody } from "./parse-body.ts";

const NAME = "datalake-testdynamoconnector7-staging";
const text = { kind: "text", maxChars: null } as const;
const document = column("document", { kind: "jsonb" }, { sourceType: "whole item, dynamodb" });
const target = table("public", NAME, [column("id", text, { nullable: false }), document]);

/** The item of the connector's own documentation. */
const ITEM: Item = {
  "attribute-ns": { NS: ["3", "1"] },
  "attribute-bool": { BOOL: true },
  "attribute-ss": { SS: ["1aa", "2aa"] },
  "attribute-1": { S: "test185347" },
  "attribute-m": { M: { key1: { S: "MTYPE" } } },
  id: { S: "5028" },
  "attribute-null": { NULL: true },
};
const row: Row = ["5028", JSON.stringify(ITEM)];
const running: InitSync = { startMs: 1_557_387_726_273, endMs: null, rows: 3, isRepeated: false };
const finished: InitSync = { ...running, endMs: 1_557_387_799_000, rows: 42 };

async function written(
  made: TargetChangeEvent,
  envelope: Partial<EnvelopeOptions> = {},
  options: Partial<FormatOptions> = {},
): Promise<readonly ReadMessage[]> {
  const all = {
    ...DEFAULT_FORMAT,
    value: "dynamodb-envelope" as const,
    envelope: { ...DEFAULT_FORMAT.envelope, ...envelope },
    ...options,
  };
  const names = { serverName: "shop", version: "1" };
  const format = createFormat(all, { names, block: null });
  const encoder = await format.encoder(made.table, `dynamodb-${NAME}`);
  const output = new MessageList();
  encoder.change(made, 7, output);
  return output.messages;
}

/** Key and value byte for byte, as the golden file has them without its blanks. */
function golden(name: string): { readonly key: string; readonly value: string } {
  const url = new URL(`golden/dynamodb-envelope-${name}.json`, import.meta.url);
  const { key, value }: { key: unknown; value: unknown } = JSON.parse(readFileSync(url, "utf8"));
  return { key: JSON.stringify(key), value: JSON.stringify(value) };
}

function at(seconds: number): TargetChangeEvent["transaction"] {
  return { id: "1", commitTimeMs: seconds * 1_000 };
}

describe("dynamodb-envelope", () => {
  it("is the connector's record of a scanned item, byte for byte", async () => {
    const load = event(target, { op: "r", after: row, initSync: running });
    expect(await written(load)).toMatchObject([golden("load")]);
    expect(await written(load, {}, { includeSchema: true })).toMatchObject([golden("schema")]);
  });

  it("is its record of a change, with the INIT_SYNC that is over", async () => {
    const transaction = at(1_557_390_000);
    const update = event(target, { op: "u", after: row, transaction, initSync: finished });
    expect(await written(update)).toMatchObject([golden("update")]);
  });

  it("is its record of a delete, whose document is the key, and a tombstone", async () => {
    const { key, value } = golden("delete");
    const keyOnly: Row = ["5028", UNCHANGED];
    for (const before of [row, keyOnly]) {
      const transaction = at(1_557_390_001);
      const removed = event(target, { op: "d", before, transaction, initSync: finished });
      expect(await written(removed)).toMatchObject([
        { key, value },
        { key, value: null },
      ]);
      expect(await written(removed, {}, { tombstones: false })).toHaveLength(1);
    }
  });

  it("has the document of the connector's documentation where names are kept", async () => {
    const [message] = await written(event(target, { op: "r", after: row }), { names: "keep" });
    expect(message?.value).toContain(
      String.raw`"document":"{\"attribute-ns\":{\"ns\":[\"3\",\"1\"]},\"attribute-bool\":{\"bool\":true},\"attribute-ss\":{\"ss\":[\"1aa\",\"2aa\"]},\"attribute-1\":{\"s\":\"test185347\"},\"attribute-m\":{\"m\":{\"key1\":{\"s\":\"MTYPE\"}}},\"id\":{\"s\":\"5028\"},\"attribute-null\":{\"null\":true}}"`,
    );
  });

  it("writes keys of every type as texts, binary in base64", async () => {
    const keyed = table(
      "public",
      "t",
      [
        column("b-in", { kind: "bytes", maxBytes: null }),
        column("n", { kind: "decimal", precision: null, scale: null }),
        document,
      ],
      { key: [0, 1] },
    );
    const before: Row = [Buffer.from([0, 255]), "1.5", UNCHANGED];
    const [removed] = await written(event(keyed, { op: "d", before }));
    expect(removed?.key).toBe('{"bin":"AP8=","n":"1.5"}');
    expect(JSON.parse(removed?.value ?? "")).toMatchObject({
      document: '{"bin":{"b":"AP8="},"n":{"n":"1.5"}}',
    });
  });

  it("names the key of a deleted item by its attribute, as its other documents do", async () => {
    const orderId = column("order_id", text, { sourceName: "id", nullable: false });
    const keyed = table("public", "t", [orderId, document]);
    const [removed] = await written(event(keyed, { op: "d", before: ["7", UNCHANGED] }));
    expect(removed?.key).toBe('{"order_id":"7"}');
    expect(JSON.parse(removed?.value ?? "")).toMatchObject({ document: '{"id":{"s":"7"}}' });
  });

  it("names the table in keys where several share a topic", async () => {
    const removed = event(target, { op: "r", after: row });
    const [message] = await written(removed, {}, { keyWithTable: true });
    expect(message?.key).toBe(`{"TableId":"public.${NAME}","id":"5028"}`);
  });

  it("tells the item before, the place in the stream and deletes by TTL by option alone", async () => {
    const add = new Set(["before", "position", "ttl"] as const);
    const place = ["c", "shardId-1", "100000000000000000001"];
    const before: Row = ["5028", '{"id":{"S":"5028"},"a b":{"S":"x"}}'];
    const transaction = { id: "1", commitTimeMs: 5, by: "ttl" } as const;
    const removed = event(target, { op: "d", before, position: place, transaction });
    const [message] = await written(removed, { add });
    expect(JSON.parse(message?.value ?? "")).toMatchObject({
      before: '{"id":{"s":"5028"},"ab":{"s":"x"}}',
      source: { shard_id: "shardId-1", sequence_number: "100000000000000000001", ttl: true },
    });
    const [loaded] = await written(event(target, { op: "r", after: row }), { add });
    expect(JSON.parse(loaded?.value ?? "")).toMatchObject({
      before: null,
      source: { shard_id: null, sequence_number: null, ttl: false },
    });
    const [bare] = await written(removed);
    expect(bare?.value).not.toMatch(/before|shard_id|ttl/);
  });

  it("makes a dead letter of an item in which two names would become one", async () => {
    const item = { id: { S: "1" }, "a-b": { S: "x" }, ab: { S: "y" } };
    for (const each of [item, { ab: item.ab, "a-b": item["a-b"] }]) {
      const both = event(target, { after: ["1", JSON.stringify(each)] });
      await expect(written(both)).rejects.toThrow(/"a-?b" and "a-?b" would both be "ab"/);
      expect(await written(both, { names: "keep" })).toHaveLength(1);
    }
    const none = event(target, { after: ["1", '{"é":{"S":"x"}}'] });
    await expect(written(none)).rejects.toThrow("MR_VALUE_DOES_NOT_FIT");
  });

  it("refuses tables whose rows are no whole items, and keys that become one", async () => {
    const other = table("public", "t", [column("id", text)]);
    await expect(written(event(other, { after: ["1"] }))).rejects.toThrow("MR_SINK_SCHEMA");
    const keys = [column("a-b", text), column("ab", text), document];
    const keyed = table("public", "t", keys, { key: [0, 1] });
    await expect(written(event(keyed))).rejects.toThrow('"a-b" and "ab" would both be "ab"');
  });
});

describe("documents", () => {
  const texts = (style: DocumentStyle, names: NameScope, item: Item): string => {
    const out = new ByteWriter(8);
    out.ascii('"');
    new DocumentWriter(style, names, out).write(JSON.stringify(item), out);
    out.ascii('"');
    const read: unknown = JSON.parse(out.written().toString());
    return String(read);
  };

  it("say the same as the item in each style, whatever it holds", () => {
    fc.assert(
      fc.property(attributes, (item) => {
        expect(texts("dynamodb", "keep", item)).toBe(JSON.stringify(item));
        // The writer of messages copies a document as it is told; whoever writes it plain at once puts sets in order.
        expect(texts("plain", "keep", withSortedSets(item))).toBe(jsonOfItem(item));
        expect(JSON.parse(texts("connector", "keep", item))).toEqual(lowered({ M: item }).m);
      }),
    );
  });

  it("have names without what a field must not have, at the top or everywhere, or are refused", () => {
    fc.assert(
      fc.property(attributes, fc.constantFrom("top", "all"), (item, scope) => {
        const expected = renamed(item, scope === "all");
        if (expected === null) expect(() => texts("dynamodb", scope, item)).toThrow();
        // Names of digits alone come first in an object: order is not what is looked at.
        else expect(JSON.parse(texts("dynamodb", scope, item))).toEqual(expected);
      }),
    );
  });

  it("leave no name with a backslash behind in V8, which other items' names would be taken for", () => {
    // An object of ours with such a name would do that too: this is text.
    const item = String.raw`{"inner":{"M":{"beside":{"S":""},"\\":{"S":""}}},"not-plain":{"S":""}}`;
    const out = new ByteWriter(8);
    new DocumentWriter("dynamodb", "top", out).write(item, out);
    const body = Buffer.from(String.raw`{"beside":1,"\"":2}`);
    expect(Object.keys(parseBody(body) ?? {})).toEqual(["beside", '"']);
  });

  it("escape control characters as the connector's writer does", () => {
    const item = { a: { S: "\u001f\\u001f\n" } };
    expect(texts("connector", "top", item)).toBe(String.raw`{"a":{"s":"\u001F\\u001f\n"}}`);
  });
});

/** The connector's form by the plainest way. */
function lowered(value: AttributeValue): { readonly [tag: string]: unknown } {
  if ("M" in value) {
    const map = Object.entries(value.M).map(([name, held]) => [name, lowered(held)] as const);
    const m: Record<string, unknown> = {};
    for (const [name, held] of map)
      Object.defineProperty(m, name, { value: held, enumerable: true });
    return { m };
  }
  if ("L" in value) return { l: value.L.map(lowered) };
  const [entry] = Object.entries(value);
  return entry === undefined ? {} : { [entry[0].toLowerCase()]: entry[1] };
}

/** The item with other names; null where there are two of one, or one of nothing. */
function renamed(item: Item, isDeep: boolean): Item | null {
  const made: Record<string, AttributeValue> = Object.create(null);
  for (const [name, held] of Object.entries(item)) {
    const now = isPlainName(name) ? name : name.replace(/^[^A-Za-z_]|(?<!^)[^A-Za-z0-9_]/g, "");
    const value = isDeep ? renamedValue(held) : held;
    if (now === "" || now in made || value === null) return null;
    made[now] = value;
  }
  return made;
}

function renamedValue(value: AttributeValue): AttributeValue | null {
  if ("M" in value) {
    const M = renamed(value.M, true);
    return M === null ? null : { M };
  }
  if (!("L" in value)) return value;
  const list = value.L.map(renamedValue);
  const L = list.flatMap((each) => (each === null ? [] : [each]));
  return L.length === list.length ? { L } : null;
}
