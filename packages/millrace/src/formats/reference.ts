import type { LogicalType } from "../model/logical-type.ts";
import type { Value } from "../model/value.ts";
import { ByteWriter } from "./byte-writer.ts";
import { avroSchema } from "./avro-schema.ts";
import type { ColumnForm } from "./column-form.ts";
import { debeziumForm } from "./debezium-forms.ts";
import { DEFAULT_FORMAT, type ValueOptions } from "./format.ts";
import { jsonWriter } from "./json-values.ts";
import { plainForm } from "./plain-forms.ts";

/** A column of a source with a value, to show what becomes of it. */
interface Sample {
  readonly source: string;
  readonly logical: LogicalType;
  readonly sourceType?: string;
  readonly value: Value;
}

const int = (bits: 8 | 16 | 24 | 32 | 64, unsigned?: true): LogicalType =>
  unsigned === undefined ? { kind: "int", bits } : { kind: "int", bits, unsigned };
const other = (name: string): LogicalType => ({ kind: "other", name });

const ANY_TEXT: LogicalType = { kind: "text", maxChars: null };
const ANY_BYTES: LogicalType = { kind: "bytes", maxBytes: null };

/** Types that have one form in each format. */
const FIXED: readonly Sample[] = [
  {
    source: "boolean, MySQL's `tinyint(1)` and `bit(1)`",
    logical: { kind: "boolean" },
    value: true,
  },
  { source: "`smallint`, `tinyint`", logical: int(16), value: "-7" },
  { source: "`integer`, `mediumint`, `smallint unsigned`", logical: int(32), value: "-7" },
  { source: "`bigint`, `oid`, `int unsigned`", logical: int(64), value: "9007199254740993" },
  { source: "MySQL's `year`", logical: int(16), sourceType: "year", value: "2026" },
  { source: "`real`, `float`", logical: { kind: "float", bits: 32 }, value: "1.5" },
  { source: "`double precision`", logical: { kind: "float", bits: 64 }, value: "NaN" },
  { source: "`text`, `varchar(n)`, `char(n)`", logical: ANY_TEXT, value: 'a "b"' },
  { source: "MySQL's `enum`", logical: ANY_TEXT, sourceType: "enum('a','b')", value: "a" },
  { source: "MySQL's `set`", logical: ANY_TEXT, sourceType: "set('a','b')", value: "a,b" },
  {
    source: "PostgreSQL's enumerations",
    logical: { kind: "other", name: "mood", labels: ["sad", "ok"] },
    value: "ok",
  },
  { source: "`uuid`", logical: { kind: "uuid" }, value: "00112233-4455-6677-8899-aabbccddeeff" },
  { source: "`json`, `jsonb`", logical: { kind: "jsonb" }, value: '{"a": 1}' },
  {
    source: "`timestamptz`, MySQL's `timestamp(6)`",
    logical: { kind: "timestamptz", precision: 6 },
    value: "2026-11-22 04:05:06.5+00",
  },
  { source: "`timetz`", logical: { kind: "timetz", precision: 6 }, value: "04:05:06+02" },
  { source: "`bit(4)`", logical: other("bit(4)"), value: "1010" },
  {
    source: "MySQL's `bit(12)`",
    logical: ANY_BYTES,
    sourceType: "bit(12)",
    value: Uint8Array.of(1, 2),
  },
  { source: "`xml`", logical: other("xml"), value: "<a/>" },
  { source: "`point`", logical: other("point"), value: "(1.5,-2)" },
  {
    source: "PostGIS `geometry`",
    logical: other("geometry"),
    value: "0101000020E6100000000000000000F03F0000000000000040",
  },
  { source: "`integer[]`", logical: other("integer[]"), value: "{1,NULL}" },
  { source: "`text[]`", logical: other("text[]"), value: '{a,"b c"}' },
  {
    source: "ranges, `inet`, `money`, composites, all else",
    logical: other("int4range"),
    value: "[1,5)",
  },
];

interface Mode {
  readonly option: string;
  readonly mode: string;
  readonly sample: Sample;
  readonly options: Partial<ValueOptions>;
}

function modes<K extends keyof ValueOptions>(
  option: string,
  key: K,
  names: readonly ValueOptions[K][],
  samples: readonly Sample[],
): Mode[] {
  return samples.flatMap((sample) =>
    names.map((mode) => ({ option, mode: String(mode), sample, options: { [key]: mode } })),
  );
}

const TIME_MODES = [
  "adaptive",
  "adaptive_time_microseconds",
  "connect",
  "isostring",
  "microseconds",
  "nanoseconds",
] as const;

