import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { LogicalType } from "../model/logical-type.ts";
import { RowLine } from "../model/row-line.ts";
import type { TargetChangeEvent } from "../model/sink.ts";
import { tableId, type TableShape, type TargetTable } from "../model/table.ts";
import { mapToTopic } from "../sinks/kafka/table-mapping.ts";
import { CopyLines } from "../sources/postgres/copy-lines.ts";
import { copyColumnsOf, CopyRowParser } from "../sources/postgres/copy-row.ts";
import { PostgresSourceBlock } from "../sources/postgres/source-block.ts";
import { createFormat } from "./create-format.ts";
import { event } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "./format.ts";
import { LineFields } from "./line-fields.ts";
import { MessageList } from "./messages.fixture.ts";

const BLOCK = new PostgresSourceBlock({ serverName: "shop", version: "1" }, "postgres");
const MAX_VALUE_BYTES = 1_000_000;

const digits = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: max });
const two = (max: number): fc.Arbitrary<string> =>
  fc.integer({ min: 1, max }).map((number) => String(number).padStart(2, "0"));
const signed = (number: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom("", "-"), number).map((parts) => parts.join(""));
const decimal = signed(
  fc.tuple(digits(20), fc.option(digits(9), { nil: null })).map((parts) => {
    const [whole, fraction] = parts;
    return fraction === null ? whole : `${whole}.${fraction}`;
  }),
);
const date = fc
  .tuple(fc.constantFrom("0001", "1969", "2026", "9999", "10001"), two(12), two(28))
  .map((parts) => parts.join("-"));
const clock = fc
  .tuple(two(23), two(59), two(59), fc.option(digits(6), { nil: null }))
  .map(([h, m, s, fraction]) => `${h}:${m}:${s}${fraction === null ? "" : `.${fraction}`}`);
const era = fc.constantFrom("", "", "", " BC");
const stamp = fc.tuple(date, clock).map((parts) => parts.join(" "));
/** With all that a text of a message, or of a line, has ever gone wrong with; words of 40 and of 161 bytes, too. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }).map((value) => value.replaceAll("\u0000", "")),
  fc.string({
    unit: fc.constantFrom(..."\t\n\r\b\f\v\u0001\u001f\u007f\"\\'N .ß😀€\u2028", "null", "a b"),
    maxLength: 8,
  }),
  fc
    .tuple(fc.constantFrom(38, 39, 40, 159, 160, 161), fc.constantFrom("", '"', "\u0001", "\\"))
    .map(([length, end]) => "x".repeat(length) + end),
  fc.constantFrom("", "\\N", "\\.", "N"),
);

interface Sample {
  readonly logical: LogicalType;
  readonly sourceType?: string;
  readonly value: fc.Arbitrary<string>;
}

const SAMPLES: readonly Sample[] = [
  { logical: { kind: "boolean" }, value: fc.constantFrom("t", "f") },
  { logical: { kind: "int", bits: 64 }, value: signed(digits(19)) },
  {
    logical: { kind: "int", bits: 64, unsigned: true },
    value: fc.oneof(digits(20), fc.constantFrom("9223372036854775807", "9223372036854775808")),
  },
  {
    logical: { kind: "float", bits: 64 },
    value: fc.oneof(decimal, fc.constantFrom("NaN", "Infinity", "-Infinity", "1e+300", "-0")),
  },
  ...[0, 2, 9].map((scale) => ({
    logical: { kind: "decimal", precision: 30, scale } as const,
    value: fc.oneof(decimal, fc.constantFrom("NaN", "-", ".", "", "1.2.3", "1e3")),
  })),
  { logical: { kind: "decimal", precision: null, scale: null }, value: decimal },
  { logical: { kind: "text", maxChars: null }, value: text },
  { logical: { kind: "text", maxChars: 9, fixed: true }, sourceType: "character(9)", value: text },
  { logical: { kind: "uuid" }, value: fc.uuid() },
  { logical: { kind: "jsonb" }, value: fc.oneof(fc.json(), text) },
  {
    logical: { kind: "bytes", maxBytes: null },
    value: fc
      .uint8Array({ maxLength: 9 })
      .map((value) => `\\x${Buffer.from(value).toString("hex")}`),
  },
  { logical: { kind: "date" }, value: fc.tuple(date, era).map((parts) => parts.join("")) },
  { logical: { kind: "time", precision: 6 }, value: clock },
  { logical: { kind: "timetz", precision: 6 }, value: clock.map((value) => `${value}+05:30`) },
  ...[0, 3, 6].flatMap((precision) => [
    {
      logical: { kind: "timestamp", precision } as const,
      value: fc.tuple(stamp, era).map((parts) => parts.join("")),
    },
    {
      logical: { kind: "timestamptz", precision } as const,
      value: fc.oneof(
        fc
          .tuple(stamp, fc.constantFrom("+00", "+00", "+01", "+10"), era)
          .map((parts) => parts.join("")),
        fc.constantFrom("infinity", "-infinity", "+00", "short+00", "20260-1-01 00:00:00+00"),
      ),
    },
  ]),
  { logical: { kind: "interval" }, value: fc.constantFrom("1 day", "-00:00:01.5", "2 mons") },
  { logical: { kind: "other", name: "bit(1)" }, value: fc.constantFrom("0", "1") },
  { logical: { kind: "other", name: "integer[]" }, value: fc.constantFrom("{1,NULL}", "{}", "x") },
  { logical: { kind: "other", name: "text[]" }, value: fc.constantFrom('{"a\\"b",ß}', "{}") },
  { logical: { kind: "other", name: "hstore" }, value: fc.constantFrom('"a"=>"b"', "") },
  { logical: { kind: "other", name: "point" }, value: fc.constantFrom("(1,2)", "(x)") },
  { logical: { kind: "other", name: "inet" }, value: text },
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

/** As the server's CopyAttributeOutText. */
function copied(value: string | null): string {
  if (value === null) return "\\N";
  const letters: Readonly<Record<string, string>> = {
    "\\": "\\",
    "\b": "b",
    "\f": "f",
    "\n": "n",
    "\r": "r",
    "\t": "t",
    "\v": "v",
  };
  return value.replaceAll(/[\\\b\f\n\r\t\v]/g, (letter) => `\\${letters[letter] ?? ""}`);
}

