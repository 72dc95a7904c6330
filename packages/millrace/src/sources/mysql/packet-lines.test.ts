import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ScriptedBytes } from "../../bytes/scripted-bytes.fixture.ts";
import { event } from "../../formats/event.fixture.ts";
import { createFormat } from "../../formats/create-format.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "../../formats/format.ts";
import { MessageList } from "../../formats/messages.fixture.ts";
import type { RowLine } from "../../model/row-line.ts";
import type { TargetChangeEvent } from "../../model/sink.ts";
import { tableId, type TableShape, type TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { mapToTopic } from "../../sinks/kafka/table-mapping.ts";
import { Answered, AnswerReader } from "./answer-reader.ts";
import { answer, type AnswerRow } from "./answers.fixture.ts";
import { keyColumn } from "./key-column.ts";
import { keyText } from "./keys.ts";
import { PacketLines } from "./packet-lines.ts";
import { snapshotColumns } from "./snapshot-columns.ts";
import type { TablePlan } from "./table-plan.ts";
import { logicalType, parseColumnType, type TypeOptions } from "./types.ts";

const MAX_VALUE_BYTES = 1_000;
const AS_BOOLEAN: TypeOptions = {
  tinyint1AsBoolean: true,
  timeAsInterval: false,
  geometry: "geojson",
};
const TYPES: readonly TypeOptions[] = [
  AS_BOOLEAN,
  { tinyint1AsBoolean: false, timeAsInterval: true, geometry: "wkb" },
];

const digits = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: max });
const signed = (number: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom("", "-"), number).map((parts) => parts.join(""));
const two = (max: number): fc.Arbitrary<string> =>
  fc.integer({ min: 1, max }).map((number) => String(number).padStart(2, "0"));
const date = fc.oneof(
  fc
    .tuple(fc.constantFrom("0001", "1970", "2026", "9999"), two(12), two(28))
    .map((parts) => parts.join("-")),
  fc.constantFrom("0000-00-00", "2020-00-00", "2020-01-00", "0000-01-01"),
);
const clock = (precision: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      two(23),
      two(59),
      two(59),
      fc.oneof(fc.integer({ min: 0, max: 10 ** precision - 1 }), fc.constant(0)),
    )
    .map(([h, m, s, fraction]) =>
      precision === 0
        ? `${h}:${m}:${s}`
        : `${h}:${m}:${s}.${String(fraction).padStart(precision, "0")}`,
    );
const stamp = (precision: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.tuple(date, clock(precision)).map((parts) => parts.join(" ")),
    fc.constant(`0000-00-00 00:00:00${precision === 0 ? "" : "."}${"0".repeat(precision)}`),
  );
