import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { createFormat } from "../../formats/create-format.ts";
import { event } from "../../formats/event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "../../formats/format.ts";
import { MessageList } from "../../formats/messages.fixture.ts";
import { LoggedChange } from "../../model/logged-change.ts";
import type { Op } from "../../model/change.ts";
import type { TargetChangeEvent } from "../../model/sink.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { mapToTopic } from "../../sinks/kafka/table-mapping.ts";
import { decimalBytes } from "./decimal.ts";
import { EventType, type RowEventKind, rowEventKind } from "./event-types.ts";
import { keyText } from "./keys.ts";
import { LoggedImages } from "./logged-images.ts";
import type { LogPosition } from "./position.ts";
import { recordedRows } from "./recorded-shape.fixture.ts";
import { RowDecoder } from "./row-decoder.ts";
import { planRow, type RowPlan } from "./row-plan.ts";
import { ColumnCode, type MappedColumn } from "./table-map.ts";
import { logicalType, parseColumnType, type TypeOptions } from "./types.ts";

const MAX_VALUE_BYTES = 100_000;
const TYPES: readonly TypeOptions[] = [
  { tinyint1AsBoolean: true, timeAsInterval: false, geometry: "geojson" },
  { tinyint1AsBoolean: false, timeAsInterval: true, geometry: "wkb" },
];
const POSITION: LogPosition = [{ file: 1, at: 4, era: 0, n: null, hash: null }, 1, 1];
const TRANSACTION = { id: "1", commitTimeMs: 5 };

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((all) => Buffer.from(all));
const whole = (length: number): fc.Arbitrary<Buffer> =>
  fc.oneof(
    bytes(length),
    fc.constantFrom(0, 0xff, 0x7f, 0x80).map((byte) => Buffer.alloc(length, byte)),
    fc.nat(99).map((number) => {
      const all = Buffer.alloc(length);
      all.writeUInt8(number);
      return all;
    }),
  );
const sized = (lengthBytes: number, of: fc.Arbitrary<Uint8Array | string>): fc.Arbitrary<Buffer> =>
  of.map((value) => {
    const all = Buffer.from(value);
    const length = Buffer.alloc(lengthBytes);
    length.writeUIntLE(all.length, 0, lengthBytes);
    return Buffer.concat([length, all]);
  });

/** Digits as a server has them: groups of nine in four bytes, the rest at the outer ends. */
function decimalOf(precision: number, scale: number): fc.Arbitrary<Buffer> {
  const digits = fc
    .string({ unit: fc.constantFrom(..."0123456789"), minLength: precision, maxLength: precision })
    .map((all) =>
      all.startsWith("00") ? all.replace(/^\d+(?=\d\d\d)/, (d) => "0".repeat(d.length)) : all,
    );
  const parts = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
  return fc.tuple(digits, fc.boolean()).map(([all, isNegative]) => {
    const before = all.slice(0, precision - scale);
    const groups: string[] = [];
    for (let end = before.length; end > 0; end -= 9)
      groups.unshift(before.slice(Math.max(0, end - 9), end));
    const behind = all.slice(precision - scale);
    for (let from = 0; from < scale; from += 9) groups.push(behind.slice(from, from + 9));
    const packed = Buffer.concat(
      groups.map((group) => {
        const part = Buffer.alloc(parts[group.length] ?? 0);
        part.writeUIntBE(Number(group), 0, part.length);
        return part;
      }),
    );
    expect(packed.length).toBe(decimalBytes(precision, scale));
    const isMinus = isNegative && /[1-9]/.test(all);
    packed.writeUInt8(packed.readUInt8() ^ 0x80);
    return isMinus ? packed.map((byte) => ~byte & 0xff) : packed;
  }) as fc.Arbitrary<Buffer>;
}

/** A number of so many bytes, highest first. */
const number = (length: number, of: fc.Arbitrary<bigint>): fc.Arbitrary<Buffer> =>
  of.map((value) => Buffer.from(value.toString(16).padStart(2 * length, "0"), "hex"));
