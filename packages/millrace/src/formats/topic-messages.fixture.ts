import fc from "fast-check";

/*
 * Messages of a topic as tests draw them, byte for byte: mostly like the ones before them, as those of a topic are, and now and
 * then with whatever else JSON, Debezium or a broken disk may bring.
 */

/** A message's bytes; null where it has none. */
export interface DrawnMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

type Members = readonly (readonly [name: string, json: string])[];

/** The word for a value that nobody has. */
export const GONE = "__gone";
const GONE_BYTES = Buffer.from(GONE).toString("base64");

/** Values of each kind of field as they stand in JSON, the usual ones first; and its schema. */
const FIELDS: readonly { readonly schema: object; readonly values: readonly string[] }[] = [
  {
    schema: { type: "int64" },
    values: ["7", "0", "-12", "1234567890123456789", "9223372036854775807", "-9223372036854775808"],
  },
  { schema: { type: "int32" }, values: ["1", "42", "-0", "9223372036854775808", "1e3", '"17"'] },
  { schema: { type: "boolean" }, values: ["true", "false", '"true"', "1"] },
  {
    schema: { type: "string" },
    values: [
      '"plain"',
      '""',
      '"a \\"b\\" \\\\ \\n"',
      '"\\u00e9\\ud83d\\ude80\\ud800"',
      '"é 漢字 🚀"',
      '"\\té"',
    ],
  },
  { schema: { type: "bytes" }, values: ['"AAEC/w=="', '""', `"${GONE_BYTES}"`] },
  { schema: { type: "double" }, values: ["1.5", "-0", "0.10", "1e400", "5E-324", '"NaN"', "3"] },
  {
    schema: decimal(2),
    values: ['"BNI="', '"AA=="', '"/w=="', '"AQAAAAAAAAAAAA=="', "12.50", '"BNI"', '"B-I="'],
  },
  { schema: decimal(0), values: ['"fw=="', '"gA=="', '"AQID"', '""'] },
  {
    schema: named("string", "io.debezium.time.ZonedTimestamp"),
    values: [
      '"2026-11-22T12:34:56.120Z"',
      '"2026-11-22T12:34:56Z"',
      '"0000-01-01T00:00:00Z"',
      '"2026-11-22T12:34:56+02:00"',
      '"-0044-03-15T00:00:00Z"',
      '"2026\\u002d11-22T12:34:56Z"',
    ],
  },
  {
    schema: named("int64", "io.debezium.time.MicroTimestamp"),
    values: ["1767225600000001", "-1", "0", "9223372036825200000", "1.5"],
  },
  { schema: named("int32", "io.debezium.time.Date"), values: ["20000", "-1", "2147483647"] },
  { schema: named("string", "io.debezium.data.Json"), values: ['"{\\"a\\": 1}"', '"[]"'] },
  {
    schema: named("string", "io.debezium.data.Uuid"),
    values: ['"00112233-4455-6677-8899-aabbccddeeff"'],
  },
  {
    schema: { type: "array", items: { type: "string", optional: true } },
    values: ['["a","b"]', "[]", `["${GONE}"]`, '[null, "x y"]'],
  },
  {
    schema: {
      ...named("struct", "io.debezium.data.VariableScaleDecimal"),
      fields: [
        { field: "scale", type: "int32" },
        { field: "value", type: "bytes" },
      ],
    },
    values: ['{"scale":1,"value":"BNI="}', '{"value":"BNI=","scale":3}', '{ "value" : "AQ==" }'],
  },
  { schema: { type: "map" }, values: ['{"k":"v"}', '{"k":1,"k":2}'] },
];

function named(type: string, name: string): object {
  return { type, name, version: 1 };
}

function decimal(scale: number): object {
  const parameters = { scale: String(scale), "connect.decimal.precision": "20" };
  return { ...named("bytes", "org.apache.kafka.connect.data.Decimal"), parameters };
}

/** What is good for any field, or for none. */
const ODD_VALUES = ["null", `"${GONE}"`, '"x"', "5", "{}", "[1,[2]]", "true", "nul", "01", '"\\x"'];

interface DrawnTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly field: number }[];
}

const columnName = fc.constantFrom(
  "id",
  "n",
  "s",
  "name",
  "a longer name of a column",
  "é",
  'q"',
  "TableId",
);
const drawnTable: fc.Arbitrary<DrawnTable> = fc.record({
  name: fc.constantFrom("orders", "notes", "émigrés"),
  columns: fc.uniqueArray(fc.record({ name: columnName, field: fc.nat(FIELDS.length - 1) }), {
    minLength: 1,
    maxLength: 7,
    selector: ({ name }) => name,
  }),
});