/** With all that a text of a message, or its length, has ever gone wrong with. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom(..."\t\n\r\b\f\v\u0000\u0001\u001f\u007f\"\\'N .ß😀€\u2028", "null"),
    maxLength: 8,
  }),
  fc
    .tuple(
      fc.constantFrom(38, 39, 40, 160, 250, 251, 255, 256, 999, 1_000, 1_001),
      fc.constantFrom("", '"', "ß"),
    )
    .map(([length, end]) => "x".repeat(length - end.length) + end),
);
const hex = fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString("hex"));

interface Sample {
  readonly sourceType: string;
  readonly value: fc.Arbitrary<string>;
}

const SAMPLES: readonly Sample[] = [
  { sourceType: "tinyint(1)", value: fc.constantFrom("0", "1", "-1", "7") },
  ...["tinyint", "int", "bigint"].flatMap((name) => [
    { sourceType: name, value: signed(digits(19).map((all) => String(BigInt(all)))) },
    { sourceType: `${name} unsigned zerofill`, value: digits(20) },
  ]),
  {
    sourceType: "bigint unsigned",
    value: fc.constantFrom("0", "9223372036854775807", "9223372036854775808"),
  },
  { sourceType: "year", value: fc.constantFrom("0000", "1901", "2155") },
  ...["decimal(30,0)", "decimal(12,2)", "decimal(12,2) unsigned zerofill"].map((sourceType) => ({
    sourceType,
    value: signed(
      fc
        .tuple(digits(20), digits(2))
        .map((parts) => parts.join(sourceType.startsWith("decimal(12") ? "." : "")),
    ),
  })),
  ...["float", "double"].map((sourceType) => ({
    sourceType,
    value: fc.constantFrom("0", "-0", "1.5", "1e20", "1e-7", "0.1", "3.4e38", "123456789012345680"),
  })),
  { sourceType: "varchar(300) character set utf8mb4", value: text },
  { sourceType: "char(9) character set latin1", value: text },
  { sourceType: "longtext character set utf8mb4", value: text },
  { sourceType: "enum('a','b''c')", value: fc.constantFrom("a", "b'c", "") },
  { sourceType: "set('a','b')", value: fc.constantFrom("a", "a,b", "") },
  { sourceType: "json", value: fc.oneof(fc.json(), text) },
  { sourceType: "varbinary(9)", value: hex },
  { sourceType: "bit(1)", value: fc.constantFrom("0", "1", "") },
  { sourceType: "bit(10)", value: fc.constantFrom("0", "3FF", "") },
  { sourceType: "date", value: date },
  ...[0, 3, 6].flatMap((precision) => [
    { sourceType: `time(${precision})`, value: signed(clock(precision)) },
    { sourceType: `datetime(${precision})`, value: stamp(precision) },
    { sourceType: `timestamp(${precision})`, value: stamp(precision) },
  ]),
  { sourceType: "uuid", value: fc.uuid() },
  { sourceType: "inet4", value: fc.ipV4() },
];

/** Mostly those that go by the bytes of the line. */
const choice = fc.record({
  value: fc.constantFrom("debezium-json", "debezium-json", "plain-json", "canal-json"),
  key: fc.constantFrom("json", "json", "json", "csv", "string"),
  keyWithTable: fc.boolean(),
  includeSchema: fc.boolean(),
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

function shapeOf(samples: readonly Sample[], options: TypeOptions): TableShape {
  const key = { sourceType: "varchar(300) character set utf8mb4" };
  const columns = [key, ...samples].map(({ sourceType }, i) => {
    const parsed = parseColumnType(sourceType);
    if (parsed === null) throw new Error(`no type: ${sourceType}`);
    const type = logicalType(parsed, options);
    const name = i === 2 ? 'näme "2"' : `c${i}`;
    return { name, type, sourceType, nullable: i > 0, ordinal: i + 1 };
  });
  return { id: tableId("s", "t"), schema: "s", name: "t", identity: "1", columns, key: [0] };
}

function planOf(shape: TableShape): TablePlan {
  const key = shape.key.map((index) => {
    const { name, sourceType } = shape.columns[index] ?? { name: "", sourceType: "" };
    const type = parseColumnType(sourceType);
    if (type === null) throw new Error(`no type: ${sourceType}`);
    return keyColumn(name, type, "utf8mb4_bin");
  });
  return { from: "t", present: shape.columns.map(() => true), key, changed: null };
}

interface Read {
  readonly row: Row;
  readonly line: RowLine | null;
}

interface ReadOptions {
  readonly zeroDatesAreNull?: boolean;
  readonly maxValueBytes?: number;
  readonly laneOf?: (key: string) => number;
}

/** Rows as a server answers them, read both ways. */
async function readAll(
  shape: TableShape,
  rows: readonly AnswerRow[],
  { zeroDatesAreNull = false, maxValueBytes = MAX_VALUE_BYTES, laneOf = () => 0 }: ReadOptions = {},
): Promise<Read[]> {
  const limits = { values: { zeroDatesAreNull }, maxValueBytes };
  const all = shape.columns.map((_, index) => index);
  const columns = snapshotColumns(shape, planOf(shape), all, { ...limits, bounds: true });
  const answered = rows.map((row) => {
    const fields: (string | Buffer | null)[] = columns.select.map(() => null);
    for (const { at, index, skimmedAt } of columns.reads) {
      const value = row[index] ?? null;
      const bytes = Buffer.byteLength(value ?? "");
      // As the server is asked to.
      const isLong = skimmedAt !== null && bytes > maxValueBytes;
      fields[at] = isLong ? null : value;
      if (skimmedAt !== null) fields[skimmedAt] = isLong ? String(bytes) : null;
    }
    return fields;
  });
  const bytes = answer(columns.select.length, answered);
  const reader = new AnswerReader(new ScriptedBytes(bytes, []));
  const lines = PacketLines.of(shape, { ...limits, columns, laneOf });
  const read: Read[] = [];
  for (;;) {
    const found = reader.advance();
    if (found === Answered.END) return read;
    if (found === Answered.MORE) await reader.fill();
    else read.push({ row: columns.row(reader), line: lines?.line(reader) ?? null });
  }
}

async function readBoth(
  shape: TableShape,
  texts: AnswerRow,
  zeroDatesAreNull: boolean,
): Promise<Read> {
  const [read] = await readAll(shape, [texts], { zeroDatesAreNull });
  if (read === undefined) throw new Error("no row");
  return read;
}

/** The one message of a change, or why there is none. */
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

const targetOf = (shape: TableShape): TargetTable => mapToTopic(shape, { schema: "s", name: "t" });

const drawn = fc
  .tuple(fc.constantFrom(...TYPES), fc.array(fc.constantFrom(...SAMPLES), { maxLength: 6 }))
  .chain(([types, samples]) =>
    fc.tuple(
      fc.constant(shapeOf(samples, types)),
      text,
      fc.tuple(...samples.map(({ value }) => fc.option(value, { nil: null, freq: 6 }))),
    ),
  );

describe("a row that stays the packet that it came in", () => {
  it("has the key, the values and the messages of its values, byte for byte, of each type in each format", async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(drawn, choice, fc.boolean(), async (given, chosen, zeroDatesAreNull) => {
        const [shape, key, values] = given;
        const { row, line } = await readBoth(shape, [key, ...values], zeroDatesAreNull);
        if (line === null) return;
        expect(line.key).toBe(keyText(shape, row));
        const { after } = line.read();
        expect(after).toEqual(row);
        const target = targetOf(shape);
        const options = { ...DEFAULT_FORMAT, ...chosen };
        const expected = await written(event(target, { op: "r", after: row }), options);
        expect(await written({ ...event(target, { op: "r" }), line, after }, options)).toEqual(
          expected,
        );
        if (Array.isArray(expected)) told++;
      }),
      { numRuns: 1_500 },
    );
    // Most of what was drawn has a message at all.
    expect(told).toBeGreaterThan(500);
  });

  it("is none where a value was left out for its size, and none of a type whose values outgrow what was sent", async () => {
    const skimmed = shapeOf(
      [{ sourceType: "longtext character set utf8mb4", value: text }],
      AS_BOOLEAN,
    );
    expect((await readBoth(skimmed, ["k", "x".repeat(1_001)], false)).line).toBeNull();
    expect((await readBoth(skimmed, ["k", "x".repeat(900)], false)).line).not.toBeNull();
    const point = shapeOf([{ sourceType: "point", value: text }], AS_BOOLEAN);
    expect((await readBoth(point, ["k", null], false)).line).toBeNull();
  });

  it("has what is no character replaced, as its values have", async () => {
    const shape = shapeOf(
      [{ sourceType: "varchar(300) character set utf8mb4", value: text }],
      AS_BOOLEAN,
    );
    const target = targetOf(shape);
    for (const bytes of [[0x41, 0xff], [0xc3], [0xed, 0xa0, 0x80], [0x22, 0xe2, 0x82, 0xac]]) {
      const { row, line } = await readBoth(shape, ["k", Buffer.from(bytes)], false);
      if (line === null) throw new Error("no line");
      const after = row;
      const expected = await written(event(target, { op: "r", after }), DEFAULT_FORMAT);
      expect(await written({ ...event(target, { op: "r" }), line, after }, DEFAULT_FORMAT)).toEqual(
        expected,
      );
    }
  });

  it("stands with those of its lane, and alone where it is long", async () => {
    const shape = shapeOf(
      [{ sourceType: "longtext character set utf8mb4", value: text }],
      AS_BOOLEAN,
    );
    const texts = [
      ["0", "a"],
      ["1", "b"],
      ["0", "c"],
      ["0", "x".repeat(5_000)],
    ];
    const read = await readAll(shape, texts, { maxValueBytes: 100_000, laneOf: Number });
    const [a, b, c, long] = read.map(({ line }) => line);
    expect(a?.text).toBeDefined();
    expect(c?.text).toBe(a?.text);
    expect(b?.text).not.toBe(a?.text);
    expect(long?.text.buffer.length).toBe(long?.end);
  });

  it("has its values made for no message of texts, numbers and times that are usual", async () => {
    const usual = {
      bigint: "-42",
      "decimal(12,2)": "-17.50",
      "varchar(300) character set utf8mb4": 'a "text"\n',
      json: '{"a": [1, "b"]}',
      "timestamp(3)": "2026-11-23 02:59:00.120",
      year: "2026",
    };
    const samples = Object.keys(usual).map((sourceType) => ({ sourceType, value: text }));
    const shape = shapeOf(samples, AS_BOOLEAN);
    const { line, row } = await readBoth(shape, ["k", ...Object.values(usual)], false);
    if (line === null) throw new Error("no line");
    const asked: unknown[] = [];
    const value = (_start: number, _end: number, column: number): null => {
      asked.push(column);
      return null;
    };
    // Who takes messages down reads their row, too.
    Object.assign(line.text, { value, read: () => ({ after: row }) });
    const change = { ...event(targetOf(shape), { op: "r" }), line };
    const expected = await written(event(targetOf(shape), { op: "r", after: row }), DEFAULT_FORMAT);
    const messages = await written(change, DEFAULT_FORMAT);
    expect(asked).toEqual([]);
    expect(messages).toEqual(expected);
  });
});