const fraction = (digits: number): fc.Arbitrary<Buffer> => {
  const length = (digits + 1) >> 1;
  if (length === 0) return fc.constant(Buffer.alloc(0));
  const unit = 10 ** (length * 2 - digits);
  return fc
    .oneof(fc.nat(10 ** digits - 1), fc.constantFrom(0, 1, 10 ** digits - 1, 10 ** (digits - 1)))
    .map((value) => {
      const all = Buffer.alloc(length);
      all.writeUIntBE(value * unit, 0, length);
      return all;
    });
};
const both = (first: fc.Arbitrary<Buffer>, second: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.tuple(first, second).map((parts) => Buffer.concat(parts));

const big = (min: bigint, max: bigint): fc.Arbitrary<bigint> => fc.bigInt({ min, max });
const dateBits = fc
  .tuple(fc.constantFrom(0, 1, 1970, 2026, 9999), fc.nat(12), fc.nat(31))
  .map(([year, month, day]) => [year, month, day] as const);
const date = dateBits.map(([year, month, day]) => {
  const all = Buffer.alloc(3);
  all.writeUIntLE((year << 9) | (month << 5) | day, 0, 3);
  return all;
});
const datetime = fc
  .tuple(dateBits, fc.nat(23), fc.nat(59), fc.nat(59))
  .map(([[year, month, day], hour, minute, second]) => {
    const packed =
      (((BigInt(year * 13 + month) * 32n + BigInt(day)) << 17n) |
        BigInt((hour << 12) | (minute << 6) | second)) +
      0x80_0000_0000n;
    return Buffer.from(packed.toString(16).padStart(10, "0"), "hex");
  });
const time = fc
  .tuple(fc.boolean(), fc.nat(838), fc.nat(59), fc.nat(59))
  .map(([isMinus, h, m, s]) => {
    const clock = (h << 12) | (m << 6) | s;
    const all = Buffer.alloc(3);
    all.writeUIntBE(0x80_0000 + (isMinus ? -clock : clock), 0, 3);
    return all;
  });
/** With all that a text of a message has ever gone wrong with, and words of four bytes cut anywhere. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom(
      ..."\t\n\r\b\f\v\u0000\u0001\u001f\u007f\"\\'N .ß😀€\u2028",
      "null",
      "abcd",
    ),
    maxLength: 9,
  }),
  fc
    .tuple(fc.nat(9), fc.constantFrom("", '"', "ß", "\\", "\u001f", "~"), fc.nat(9))
    .map(([before, odd, behind]) => "x".repeat(before) + odd + "y".repeat(behind)),
  fc.constantFrom(250, 255).map((length) => "x".repeat(length)),
);
const textBytes = fc.oneof(text, text, text, fc.uint8Array({ maxLength: 9 }));

const JSON_DOCUMENTS = [
  // {"a": 7, "b": "x\"y\\ß\n", "tags": [1, 2, 3]} and scalars, one of which is no UTF-8; and none at all.
  "0003003400190001001a0001001b0004000507000c1f00022700616274616773077822795cc39f0a03000d00050100050200050300",
  "",
  "0401",
  "0400",
  "05ffff",
  "0c0378227a",
  "0c02c39f",
  "0c01ff",
  "0b000000000000f83f",
  "09ffffffffffffff7f",
].map((hex) => Buffer.from(hex, "hex"));

interface Sample {
  readonly sourceType: string;
  readonly code: number;
  readonly meta?: number;
  readonly value: fc.Arbitrary<Buffer>;
}

const INTS = [
  ["tinyint", ColumnCode.TINY, 1],
  ["smallint", ColumnCode.SHORT, 2],
  ["mediumint", ColumnCode.INT24, 3],
  ["int", ColumnCode.LONG, 4],
  ["bigint", ColumnCode.LONGLONG, 8],
] as const;
const UTF8 = "character set utf8mb4";

const SAMPLES: readonly Sample[] = [
  ...INTS.flatMap(([name, code, length]) =>
    [name, `${name} unsigned`, `${name} unsigned zerofill`].map((sourceType) => ({
      sourceType,
      code,
      value: whole(length),
    })),
  ),
  { sourceType: "tinyint(1)", code: ColumnCode.TINY, value: whole(1) },
  { sourceType: "year", code: ColumnCode.YEAR, value: whole(1) },
  {
    sourceType: "float",
    code: ColumnCode.FLOAT,
    meta: 4,
    value: fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => {
      const all = Buffer.alloc(4);
      all.writeFloatLE(value);
      return all;
    }),
  },
  {
    sourceType: "double",
    code: ColumnCode.DOUBLE,
    meta: 8,
    value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => {
      const all = Buffer.alloc(8);
      all.writeDoubleLE(value);
      return all;
    }),
  },
  ...(
    [
      [12, 2],
      [15, 0],
      [15, 15],
      [14, 10],
      [10, 9],
      [16, 2],
      [65, 30],
      [1, 0],
      [5, 5],
    ] as const
  ).map(([precision, scale]) => ({
    sourceType: `decimal(${precision},${scale})`,
    code: ColumnCode.NEWDECIMAL,
    meta: (precision << 8) | scale,
    value: decimalOf(precision, scale),
  })),
  { sourceType: "date", code: ColumnCode.DATE, value: date },
  ...[0, 1, 3, 5, 6].flatMap((digits) => [
    {
      sourceType: `timestamp(${digits})`,
      code: ColumnCode.TIMESTAMP2,
      meta: digits,
      value: both(
        number(4, fc.oneof(big(0n, 0xffff_ffffn), fc.constantFrom(0n, 86_399n, 1_767_225_600n))),
        fraction(digits),
      ),
    },
    {
      sourceType: `datetime(${digits})`,
      code: ColumnCode.DATETIME2,
      meta: digits,
      value: both(datetime, fraction(digits)),
    },
    {
      sourceType: `time(${digits})`,
      code: ColumnCode.TIME2,
      meta: digits,
      value: both(time, fraction(digits)),
    },
  ]),
  {
    sourceType: `enum('a','b''c') ${UTF8}`,
    code: ColumnCode.ENUM,
    meta: 1,
    value: fc.nat(2).map((n) => Buffer.of(n)),
  },
  {
    sourceType: `set('a','b') ${UTF8}`,
    code: ColumnCode.SET,
    meta: 1,
    value: fc.nat(3).map((n) => Buffer.of(n)),
  },
  {
    sourceType: `varchar(60) ${UTF8}`,
    code: ColumnCode.VARCHAR,
    meta: 240,
    value: sized(
      1,
      textBytes.filter((all) => Buffer.from(all).length < 256),
    ),
  },
  {
    sourceType: `varchar(300) ${UTF8}`,
    code: ColumnCode.VARCHAR,
    meta: 1200,
    value: sized(2, textBytes),
  },
  {
    sourceType: `char(9) ${UTF8}`,
    code: ColumnCode.STRING,
    meta: 36,
    value: sized(
      1,
      textBytes.filter((all) => Buffer.from(all).length < 256),
    ),
  },
  ...[1, 2, 3, 4].map((length) => ({
    sourceType: `${["", "tinytext", "text", "mediumtext", "longtext"][length] ?? ""} ${UTF8}`,
    code: ColumnCode.BLOB,
    meta: length,
    value: sized(
      length,
      textBytes.filter((all) => length > 1 || Buffer.from(all).length < 256),
    ),
  })),
  ...["latin1", "sjis", "ucs2", "gb18030"].map((charset) => ({
    sourceType: `text character set ${charset}`,
    code: ColumnCode.BLOB,
    meta: 2,
    value: sized(
      2,
      fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.constantFrom("ascii text", 'qu"o\\te')),
    ),
  })),
  {
    sourceType: "varbinary(9)",
    code: ColumnCode.VARCHAR,
    meta: 9,
    value: sized(1, fc.uint8Array({ maxLength: 9 })),
  },
  {
    sourceType: "binary(9)",
    code: ColumnCode.STRING,
    meta: 9,
    value: sized(1, fc.uint8Array({ maxLength: 9 })),
  },
  {
    sourceType: "blob",
    code: ColumnCode.BLOB,
    meta: 2,
    value: sized(2, fc.uint8Array({ maxLength: 20 })),
  },
  { sourceType: "bit(1)", code: ColumnCode.BIT, meta: 1, value: whole(1) },
  { sourceType: "bit(10)", code: ColumnCode.BIT, meta: 10, value: whole(2) },
  {
    sourceType: "json",
    code: ColumnCode.JSON,
    meta: 4,
    value: sized(4, fc.constantFrom(...JSON_DOCUMENTS)),
  },
  {
    sourceType: "uuid",
    code: ColumnCode.STRING,
    meta: 16,
    value: sized(1, fc.uint8Array({ maxLength: 16 })),
  },
  {
    sourceType: "inet4",
    code: ColumnCode.STRING,
    meta: 4,
    value: sized(1, fc.uint8Array({ maxLength: 4 })),
  },
  {
    sourceType: "inet6",
    code: ColumnCode.STRING,
    meta: 16,
    value: sized(1, fc.uint8Array({ maxLength: 16 })),
  },
];

const KEYS = [
  "int",
  "bigint unsigned",
  `varchar(60) ${UTF8}`,
  "decimal(12,2)",
  "binary(9)",
  "timestamp(3)",
];

interface Table {
  readonly shape: TableShape;
  readonly plan: RowPlan;
  readonly samples: readonly Sample[];
}

function tableOf(
  samples: readonly Sample[],
  options: TypeOptions,
  zeroDatesAreNull: boolean,
): Table {
  const columns = samples.map(({ sourceType }, i) => {
    const parsed = parseColumnType(sourceType);
    if (parsed === null) throw new Error(`no type: ${sourceType}`);
    const name = i === 2 ? 'näme "2"' : `c${i}`;
    return {
      name,
      type: logicalType(parsed, options),
      sourceType,
      nullable: i > 0,
      ordinal: i + 1,
    };
  });
  const id = tableId("s", "t");
  const shape = { id, schema: "s", name: "t", identity: "1", columns, key: [0] };
  const mapped = samples.map(({ code, meta = 0 }): MappedColumn => ({
    code,
    meta,
    name: null,
    unsigned: null,
    charset: null,
    labels: null,
  }));
  const map = { tableId: 1, schema: "s", table: "t", columns: mapped, flavor: "mysql" as const };
  const plan = planRow(map, shape, { zeroDatesAreNull });
  if (plan === null) throw new Error(`no plan: ${samples.map((s) => s.sourceType).join()}`);
  return { shape, plan, samples };
}

type Fields = readonly (Buffer | null)[];

/** An image of a row. */
function imageOf(fields: Fields): Buffer {
  const nulls = Buffer.alloc((fields.length + 7) >> 3);
  for (const [index, field] of fields.entries())
    if (field === null) nulls[index >> 3] = (nulls[index >> 3] ?? 0) | (1 << (index & 7));
  return Buffer.concat([nulls, ...fields.filter((field) => field !== null)]);
}

const EVENTS = { c: EventType.WRITE_ROWS, u: EventType.UPDATE_ROWS, d: EventType.DELETE_ROWS };

function eventOf(op: keyof typeof EVENTS, width: number, images: readonly Buffer[]): Event {
  const kind = rowEventKind(EVENTS[op]);
  if (kind === null) throw new Error("no row event");
  const present = Buffer.alloc((width + 7) >> 3, 0xff);
  const presents = op === "u" ? [present, present] : [present];
  const head = Buffer.from("01000000000001000200", "hex");
  return { kind, body: Buffer.concat([head, Buffer.of(width), ...presents, ...images]) };
}

interface Event {
  readonly kind: RowEventKind;
  readonly body: Buffer;
}

interface Decoded {
  readonly op: Op;
  readonly before: Row | null;
  readonly after: Row | null;
}

function byValues(
  plan: RowPlan,
  { kind, body }: Event,
  maxValueBytes = MAX_VALUE_BYTES,
): Decoded[] {
  const decoder = new RowDecoder(maxValueBytes);
  decoder.begin(body, kind, plan, 0, body.length);
  const rows: Decoded[] = [];
  while (decoder.next())
    rows.push({ op: decoder.op, before: decoder.before, after: decoder.after });
  return rows;
}

/** Null where the event's rows have to become values. */
function byImages(
  plan: RowPlan,
  { kind, body }: Event,
  maxValueBytes = MAX_VALUE_BYTES,
): (LoggedChange | Decoded)[] | null {
  const images = new LoggedImages(maxValueBytes);
  // What is around it is not its own.
  const around = Buffer.concat([Buffer.alloc(3, 0xff), body, Buffer.alloc(300, 0x31)]);
  if (!images.begin(around, kind, plan, 3, 3 + body.length)) return null;
  const rows: (LoggedChange | Decoded)[] = [];
  while (images.next()) {
    const { op, before, after, isUnusual } = images;
    rows.push(isUnusual ? { op, before, after } : images.change(POSITION, TRANSACTION, 9));
  }
  around.fill(0);
  return rows;
}

/** Mostly those that go by the bytes of the log. */
const choice = fc.record({
  value: fc.constantFrom("debezium-json", "debezium-json", "plain-json", "canal-json"),
  key: fc.constantFrom("json", "json", "json", "csv", "string"),
  keyWithTable: fc.boolean(),
  includeSchema: fc.boolean(),
  tombstones: fc.boolean(),
  values: fc.record({
    decimal: fc.constantFrom("precise", "double", "string"),
    time: fc.constantFrom("adaptive", "isostring", "microseconds", "nanoseconds", "connect"),
    binary: fc.constantFrom("bytes", "base64", "base64-url-safe", "hex"),
    interval: fc.constantFrom("numeric", "string"),
    hstore: fc.constantFrom("json", "map"),
    bigintUnsigned: fc.constantFrom("long", "precise"),
    unavailable: fc.constant("?"),
  }),
});

/** The messages of a change, or why there are none. */
async function written(change: TargetChangeEvent, options: FormatOptions): Promise<unknown> {
  const names = { serverName: "shop", version: "1" };
  const encoder = await createFormat(options, { names, block: null }).encoder(change.table, "t");
  const output = new MessageList();
  try {
    encoder.change(change, 7, output);
    return output.messages;
  } catch (thrown) {
    return String(thrown);
  }
}

/** Messages of the change by its bytes, and by its values. */
async function bothWays(
  shape: TableShape,
  logged: LoggedChange,
  { op, before, after }: Decoded,
  options: FormatOptions,
): Promise<{ readonly images: unknown; readonly values: unknown }> {
  const target = mapToTopic(shape, { schema: "s", name: "t" });
  const from = { transaction: TRANSACTION, op, before, after };
  return {
    values: await written(event(target, from), options),
    images: await written(event(target, { ...from, logged }), options),
  };
}

const sampleOf = (sourceType: string): Sample => {
  const sample = SAMPLES.find((each) => each.sourceType === sourceType);
  if (sample === undefined) throw new Error(sourceType);
  return sample;
};

const fieldsOf = (samples: readonly Sample[]): fc.Arbitrary<Fields> =>
  fc.tuple(
    samples[0]?.value ?? fc.constant(Buffer.alloc(0)),
    ...samples.slice(1).map(({ value }) => fc.option(value, { nil: null, freq: 6 })),
  );

const drawn = fc
  .tuple(
    fc.constantFrom(...KEYS),
    fc.array(fc.constantFrom(...SAMPLES), { maxLength: 9 }),
    fc.constantFrom(...TYPES),
    fc.boolean(),
  )
  .chain(([key, others, types, zeroDatesAreNull]) => {
    const samples = [sampleOf(key), ...others];
    return fc.tuple(
      fc.constant(tableOf(samples, types, zeroDatesAreNull)),
      fc.constantFrom("c", "u", "d" as const),
      fc.array(fc.tuple(fieldsOf(samples), fieldsOf(samples)), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
    );
  })
  .map(([table, op, rows, movesKeys]) => ({
    table,
    event: eventOf(
      op,
      table.samples.length,
      rows.flatMap(([first, second]) => {
        const kept = movesKeys ? second : [first[0] ?? null, ...second.slice(1)];
        return op === "u" ? [imageOf(first), imageOf(kept)] : [imageOf(first)];
      }),
    ),
  }));

/** What the work gives, or the error that bytes may cause. */
function outcome<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (error instanceof MillraceError && error.code === "MR_SOURCE_PROTOCOL") return error.message;
    throw error;
  }
}