/** One of these; the first one mostly. */
function mostly<T>(...values: readonly [T, ...T[]]): fc.Arbitrary<T> {
  const [usual, ...others] = values;
  return fc.oneof(
    { weight: 40, arbitrary: fc.constant(usual) },
    ...others.map((value) => ({ weight: 1, arbitrary: fc.constant(value) })),
  );
}

function drawnValue(field: number): fc.Arbitrary<string> {
  const { values } = FIELDS[field] ?? { values: [] };
  return fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...values.slice(0, 2)) },
    { weight: 4, arbitrary: fc.constantFrom(...values) },
    { weight: 3, arbitrary: fc.constant("null") },
    { weight: 1, arbitrary: fc.constantFrom(...ODD_VALUES) },
  );
}

/** What was drawn of the shape of an object. */
type Bend = "as it is" | "turned round" | "one less" | "one more" | "one twice" | "blanks";
const drawnBend = fc.oneof(
  { weight: 60, arbitrary: fc.constant<Bend>("as it is") },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Bend>("turned round", "one less", "one more", "one twice", "blanks"),
  },
);

function object(members: Members, bend: Bend = "as it is"): string {
  const [first] = members;
  const list = bend === "turned round" ? members.toReversed() : [...members];
  if (bend === "one less") list.pop();
  if (bend === "one more") list.push(["more", "1"]);
  if (bend === "one twice" && first !== undefined) list.push(first);
  const [comma, colon] = bend === "blanks" ? [" ,\n", " : "] : [",", ":"];
  return `{${list.map(([name, json]) => `${JSON.stringify(name)}${colon}${json}`).join(comma)}}`;
}

function drawnRow({ columns }: DrawnTable): fc.Arbitrary<string> {
  return fc
    .tuple(fc.tuple(...columns.map(({ field }) => drawnValue(field))), drawnBend)
    .map(([values, bend]) =>
      object(
        columns.map(({ name }, i) => [name, values[i] ?? "null"]),
        bend,
      ),
    );
}

function drawnSource({ name }: DrawnTable): fc.Arbitrary<string> {
  const id = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom("771", "772") },
    {
      weight: 1,
      arbitrary: fc.constantFrom('"a:1-5"', '"\\u0041"', '"é"', "null", "true", "1.5e3"),
    },
  );
  return fc
    .record({
      time: mostly("1700000000001", "1700000000002", "null", "-5", "1.5", "0", "17000000000000000"),
      id,
      gtid: mostly("null", '"b:7"', '""'),
      lsn: fc.nat().map(String),
      schema: mostly('"public"', '"other"', "null", '""'),
      db: mostly('"shop"', "null", '"other"'),
      bend: drawnBend,
    })
    .map(({ time, id: txId, gtid, lsn, schema, db, bend }) =>
      object(
        [
          ["version", '"3.3.0.Final"'],
          ["ts_ms", time],
          ["snapshot", '"false"'],
          ["db", db],
          ["sequence", `"[\\"${lsn}\\",null]"`],
          ["schema", schema],
          ["table", JSON.stringify(name)],
          ["txId", txId],
          ["lsn", lsn],
          ["gtid", gtid],
          ["nested", '{"a":[{},1.5e-3,"\\u00e9"]}'],
        ],
        bend,
      ),
    );
}

function drawnEnvelope(table: DrawnTable): fc.Arbitrary<string> {
  const row = drawnRow(table);
  return fc
    .record({
      op: fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom("c", "u", "d", "r") },
        { weight: 1, arbitrary: fc.constantFrom("t", "m", "x", "cc") },
      ),
      rows: fc.tuple(row, row),
      isUsual: mostly(true, false),
      hasOld: fc.boolean(),
      source: fc.oneof(
        { weight: 30, arbitrary: drawnSource(table) },
        { weight: 1, arbitrary: fc.constant("null") },
      ),
      transaction: mostly("null", '{"id":"1","total_order":1}'),
      bend: drawnBend,
    })
    .map(({ op, rows: [old, now], isUsual, hasOld, source, transaction, bend }) => {
      const hasBefore = isUsual ? op === "d" || (op === "u" && hasOld) : hasOld;
      const hasAfter = isUsual ? op !== "d" : !hasOld;
      return object(
        [
          ["before", hasBefore ? old : "null"],
          ["after", hasAfter ? now : "null"],
          ["source", source],
          ["transaction", transaction],
          ["op", JSON.stringify(op)],
          ["ts_ms", "1700000000009"],
        ],
        bend,
      );
    });
}

