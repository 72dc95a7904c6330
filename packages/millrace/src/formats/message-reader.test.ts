import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { UNCHANGED, type Row, type Value } from "../model/value.ts";
import { TYPE_SAMPLES } from "../testkit/sample-values.ts";
import { createFormat } from "./create-format.ts";
import { column, customers, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "./format.ts";
import { MessageList } from "./messages.fixture.ts";
import { MessageReader, type ReadMessage, type ReaderOptions } from "./message-reader.ts";
import type { TargetChangeEvent } from "../model/sink.ts";

const NAMES = { serverName: "shop", version: "1" };

function reader(more: Partial<ReaderOptions> = {}): MessageReader {
  return new MessageReader({
    format: "debezium-json",
    table: { schema: "public", table: "orders" },
    unavailable: "__debezium_unavailable_value",
    ...more,
  });
}

/** What a reader makes of an event's messages. */
async function through(
  made: TargetChangeEvent,
  options: Partial<FormatOptions>,
  by = reader({ format: options.value === "plain-json" ? "plain-json" : "debezium-json" }),
): Promise<readonly ReadMessage[]> {
  const format = createFormat({ ...DEFAULT_FORMAT, ...options }, { names: NAMES, block: null });
  const output = new MessageList();
  (await format.encoder(made.table, "t")).change(made, 7, output);
  return output.messages.map(({ keyBytes, valueBytes }) =>
    by.read(
      keyBytes === null ? null : Buffer.from(keyBytes),
      valueBytes === null ? null : Buffer.from(valueBytes),
    ),
  );
}

function change(message: ReadMessage | undefined): Extract<ReadMessage, { kind: "change" }> {
  if (message?.kind !== "change") throw new Error(`not a change: ${message?.kind ?? "nothing"}`);
  return message;
}

function tombstoneOf(message: ReadMessage): Extract<ReadMessage, { kind: "tombstone" }> {
  if (message.kind !== "tombstone") throw new Error(`not a tombstone: ${message.kind}`);
  return message;
}

function bytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

describe("messages with a schema", () => {
  it("bring every value of every type back as it was, and its type", async () => {
    for (const { column: name, type, sourceType, values } of TYPE_SAMPLES) {
      const typed = table("s", "t", [
        column("id", { kind: "int", bits: 64 }, { nullable: false }),
        column(name, type, { sourceType }),
      ]);
      for (const sample of values) {
        if (!hasForm(name, sample)) continue;
        const made = event(typed, { after: ["9007199254740993", sample] });
        const [message] = await through(made, { includeSchema: true });
        const { after, shape } = change(message);
        expect(after, `${name} ${String(sample)}`).toEqual(["9007199254740993", moved(sample)]);
        expect(shape).toMatchObject({ schema: "s", name: "t", key: [0] });
        const kind = type.kind === "json" ? "jsonb" : type.kind === "other" ? "" : type.kind;
        if (kind !== "") expect(shape.columns[1]?.type.kind, name).toBe(kind);
      }
    }
  });

  /** What Debezium's form has no word for, or a reader cannot know: arrays in arrays, NaN, ranges as such. */
  function hasForm(name: string, sample: Value): boolean {
    return !(name === "c_dec" && sample === "NaN") && !String(sample).startsWith("{{");
  }

  /** Debezium moves times to UTC. */
  function moved(sample: Value): Value {
    if (sample === "12:30:00+05:30") return "07:00:00+00";
    return sample === "23:59:59.999999-12" ? "11:59:59.999999+00" : sample;
  }

  it("have one shape as long as their schema is the same, and another one when it changes", async () => {
    const by = reader();
    const more = table("public", "customers", [
      ...customers("public", true).columns,
      column("added", { kind: "date" }),
    ]);
    const shapes = [];
    for (const target of [customers("public", true), customers("public", true), more]) {
      const made = event(target, { after: ["1", "a", null, "c", "2024-02-29"] });
      shapes.push(change((await through(made, { includeSchema: true }, by))[0]).shape);
    }
    expect(shapes[1]).toBe(shapes[0]);
    expect(shapes[2]?.columns.map(({ name, type }) => [name, type.kind])).toEqual([
      ["id", "int"],
      ["first_name", "text"],
      ["last_name", "text"],
      ["email", "text"],
      ["added", "date"],
    ]);
    expect(shapes[2]?.columns[0]?.nullable).toBe(false);
  });

  it("may have blanks behind them, values and keys", () => {
    const field = (name: string): unknown => ({ field: name, type: "int64", optional: false });
    const row = { type: "struct", fields: [field("id"), field("n")], field: "after" };
    const keySchema = { type: "struct", name: "shop.s.t.Key", fields: [field("id")] };
    const by = reader();
    const read = (id: number, value: string | null): ReadMessage =>
      by.read(
        Buffer.from(`${JSON.stringify({ schema: keySchema, payload: { id } })}\n`),
        value === null ? null : Buffer.from(`${value} \r\n\t`),
      );
    const shapes = new Set();
    for (const id of [1, 2, 3]) {
      const payload = { op: "c", after: { id, n: 7 }, source: { schema: "s", table: "t" } };
      const whole = { schema: { type: "struct", fields: [row] }, payload };
      const message = change(read(id, JSON.stringify(whole)));
      expect(message).toMatchObject({ after: [String(id), "7"], shape: { key: [0] } });
      shapes.add(message.shape);
      const { key, table: named } = tombstoneOf(read(id, null));
      expect([named, key?.get("id")]).toMatchObject(["shop.s.t", { text: String(id) }]);
    }
    expect(shapes.size).toBe(1);
  });

  it("are read as Debezium wrote them", () => {
    const url = new URL("golden/debezium-postgresql-update.json", import.meta.url);
    const message = change(reader().read(bytes({ id: 1_006 }), readFileSync(url)));
    expect(message).toMatchObject({
      op: "u",
      before: ["1006", "Liam", "Han", "liam2@example.com"],
      after: ["1006", "Liam", "Han", "liam3@example.com"],
      origin: {
        schema: "inventory",
        table: "customers",
        timeMs: 1_766_925_059_528,
        transaction: "779",
      },
    });
    expect(message.shape).toMatchObject({ id: "inventory.customers", key: [0] });
  });
});

describe("messages without a schema", () => {
  it("tell types by their values, and wider ones as they come", () => {
    const by = reader();
    const read = (after: unknown): ReturnType<typeof change> =>
      change(by.read(bytes({ id: 1 }), Buffer.from(`{"op":"c","after":${String(after)}}`)));
    const first = read('{"id":9007199254740993,"n":1,"s":null}');
    // A column of which only null was seen is none yet: nobody knows its type.
    expect(first.after).toEqual(["9007199254740993", "1"]);
    expect(first.shape.columns.map(({ type }) => type.kind)).toEqual(["int", "int"]);
    expect(read('{"id":1,"n":5,"s":"x"}').shape).not.toBe(first.shape);
    expect(read('{"id":1,"n":5}').after).toEqual(["1", "5", null]);
    const same = read('{"id":1,"n":5,"s":"y"}').shape;
    expect(read('{"id":2,"n":6,"s":null}').shape).toBe(same);
    const wide = read('{"id":2,"n":1.50,"s":"x","j":{"a":[1,2.0]}}');
    expect(wide.after).toEqual(["2", "1.50", "x", '{"a":[1,2.0]}']);
    expect(wide.shape.columns.map(({ type }) => type.kind)).toEqual([
      "int",
      "decimal",
      "text",
      "jsonb",
    ]);
    expect(read('{"id":2,"n":"text"}').shape.columns[1]?.type.kind).toBe("text");
  });

  it("say of a deleted row what they have", async () => {
    const target = customers("public", false, 64);
    const old: Row = ["7", UNCHANGED, UNCHANGED, UNCHANGED];
    const by = reader();
    await through(event(target, { after: ["7", "a", "b", "c"] }), {}, by);
    const [gone, tombstone] = await through(event(target, { op: "d", before: old }), {}, by);
    expect(change(gone)).toMatchObject({ op: "d", before: old, after: null });
    expect(tombstone).toMatchObject({ kind: "tombstone" });
  });

  it("leave unavailable values to the source of them", async () => {
    const target = customers("public", false, 64);
    const by = reader();
    await through(event(target, { after: ["7", "a", "b", "c"] }), {}, by);
    const after: Row = ["7", UNCHANGED, "b", "c"];
    const [message] = await through(event(target, { op: "u", after }), {}, by);
    expect(change(message).after).toEqual(after);
  });

  it("tell of an unavailable value whatever was read before", () => {
    const by = reader();
    const unavailable = { id: 7, big: "__debezium_unavailable_value" };
    const read = (after: unknown) => change(by.read(bytes({ id: 7 }), bytes({ op: "u", after })));
    expect(read(unavailable).after).toEqual(["7", UNCHANGED]);
    expect(read({ id: 7, big: "x" }).after).toEqual(["7", "x"]);
    expect(read({ id: 7, big: null }).after).toEqual(["7", null]);
  });

  it("are rows themselves where they are plain, and keys alone delete", async () => {
    const by = reader({ format: "plain-json" });
    const target = customers("public", false, 64);
    const [message] = await through(
      event(target, { after: ["7", "a", "b", "c"] }),
      { value: "plain-json" },
      by,
    );
    expect(change(message)).toMatchObject({ after: ["7", "a", "b", "c"], shape: { key: [0] } });
    // A delete of nobody knows which row, and not nothing at all.
    expect(() => by.read(bytes("7"), null)).toThrow("no plain-json");
    const tombstone = by.read(bytes({ id: 7 }), null);
    if (tombstone.kind !== "tombstone" || tombstone.key === null) throw new Error("no tombstone");
    const [shape] = by.shapes;
    if (shape === undefined) throw new Error("no table");
    expect(by.rowOfKey(shape.id, tombstone.key)?.row).toEqual([
      "7",
      UNCHANGED,
      UNCHANGED,
      UNCHANGED,
    ]);
  });

  it("have a column `TableId` where the row has one, and else a key that tells its table", () => {
    const row = { id: 7, TableId: "x" };
    const source = { schema: "public", table: "orders" };
    const own = bytes({ ...row, TableId: "public.orders" });
    for (const [by, value] of [
      [reader(), (after: object) => ({ op: "c", after, source })],
      [reader({ format: "plain-json" }), (after: object) => after],
    ] as const) {
      const read = change(by.read(bytes(row), bytes(value({ ...row, n: 1 }))));
      expect(read).toMatchObject({ shape: { key: [0, 1] }, after: ["7", "x", "1"] });
      const shared = change(by.read(own, bytes(value({ id: 7, n: 1 }))));
      expect(shared.shape.key).toEqual([0]);
    }
    const by = reader();
    by.read(bytes(row), bytes({ op: "c", after: row, source }));
    // A delete that has no old row: the last row of its table says it.
    const gone = change(by.read(bytes(row), bytes({ op: "d", before: null, source })));
    expect(gone.before).toEqual(["7", "x"]);
  });

  it("are no changes where they are heartbeats or messages of a log, and a TRUNCATE is one", () => {
    const by = reader();
    expect(by.read(null, bytes({ ts_ms: 1 }))).toEqual({ kind: "other" });
    expect(by.read(null, bytes({ op: "m", message: {} }))).toEqual({ kind: "other" });
    expect(by.read(null, bytes({ op: "t", source: { db: "d", table: "t" } }))).toMatchObject({
      kind: "truncate",
      origin: { schema: "d", table: "t" },
    });
  });
});

describe("bytes that are no message", () => {
  const good = readFileSync(new URL("golden/debezium-mysql-create.json", import.meta.url));

  function outcome(by: MessageReader, key: Buffer | null, value: Buffer): string {
    try {
      return by.read(key, value).kind;
    } catch (thrown) {
      if (thrown instanceof MillraceError) return thrown.code;
      throw thrown;
    }
  }

  it("are refused by a typed error, whatever they are", () => {
    const kinds = new Set<string>();
    const allowed = ["MR_MESSAGE_UNREADABLE", "change", "other", "truncate", "tombstone"];
    const format = fc.constantFrom("debezium-json" as const, "plain-json" as const);
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((value) => Buffer.from(value)),
      fc.json().map((value) => Buffer.from(value)),
      fc
        .record({
          op: fc.constantFrom("c", "d", "x"),
          after: fc.jsonValue(),
          before: fc.jsonValue(),
        })
        .map(bytes),
    );
    fc.assert(
      fc.property(format, any, any, (chosen, key, value) => {
        const found = outcome(reader({ format: chosen }), key, value);
        kinds.add(found);
        expect(allowed).toContain(found);
      }),
      { numRuns: 1_000 },
    );
    expect(kinds.size).toBeGreaterThan(2);
  });

  it("are refused where a good message was bent", () => {
    const by = reader();
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: good.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        (at, byte, cut) => {
          const bent = Buffer.from(cut ? good.subarray(0, at) : good);
          if (!cut) bent[at] = byte;
          expect(outcome(by, null, bent)).toMatch(
            /^(change|other|truncate|tombstone|MR_MESSAGE_UNREADABLE)$/,
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("are refused where they are nested without end", () => {
    expect(outcome(reader(), null, Buffer.from("[".repeat(100_000)))).toBe("MR_MESSAGE_UNREADABLE");
  });
});