describe("a change that stays the bytes that the log has of it", () => {
  it("has the key, the values and the messages of its values, byte for byte, of each type in each format", async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(drawn, choice, async ({ table: { plan, shape }, event: given }, chosen) => {
        const values = byValues(plan, given);
        const images = byImages(plan, given);
        if (images === null) throw new Error("no images");
        expect(images.length).toBe(values.length);
        const options = { ...DEFAULT_FORMAT, ...chosen };
        for (const [index, row] of values.entries()) {
          const image = images[index];
          expect({ op: image?.op, before: image?.before, after: image?.after }).toEqual(row);
          if (!(image instanceof LoggedChange)) continue;
          expect(image.key).toBe(keyText(shape, row.after ?? row.before ?? []));
          const found = await bothWays(shape, image, row, options);
          expect(found.images).toEqual(found.values);
          if (Array.isArray(found.values)) told++;
        }
      }),
      { numRuns: 1_500 },
    );
    // Most of what was drawn has a message at all.
    expect(told).toBeGreaterThan(1_000);
  });

  it("is an error where it is cut, and nothing that its values are not where it is spoilt", async () => {
    const spoil = fc.record({
      cut: fc.option(fc.nat(500), { nil: null }),
      changes: fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        drawn,
        spoil,
        async ({ table: { plan, shape }, event: given }, { cut, changes }) => {
          const body = Buffer.from(given.body);
          // The table's number is looked at by who looks for its plan.
          for (const [at, value] of changes) body[8 + (at % (body.length - 8))] = value;
          const spoilt = {
            kind: given.kind,
            body: body.subarray(0, cut === null ? body.length : 8 + (cut % (body.length - 8))),
          };
          const values = outcome(() => byValues(plan, spoilt));
          const images = outcome(() => byImages(plan, spoilt));
          // Null: they become values, and so the same.
          if (images === null) return;
          if (typeof images === "string") {
            expect(typeof values).toBe("string");
            return;
          }
          for (const [index, image] of images.entries()) {
            if (!(image instanceof LoggedChange)) continue;
            const row = typeof values === "string" ? outcome(() => image.read()) : values[index];
            if (typeof row !== "object") continue;
            const found = await bothWays(shape, image, row, DEFAULT_FORMAT);
            expect(found.images).toEqual(found.values);
          }
        },
      ),
      { numRuns: 1_500 },
    );
  });

  it("is not what comes of rows that lack columns, of documents written as differences, of compressed ones, or of large ones", () => {
    const samples = ["int", "json", "varchar(300) " + UTF8].map(sampleOf);
    const { plan } = tableOf(samples, TYPES[1] ?? assertNever(), false);
    const image = imageOf([Buffer.alloc(4, 1), null, null]);
    const given = eventOf("u", 3, [image, image]);
    expect(byImages(plan, given)).toHaveLength(1);
    expect(byImages(plan, given, 100)).toBeNull();
    for (const at of [11, 12]) {
      const body = Buffer.from(given.body);
      body[at] = 0b101;
      expect(byImages(plan, { kind: given.kind, body })).toBeNull();
    }
    for (const more of [{ isPartial: true }, { isCompressed: true }])
      expect(byImages(plan, { ...given, kind: { ...given.kind, ...more } })).toBeNull();
  });

  it("is not what comes of tables without key, with versions, or with values that outgrow what the log has", () => {
    for (const flavor of ["mysql", "mariadb"] as const) {
      const { plan, rows } = recordedRows(flavor);
      for (const row of rows) expect(byImages(plan, row), "a geometry").toBeNull();
    }
    const { plan } = tableOf([sampleOf("int")], TYPES[0] ?? assertNever(), false);
    const row = eventOf("c", 1, [imageOf([Buffer.alloc(4, 1)])]);
    expect(byImages(plan, row)).toHaveLength(1);
    expect(byImages({ ...plan, rowEnd: 0 }, row)).toBeNull();
    expect(byImages({ ...plan, shape: { ...plan.shape, key: [] } }, row)).toBeNull();
  });

  it("is one with values where its key is another one than before", () => {
    const { plan } = tableOf(
      [sampleOf("int"), sampleOf("tinyint")],
      TYPES[0] ?? assertNever(),
      false,
    );
    const at = (key: number, value: number): Buffer =>
      imageOf([Buffer.alloc(4, key), Buffer.of(value)]);
    const rows = byImages(plan, eventOf("u", 2, [at(1, 1), at(1, 2), at(1, 2), at(2, 2)]));
    expect(rows?.map((row) => row instanceof LoggedChange)).toEqual([true, false]);
  });
});

function assertNever(): never {
  throw new Error("not here");
}