/** As Connect's converter writes it. */
function schemaOf({ name, columns }: DrawnTable, part: "row" | "key"): string {
  const fields = columns
    .slice(0, part === "key" ? 1 : columns.length)
    .map((column) => ({ ...FIELDS[column.field]?.schema, optional: true, field: column.name }));
  if (part === "key")
    return JSON.stringify({ type: "struct", fields, name: `shop.public.${name}.Key` });
  const row = { type: "struct", fields, optional: true };
  return JSON.stringify({
    type: "struct",
    fields: [
      { ...row, field: "before" },
      { ...row, field: "after" },
    ],
  });
}

function withSchema(schema: string | null, payload: string): string {
  return schema === null ? payload : `{"schema":${schema},"payload":${payload}}`;
}

function drawnKey(table: DrawnTable, hasSchema: boolean): fc.Arbitrary<string | null> {
  const [first] = table.columns;
  const schema = hasSchema ? schemaOf(table, "key") : null;
  const usual = drawnValue(first?.field ?? 0).map((json) =>
    withSchema(schema, object([[first?.name ?? "", json]])),
  );
  const odd = fc.constantFrom(
    '{"other":1}',
    '{"TableId":"public.orders","id":7}',
    '{ "id":1 }',
    '"7"',
    "x",
  );
  return fc.oneof(
    { weight: 30, arbitrary: usual },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: odd },
  );
}

function drawnValueOf(
  table: DrawnTable,
  hasSchema: boolean,
  isPlain: boolean,
): fc.Arbitrary<string | null> {
  const schema = hasSchema && !isPlain ? schemaOf(table, "row") : null;
  const value = isPlain ? drawnRow(table) : drawnEnvelope(table);
  const whole = fc
    .tuple(value, mostly(schema, schema === null ? null : "null"))
    .map(([payload, front]) => withSchema(front, payload));
  return fc.oneof(
    { weight: 30, arbitrary: whole },
    { weight: 1, arbitrary: fc.constantFrom(null, "", '{"ts_ms":1}', "null") },
  );
}

/** What became of bytes on their way. */
interface Damage {
  readonly at: number;
  /** Null: they end there. */
  readonly byte: number | null;
}

function damaged(bytes: Buffer, damage: Damage | null): Buffer {
  if (damage === null || bytes.length === 0) return bytes;
  const at = Math.floor(damage.at * bytes.length);
  if (damage.byte === null) return bytes.subarray(0, at);
  const bent = Buffer.from(bytes);
  bent[at] = damage.byte;
  return bent;
}

const drawnDamage: fc.Arbitrary<Damage | null> = fc.oneof(
  { weight: 30, arbitrary: fc.constant(null) },
  {
    weight: 1,
    arbitrary: fc.record({
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      byte: fc.option(fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:0 ')))),
    }),
  },
);

/** Messages of a few tables in a row. */
export function drawnTopic(isPlain: boolean): fc.Arbitrary<readonly DrawnMessage[]> {
  return fc
    .tuple(fc.array(drawnTable, { minLength: 1, maxLength: 3 }), fc.boolean())
    .chain(([tables, hasSchema]) => {
      const message = fc
        .constantFrom(...tables)
        .chain((table) =>
          fc.tuple(
            drawnKey(table, hasSchema),
            drawnValueOf(table, hasSchema, isPlain),
            drawnDamage,
            drawnDamage,
          ),
        );
      return fc.array(message, { minLength: 10, maxLength: 40, size: "max" });
    })
    .map((list) =>
      list.map(([key, value, ofKey, ofValue]) => ({
        key: key === null ? null : damaged(Buffer.from(key), ofKey),
        value: value === null ? null : damaged(Buffer.from(value), ofValue),
      })),
    );
}

/** A column of each kind of field: messages of usual values, and between them each value that may stand there, one after the other. */
export function everyValue(
  hasSchema: boolean,
  isPlain: boolean,
): readonly (readonly DrawnMessage[])[] {
  return FIELDS.map(({ values }, field) => {
    const table = {
      name: "orders",
      columns: [
        { name: "id", field: 0 },
        { name: "v", field },
      ],
    };
    const schema = hasSchema && !isPlain ? schemaOf(table, "row") : null;
    const [usual = "null"] = values;
    const message = (value: string): DrawnMessage => {
      const row = object([
        ["id", "7"],
        ["v", value],
      ]);
      const source = '{"schema":"public","table":"orders","ts_ms":17}';
      const told = isPlain ? row : `{"before":null,"after":${row},"source":${source},"op":"c"}`;
      return { key: Buffer.from('{"id":7}'), value: Buffer.from(withSchema(schema, told)) };
    };
    return [...values, ...ODD_VALUES].flatMap((value) => [usual, usual, value, value].map(message));
  });
}
