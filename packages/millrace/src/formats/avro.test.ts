import avsc from "avsc";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import { UNCHANGED } from "../model/value.ts";
import { PostgresSourceBlock } from "../sources/postgres/source-block.ts";
import { TYPE_SAMPLES } from "../testkit/sample-values.ts";
import { SchemaRegistryServer } from "../../../../test/support/schema-registry.ts";
import { writeLong, writeString } from "./avro-values.ts";
import { ByteWriter } from "./byte-writer.ts";
import { createFormat } from "./create-format.ts";
import { column, customers, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions, type RegistryOptions } from "./format.ts";
import { MessageList, type ReadMessage } from "./messages.fixture.ts";
import { TransactionMeter } from "./transaction-meter.ts";

let registry: SchemaRegistryServer;
beforeEach(async () => {
  registry = await SchemaRegistryServer.start();
});
afterEach(() => registry.close());

/** Numbers of 64 bits as they are: nanoseconds are beyond what a double holds. */
const LONG = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: (value: number) => BigInt(value),
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (a: bigint, b: bigint) => Number(a - b),
});

const NAMES = { serverName: "shop", version: "1" };
const POSTGRES = new PostgresSourceBlock(NAMES, "sales");

interface Wanted extends Partial<Omit<FormatOptions, "registry">> {
  readonly registry?: Partial<RegistryOptions>;
  readonly topic?: string;
}

function formatOf(
  { registry: reached = {}, ...more }: Wanted = {},
  meter: TransactionMeter | null = null,
) {
  const options: FormatOptions = {
    ...DEFAULT_FORMAT,
    value: "avro",
    key: "avro",
    ...more,
    registry: {
      urls: [registry.url],
      auth: null,
      subject: "TopicName",
      register: true,
      timeoutMs: 5_000,
      ...reached,
    },
  };
  return createFormat(options, { names: NAMES, block: POSTGRES, meter });
}

async function written(
  made: TargetChangeEvent | TargetMark,
  wanted: Wanted = {},
  meter: TransactionMeter | null = null,
): Promise<readonly ReadMessage[]> {
  const encoder = await formatOf(wanted, meter).encoder(made.table, wanted.topic ?? "orders");
  const output = new MessageList();
  if ("op" in made) encoder.change(made, 1_700_000_000_123, output);
  else encoder.mark(made, 1_700_000_000_123, output);
  return output.messages;
}

/** What a reader makes of a message: by the schema that its id names at the registry. */
function decoded(bytes: Uint8Array | null | undefined): Record<string, unknown> {
  if (bytes === null || bytes === undefined) throw new Error("no message");
  const buffer = Buffer.from(bytes);
  expect(buffer[0]).toBe(0);
  const schema = JSON.parse(registry.schema(buffer.readInt32BE(1))) as avsc.Schema;
  const typeHook = (each: unknown): avsc.Type | undefined =>
    typeof each === "object" && each !== null && Reflect.get(each, "type") === "long"
      ? LONG
      : undefined;
  const known = { registry: { long: LONG }, wrapUnions: false, typeHook };
  const type = avsc.Type.forSchema(schema, known);
  return type.fromBuffer(buffer.subarray(5)) as Record<string, unknown>;
}

