import { describe, expect, it } from "vitest";
import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import { UNCHANGED } from "../model/value.ts";
import { TYPE_SAMPLES } from "../testkit/sample-values.ts";
import { ByteWriter } from "./byte-writer.ts";
import { createFormat } from "./create-format.ts";
import { column, customers, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "./format.ts";
import { GenericSourceBlock } from "./generic-source-block.ts";
import { MessageList, type ReadMessage } from "./messages.fixture.ts";
import { writeHeartbeat, writeTransactionBegin, writeTransactionEnd } from "./meta-messages.ts";
import { writeSchemaChange } from "./schema-changes.ts";
import { TransactionMeter } from "./transaction-meter.ts";

const NAMES = { serverName: "shop", version: "1" };

async function written(
  made: TargetChangeEvent | TargetMark,
  options: Partial<FormatOptions>,
  meter: TransactionMeter | null = null,
): Promise<readonly ReadMessage[]> {
  const format = createFormat(
    { ...DEFAULT_FORMAT, ...options },
    { names: NAMES, block: null, meter },
  );
  const encoder = await format.encoder(made.table, "topic");
  const output = new MessageList();
  if ("op" in made) encoder.change(made, 7, output);
  else encoder.mark(made, 7, output);
  return output.messages;
}

const target = customers("public", true, 64);
const row = ["9007199254740993", "Anne", null, 'a"b'] as const;
const old = [row[0], UNCHANGED, UNCHANGED, UNCHANGED] as const;
const truncate = {
  kind: "truncate",
  table: target,
  source: target.id,
  position: null,
  transaction: null,
  generation: null,
} as const;

describe("plain-json", () => {
  const value = "plain-json";

  it("is the row after the change, to the last digit", async () => {
    const [message] = await written(event(target, { op: "u", before: old, after: row }), { value });
    expect(message).toMatchObject({
      key: '{"id":9007199254740993}',
      value: '{"id":9007199254740993,"first_name":"Anne","last_name":null,"email":"a\\"b"}',
    });
  });

  it("is the key and null for a delete, and nothing where nobody can be named", async () => {
    const messages = await written(event(target, { op: "d", before: old }), { value });
    expect(messages).toMatchObject([{ key: '{"id":9007199254740993}', value: null }]);
    const keyless = { ...target, keyless: true };
    expect(await written(event(keyless, { op: "d", before: row }), { value })).toEqual([]);
    expect(await written(truncate, { value })).toEqual([]);
  });

  it("has a form for every type that loses nothing", async () => {
    for (const { column: name, type, sourceType, values } of TYPE_SAMPLES)
      for (const sample of values) {
        const typed = table("s", "t", [
          column("id", { kind: "int", bits: 64 }, { nullable: false }),
          column(name, type, { sourceType }),
        ]);
        const [message] = await written(event(typed, { after: ["1", sample] }), { value });
        const read = JSON.parse(message?.value ?? "") as Record<string, unknown>;
        expect(read[name], `${name} ${String(sample)}`).not.toBeUndefined();
      }
  });
});

describe("canal-json", () => {
  const value = "canal-json";
  const end = '"database":"public","table":"customers","pkNames":["id"]}';
  const shown = '{"id":9007199254740993,"first_name":"Anne","last_name":null,"email":"a\\"b"}';

  it.each([
    ["c", null, row, `{"old":null,"data":[${shown}],"type":"INSERT",${end}`],
    ["u", old, row, `{"old":[{"id":9007199254740993}],"data":[${shown}],"type":"UPDATE",${end}`],
    ["d", row, null, `{"old":null,"data":[${shown}],"type":"DELETE",${end}`],
  ] as const)("tells %s as Flink CDC does", async (op, before, after, expected) => {
    const messages = await written(event(target, { op, before, after }), { value });
    expect(messages.map((message) => message.value)).toEqual([expected]);
  });

  it("tells a TRUNCATE", async () => {
    const [message] = await written(truncate, { value });
    expect(message).toMatchObject({
      key: null,
      value: `{"old":null,"data":null,"type":"TRUNCATE",${end}`,
    });
  });
});

describe("messages beside tables'", () => {
  const writers = () => ({ key: new ByteWriter(), value: new ByteWriter() });
  const read = (writer: ByteWriter): unknown => JSON.parse(writer.written().toString("utf8"));

  it("tell a transaction's begin, its events' places, and its end with their counts", async () => {
    const meter = new TransactionMeter(({ id }) => `tx ${id}`);
    const transaction = { id: "571", commitTimeMs: 1_486_500_577_125 };
    const places = [];
    for (const after of [row, row]) {
      const [message] = await written(event(target, { after, transaction }), {}, meter);
      places.push((JSON.parse(message?.value ?? "") as { transaction: unknown }).transaction);
    }
    expect(places).toEqual([
      { id: "tx 571", total_order: 1, data_collection_order: 1 },
      { id: "tx 571", total_order: 2, data_collection_order: 2 },
    ]);
    const begin = writers();
    const { commitTimeMs } = transaction;
    writeTransactionBegin({ id: "tx 571", commitTimeMs }, begin.key, begin.value);
    expect([read(begin.key), read(begin.value)]).toEqual([
      { id: "tx 571" },
      {
        status: "BEGIN",
        id: "tx 571",
        ts_ms: 1_486_500_577_125,
        event_count: null,
        data_collections: null,
      },
    ]);
    const end = writers();
    if (meter.counts === null) throw new Error("nothing was counted");
    writeTransactionEnd(meter.counts, end.key, end.value);
    expect(read(end.value)).toMatchObject({
      status: "END",
      event_count: 2,
      data_collections: [{ data_collection: "public.customers", event_count: 2 }],
    });
  });

  it("tell that the source is there", () => {
    const { key, value } = writers();
    writeHeartbeat("shop", 7, key, value);
    expect([read(key), read(value)]).toEqual([{ serverName: "shop" }, { ts_ms: 7 }]);
  });

  it("tell a table's new shape", () => {
    const { key, value } = writers();
    const change = { kind: "alter", table: target, renames: [], drops: [], replaces: [], tag: "" };
    writeSchemaChange(
      { change: { ...change, kind: "alter" }, place: null, nowMs: 7 },
      new GenericSourceBlock(NAMES),
      key,
      value,
    );
    expect(read(value)).toMatchObject({
      source: { name: "shop", table: "customers" },
      schemaName: "public",
      tableChanges: [
        {
          type: "ALTER",
          table: {
            primaryKeyColumnNames: ["id"],
            columns: [
              { name: "id", typeName: "int", position: 1, optional: false },
              { name: "first_name", position: 2, optional: true },
              { name: "last_name" },
              { name: "email" },
            ],
          },
        },
      ],
    });
  });
});