/** Types whose form an option decides. */
const BY_OPTION: readonly Mode[] = [
  ...modes(
    "decimal.handling.mode",
    "decimal",
    ["precise", "double", "string"],
    [
      {
        source: "`numeric(9,2)`",
        logical: { kind: "decimal", precision: 9, scale: 2 },
        value: "10.50",
      },
      {
        source: "`numeric`",
        logical: { kind: "decimal", precision: null, scale: null },
        value: "10.5",
      },
    ],
  ),
  ...modes("time.precision.mode", "time", TIME_MODES, [
    { source: "`date`", logical: { kind: "date" }, value: "2026-11-22" },
    { source: "`time(3)`", logical: { kind: "time", precision: 3 }, value: "04:05:06.5" },
    { source: "`time(6)`", logical: { kind: "time", precision: 6 }, value: "04:05:06.5" },
    {
      source: "`timestamp(3)`, `datetime(3)`",
      logical: { kind: "timestamp", precision: 3 },
      value: "2026-11-22 04:05:06.5",
    },
    {
      source: "`timestamp(6)`, `datetime(6)`",
      logical: { kind: "timestamp", precision: 6 },
      value: "2026-11-22 04:05:06.5",
    },
  ]),
  ...modes(
    "binary.handling.mode",
    "binary",
    ["bytes", "base64", "base64-url-safe", "hex"],
    [
      {
        source: "`bytea`, `blob`, `varbinary(n)`",
        logical: ANY_BYTES,
        value: Uint8Array.of(0, 254, 255),
      },
    ],
  ),
  ...modes(
    "interval.handling.mode",
    "interval",
    ["string", "numeric"],
    [{ source: "`interval`", logical: { kind: "interval" }, value: "1 mon 2 days 03:04:05.5" }],
  ),
  ...modes(
    "bigint.unsigned.handling.mode",
    "bigintUnsigned",
    ["long", "precise"],
    [{ source: "`bigint unsigned`", logical: int(64, true), value: "9007199254740993" }],
  ),
  ...modes(
    "hstore.handling.mode",
    "hstore",
    ["json", "map"],
    [{ source: "`hstore`", logical: other("hstore"), value: '"a"=>"1", "b"=>NULL' }],
  ),
];

/** `docs/reference/message-values.md`: what the writers themselves make of each type. */
export function messageValuesReference(): string {
  const fixed = FIXED.map((sample) =>
    row([sample.source, ...cells(sample, DEFAULT_FORMAT.values)]),
  );
  const byOption = BY_OPTION.map(({ option, mode, sample, options }) => {
    const all = { ...DEFAULT_FORMAT.values, ...options };
    const isDefault = Object.entries(DEFAULT_FORMAT.values).every(
      ([name, value]) => Reflect.get(all, name) === value,
    );
    const [type = "", name = "", json = "", avro = ""] = cells(sample, all);
    const shown = `\`${option}: ${mode}\`${isDefault ? " (default)" : ""}`;
    return row([sample.source, shown, type, name, json, avro]);
  });
  return `${HEADER}
${row(["source", "type", "meaning", "in JSON", "in Avro", "plain-json, canal-json"])}
${row(["---", "---", "---", "---", "---", "---"])}
${fixed.join("\n")}

## By option

${row(["source", "option", "type", "meaning", "in JSON", "in Avro"])}
${row(["---", "---", "---", "---", "---", "---"])}
${byOption.join("\n")}
`;
}

function row(parts: readonly string[]): string {
  return `| ${parts.join(" | ")} |`;
}

function cells(sample: Sample, options: ValueOptions): string[] {
  const form = debeziumForm(sample, options);
  const { type, name = "" } = form.schema;
  return [
    `\`${type}\``,
    name === "" ? "" : `\`${name}\``,
    shownJson(form, sample.value),
    shownAvro(form),
    shownJson(plainForm(sample, options), sample.value),
  ];
}

function shownJson(form: ColumnForm, value: Value): string {
  const out = new ByteWriter(64);
  jsonWriter(form)(value, out);
  return `\`${out.written().toString("utf8").replaceAll("|", "\\|")}\``;
}

function shownAvro({ schema }: ColumnForm): string {
  const made = avroSchema(schema);
  if (typeof made === "string") return `\`${made}\``;
  const type: unknown = Reflect.get(made, "type");
  const logical: unknown = Reflect.get(made, "logicalType");
  return `\`${String(type)}\`${typeof logical === "string" ? ` (\`${logical}\`)` : ""}`;
}

const HEADER = `# Values in messages

Made from the formats' own tables and writers by \`node packages/millrace/src/cli/write-reference.ts\`; do not edit it by hand.

What a column becomes in \`debezium-json\` and \`avro\`, and in \`plain-json\` and \`canal-json\`: the type and the meaning that
Kafka Connect's schema names, and a value of it. More on formats, keys and headers: [formats of messages](../sinks/kafka-formats.md).
`;