/** As JSON has it: bytes in base64, whole numbers as numbers. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Buffer.isBuffer(value)) return value.toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, plain(held)]));
}

describe("avro", () => {
  const target = customers("public", true, 64);
  const row = ["7", "Anne", null, "a@b"] as const;
  const change = event(target, {
    op: "u",
    before: ["7", UNCHANGED, UNCHANGED, UNCHANGED],
    after: row,
    position: [34_389_280, 34_389_336, 3],
    transaction: { id: "779@0/20CC0A0", commitTimeMs: 1_766_925_059_528.75 },
  });

  it("is read by another decoder as Debezium's envelope, the same as in JSON", async () => {
    const meter = new TransactionMeter();
    const [message] = await written(change, {}, meter);
    expect(decoded(message?.keyBytes)).toEqual({ id: 7n });
    const [json] = await written(change, { value: "debezium-json", key: "json" });
    const expected = JSON.parse(json?.value ?? "") as Record<string, unknown>;
    expect(plain(decoded(message?.valueBytes))).toEqual({
      ...expected,
      before: { id: 7, first_name: null, last_name: null, email: null },
      transaction: { id: "779@0/20CC0A0", total_order: 1, data_collection_order: 1 },
    });
    expect(decoded(message?.valueBytes)).toMatchObject({ ts_ns: 1_700_000_000_123_000_000n });
  });

  it("has every value of every type as JSON has it", async () => {
    registry.compatibility = "NONE";
    for (const { column: name, type, sourceType, values } of TYPE_SAMPLES)
      for (const sample of [...values, null]) {
        const nested = typeof sample === "string" && sample.startsWith("{{");
        const isNaN = type.kind === "decimal" && sample === "NaN";
        if (nested || isNaN) continue;
        const typed = table("s", "t", [
          column("id", { kind: "int", bits: 64 }, { nullable: false }),
          column(name, type, { sourceType }),
        ]);
        const made = event(typed, { after: ["1", sample] });
        const [avro] = await written(made);
        const [json] = await written(made, { value: "debezium-json", key: "json" });
        const { after } = JSON.parse(json?.value ?? "") as { after: Record<string, unknown> };
        const shown = numbersOf(plain(decoded(avro?.valueBytes)["after"]), type.kind);
        expect(shown, `${name} ${String(sample)}`).toEqual(numbersOf(after, type.kind));
      }
  });

  /** What JSON has as texts: floats that it has no numbers for; and 4 bytes hold less of a float than its text. */
  function numbersOf(value: unknown, kind: string): unknown {
    if (kind !== "float") return value;
    return Object.values(value as object).map((held: unknown) =>
      held === null ? null : Math.fround(Number(held)),
    );
  }

  it.each(["base64", "base64-url-safe", "hex"] as const)(
    "has bytes as the text %s",
    async (binary) => {
      const wide = table("s", "t", [
        column("id", { kind: "int", bits: 64 }, { nullable: false }),
        column("b", { kind: "bytes", maxBytes: null }),
      ]);
      const made = event(wide, { after: ["1", Uint8Array.of(0, 254, 255, 1)] });
      const options = { values: { ...DEFAULT_FORMAT.values, binary } };
      const [avro] = await written(made, options);
      const [json] = await written(made, { ...options, value: "debezium-json", key: "json" });
      const { after } = JSON.parse(json?.value ?? "") as { after: unknown };
      const text = { base64: "AP7/AQ==", "base64-url-safe": "AP7_AQ==", hex: "00feff01" }[binary];
      expect(plain(decoded(avro?.valueBytes)["after"])).toEqual({ id: 1, b: text });
      expect(after).toEqual({ id: 1, b: text });
    },
  );

  it("refuses NaN in a decimal and an array in an array, by their columns", async () => {
    registry.compatibility = "NONE";
    const of = (type: TargetTable["columns"][number]["logical"], sample: string) =>
      written(
        event(table("s", "t", [column("id", { kind: "int", bits: 64 }), column("c", type)]), {
          after: ["1", sample],
        }),
      );
    const refused = { code: "MR_VALUE_DOES_NOT_FIT", facts: { column: "c" } };
    await expect(of({ kind: "decimal", precision: 9, scale: 2 }, "NaN")).rejects.toMatchObject(
      refused,
    );
    await expect(of({ kind: "other", name: "integer[]" }, "{{1},{2}}")).rejects.toMatchObject(
      refused,
    );
  });

  it("tells deletes with tombstones, key changes by headers, and a TRUNCATE", async () => {
    const old = ["7", UNCHANGED, UNCHANGED, UNCHANGED] as const;
    const gone = event(target, { op: "d", before: old, counterpart: ["8", ...row.slice(1)] });
    const [message, tombstone, ...rest] = await written(gone);
    expect(decoded(message?.valueBytes)).toMatchObject({ op: "d", after: null });
    expect(message?.headers).toEqual({ "__debezium.newkey": '{"id":8}' });
    expect(tombstone?.headers).toEqual(message?.headers);
    expect([tombstone?.valueBytes, rest]).toEqual([null, []]);
    const mark = {
      kind: "truncate",
      table: target,
      source: target.id,
      position: null,
      transaction: null,
      generation: null,
    } as const;
    const [told] = await written(mark);
    expect(told?.keyBytes).toBeNull();
    expect(decoded(told?.valueBytes)).toMatchObject({ op: "t", before: null, after: null });
  });

  it("has names that Avro allows", async () => {
    const odd = table("my-shop", "1 order", [column("id-1", { kind: "int", bits: 64 })]);
    const [message] = await written(event(odd, { after: ["1"] }));
    expect(decoded(message?.valueBytes)).toMatchObject({ after: { id_1: 1n } });
  });
});