function shapeOf(samples: readonly Sample[]): TableShape {
  const key = { logical: { kind: "text", maxChars: null }, value: text } as const;
  const columns = [key, ...samples].map(({ logical, sourceType }: Sample, i) => ({
    name: i === 2 ? 'näme "2"' : `c${i}`,
    type: logical,
    sourceType: sourceType ?? logical.kind,
    nullable: i > 0,
    ordinal: i + 1,
  }));
  return { id: tableId("s", "t"), schema: "s", name: "t", identity: "1", columns, key: [0] };
}

const drawn = fc
  .array(fc.constantFrom(...SAMPLES), { maxLength: 6 })
  .chain((samples) =>
    fc.tuple(
      fc.constant(shapeOf(samples)),
      text,
      fc.tuple(...samples.map(({ value }) => fc.option(value, { nil: null, freq: 6 }))),
    ),
  );

function lineOf(shape: TableShape, bytes: Buffer): RowLine {
  const rows = new CopyRowParser(copyColumnsOf(shape), MAX_VALUE_BYTES);
  const line = new CopyLines(shape, rows, () => 0).row(bytes, 0, bytes.length);
  if (!(line instanceof RowLine)) throw new Error("no line");
  return line;
}

/** The one message of a change, or why there is none. */
async function written(change: TargetChangeEvent, options: FormatOptions): Promise<unknown> {
  const names = { serverName: "shop", version: "1" };
  const encoder = await createFormat(options, { names, block: BLOCK }).encoder(change.table, "t");
  const output = new MessageList();
  try {
    encoder.change(change, 7, output);
    return output.messages;
  } catch (thrown) {
    return String(thrown);
  }
}

const targetOf = (shape: TableShape): TargetTable => mapToTopic(shape, { schema: "s", name: "t" });

async function expectSame(
  shape: TableShape,
  bytes: Buffer,
  options: FormatOptions,
): Promise<unknown> {
  const line = lineOf(shape, bytes);
  const target = targetOf(shape);
  const { after } = line.read();
  const read = await written(event(target, { op: "r", after }), options);
  const asked = { ...event(target, { op: "r" }), line, after };
  expect(await written(asked, options)).toEqual(read);
  return read;
}

describe("the message of a row that came as a line", () => {
  it("is byte for byte the one of its values, in each format, of each type", async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(drawn, choice, async ([shape, key, values], chosen) => {
        const bytes = Buffer.from(`${[key, ...values].map(copied).join("\t")}\n`);
        const options = { ...DEFAULT_FORMAT, ...chosen };
        if (Array.isArray(await expectSame(shape, bytes, options))) told++;
      }),
      { numRuns: 1_000 },
    );
    // Most of what was drawn has a message at all.
    expect(told).toBeGreaterThan(300);
  });

  it("has what was no character replaced, as its values have", async () => {
    const shape = shapeOf([{ logical: { kind: "text", maxChars: null }, value: text }]);
    const bytes = Buffer.from([0x6b, 0x09, 0xff, 0x41, 0xc3, 0x0a]);
    for (const value of ["debezium-json", "plain-json"] as const)
      await expectSame(shape, bytes, { ...DEFAULT_FORMAT, value });
  });

  it("is made without its values where nothing of it needs them", async () => {
    const { logical } = { logical: { kind: "text", maxChars: null } as const };
    const shape = shapeOf([{ logical, value: text }]);
    const line = lineOf(shape, Buffer.from('key\tplain "text"\n'));
    const change = {
      ...event(targetOf(shape), { op: "r" }),
      line,
      get after(): never {
        throw new Error("asked");
      },
    };
    for (const value of ["debezium-json", "plain-json"] as const) {
      const messages = await written(change, { ...DEFAULT_FORMAT, value });
      expect(messages).toMatchObject([{ key: '{"c0":"key"}' }]);
      expect(await written(change, { ...DEFAULT_FORMAT, value, key: "csv" })).toMatch(/asked/);
    }
  });

  it("keeps nothing of the line behind it", async () => {
    const shape = shapeOf([{ logical: { kind: "boolean" }, value: text }]);
    const change = event(targetOf(shape), { op: "r" });
    const finding = vi.spyOn(LineFields.prototype, "find");
    for (const value of ["debezium-json", "plain-json"] as const)
      await written(
        { ...change, line: lineOf(shape, Buffer.from("key\tt\n")) },
        { ...DEFAULT_FORMAT, value },
      );
    const kept = finding.mock.contexts.map(
      (fields) => fields instanceof LineFields && [fields.buffer.length, fields.value(0)],
    );
    finding.mockRestore();
    expect(kept).toEqual([
      [0, null],
      [0, null],
    ]);
  });

  it("is none where the line has too few columns", async () => {
    const shape = shapeOf([{ logical: { kind: "boolean" }, value: text }]);
    const line = lineOf(shape, Buffer.from("only\n"));
    const change = { ...event(targetOf(shape), { op: "r" }), line };
    expect(await written(change, DEFAULT_FORMAT)).toMatch(/1 columns, not 2/);
  });
});