describe("the registry", () => {
  const target = customers("public", true, 64);
  const change = event(target, { after: ["7", "Anne", null, "a@b"] });

  it.each([
    ["TopicName", ["orders-key", "orders-value"]],
    ["RecordName", ["shop.public.customers.Envelope", "shop.public.customers.Key"]],
    [
      "TopicRecordName",
      ["orders-shop.public.customers.Envelope", "orders-shop.public.customers.Key"],
    ],
  ] as const)("knows schemas by %s", async (subject, subjects) => {
    await written(change, { registry: { subject } });
    expect(registry.subjects).toEqual(subjects);
  });

  it("is asked once for each schema", async () => {
    const format = formatOf();
    for (let i = 0; i < 3; i++) await format.encoder({ ...target }, "orders");
    expect(registry.requests).toHaveLength(2);
  });

  it("takes a column that may be null, and refuses one that readers cannot do without", async () => {
    await written(change);
    const wider = (nullable: boolean): TargetTable => ({
      ...target,
      columns: [...target.columns, column("more", { kind: "date" }, { nullable })],
    });
    await expect(
      written(event(wider(false), { after: [...(change.after ?? []), "2024-02-29"] })),
    ).rejects.toMatchObject({ code: "MR_REGISTRY_INCOMPATIBLE", class: "config" });
    const [message] = await written(event(wider(true), { after: [...(change.after ?? []), null] }));
    expect(decoded(message?.valueBytes)).toMatchObject({ after: { more: null } });
  });

  it("says what it would refuse, and takes nothing in", async () => {
    const check = (of: TargetTable, reached: Partial<RegistryOptions> = {}) =>
      formatOf({ registry: reached }).check?.(of, "orders");
    await expect(check(target)).resolves.toBeUndefined();
    expect(registry.subjects).toEqual([]);
    await expect(check(target, { register: false })).rejects.toMatchObject({
      code: "MR_REGISTRY_REFUSED",
    });
    await written(change);
    const more = column("more", { kind: "date" }, { nullable: false });
    const wider = { ...target, columns: [...target.columns, more] };
    await expect(check(wider)).rejects.toMatchObject({ code: "MR_REGISTRY_INCOMPATIBLE" });
    await expect(check(target)).resolves.toBeUndefined();
    await expect(check(target, { register: false })).resolves.toBeUndefined();
  });

  it("only looks schemas up where the file says so", async () => {
    const lookUp = { registry: { register: false } };
    await expect(written(change, lookUp)).rejects.toMatchObject({ code: "MR_REGISTRY_REFUSED" });
    await written(change);
    expect(await written(change, lookUp)).toHaveLength(1);
  });

  it.each([
    [{ kind: "basic", username: "me", password: "secret" }, "Basic bWU6c2VjcmV0"],
    [{ kind: "bearer", token: "abc" }, "Bearer abc"],
  ] as const)("is told who asks (%o)", async (auth, expected) => {
    registry.authorization = expected;
    expect(await written(change, { registry: { auth } })).toHaveLength(1);
    const refused = written(change);
    await expect(refused).rejects.toMatchObject({ code: "MR_REGISTRY_REFUSED" });
    await expect(refused).rejects.not.toThrow(/secret|abc/);
  });

  it("that is down for a moment is asked again, and another one where there is", async () => {
    const format = formatOf();
    registry.failures.push(503);
    await expect(format.encoder(target, "orders")).rejects.toMatchObject({
      code: "MR_REGISTRY_LOST",
      class: "transient",
    });
    await expect(format.encoder(target, "orders")).resolves.toBeDefined();
    const dead = "http://127.0.0.1:1";
    expect(await written(change, { registry: { urls: [dead, registry.url] } })).toHaveLength(1);
    await expect(written(change, { registry: { urls: [dead] } })).rejects.toMatchObject({
      code: "MR_REGISTRY_LOST",
    });
  });
});

describe("Avro's numbers and texts", () => {
  const long = avsc.Type.forSchema("long", { registry: { long: LONG } });
  const string = avsc.Type.forSchema("string");

  it("are as another encoder writes them", () => {
    const out = new ByteWriter(1);
    fc.assert(
      fc.property(
        fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
        (value) => {
          out.clear();
          writeLong(value, out);
          expect(out.written().equals(long.toBuffer(BigInt(value)))).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (value) => {
        out.clear();
        writeString(value, out);
        expect(out.written().equals(string.toBuffer(value))).toBe(true);
      }),
    );
  });
});
