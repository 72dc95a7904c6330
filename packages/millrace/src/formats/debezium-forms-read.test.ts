/** Messages in the forms that Debezium's documentation has for PostgreSQL, MySQL and MariaDB, written by hand: none of our own writer's. */
import { describe, expect, it } from "vitest";
import { UNCHANGED, type Row } from "../model/value.ts";
import { NumberText } from "./json-reader.ts";
import { MessageReader, type ReadMessage } from "./message-reader.ts";

const GONE = "__debezium_unavailable_value";
/** 3.14, -1 and 12345678901234567890.12 as numbers of two's complement. */
const DECIMALS = { pi: "ATo=", minusOne: "nA==", large: "Qu0SOwvYIDoU" } as const;

function reader(format: "debezium-json" | "plain-json" = "debezium-json"): MessageReader {
  return new MessageReader({
    format,
    table: { schema: "inventory", table: "customers" },
    unavailable: GONE,
  });
}

function read(by: MessageReader, key: unknown, value: unknown): ReadMessage {
  const bytesOf = (each: unknown) => (each === null ? null : Buffer.from(JSON.stringify(each)));
  return by.read(bytesOf(key), bytesOf(value));
}

function change(message: ReadMessage): Extract<ReadMessage, { kind: "change" }> {
  if (message.kind !== "change") throw new Error(`not a change: ${message.kind}`);
  return message;
}

/** The `source` that each connector writes, without what all have. */
const SOURCES = {
  postgresql: {
    db: "shop",
    schema: "inventory",
    table: "customers",
    sequence: '["24023119","24023128"]',
    txId: 555,
    lsn: 24_023_128,
    xmin: null,
  },
  mysql: {
    db: "inventory",
    sequence: null,
    table: "customers",
    server_id: 223_344,
    gtid: "24bc7850-2c16-11e6-a073-0242ac110002:7",
    file: "mysql-bin.000003",
    pos: 484,
    row: 0,
    thread: 7,
    query: "UPDATE customers SET email = 'annek@noanswer.example'",
  },
  mariadb: {
    db: "inventory",
    sequence: null,
    table: "customers",
    server_id: 112_233,
    gtid: "0-112233-5",
    file: "mariadb-bin.000003",
    pos: 1532,
    row: 0,
    thread: null,
    query: null,
  },
} as const;
type Connector = keyof typeof SOURCES;

const TRANSACTIONS: Readonly<Record<Connector, string>> = {
  postgresql: "555",
  mysql: "24bc7850-2c16-11e6-a073-0242ac110002:7",
  mariadb: "0-112233-5",
};

function payload(connector: Connector, op: string, rows: object, snapshot = "false"): object {
  const time = { ts_ms: 1_559_033_904_863, ts_us: 1_559_033_904_863_111, ts_ns: 0 };
  const source = { version: "3.4.0.Final", connector, name: "srv", ...time, snapshot };
  return {
    before: null,
    after: null,
    source: { ...source, ...SOURCES[connector] },
    transaction: null,
    op,
    ...time,
    ...rows,
  };
}

const field = (name: string, type: string, more: object = {}) => ({
  type,
  optional: true,
  ...more,
  field: name,
});

const ROW_FIELDS = [
  field("id", "int32", { optional: false }),
  field("first_name", "string", { optional: false }),
  field("email", "string"),
];

function withSchema(message: object, fields: readonly object[] = ROW_FIELDS): object {
  const row = { type: "struct", fields, optional: true, name: "srv.inventory.customers.Value" };
  const schema = {
    type: "struct",
    fields: [
      { ...row, field: "before" },
      { ...row, field: "after" },
      field("source", "struct", { fields: [], name: "io.debezium.connector.Source" }),
      field("op", "string", { optional: false }),
      field("ts_ms", "int64"),
    ],
    optional: false,
    name: "srv.inventory.customers.Envelope",
    version: 2,
  };
  return { schema, payload: message };
}

const KEY_SCHEMA = {
  type: "struct",
  fields: [field("id", "int32", { optional: false })],
  optional: false,
  name: "srv.inventory.customers.Key",
};
const keyed = (id: number, hasSchema: boolean): object =>
  hasSchema ? { schema: KEY_SCHEMA, payload: { id } } : { id };

const ANNE = { id: 1004, first_name: "Anne", email: "annek@noanswer.example" };

describe.each([
  ["postgresql", true],
  ["postgresql", false],
  ["mysql", true],
  ["mysql", false],
  ["mariadb", true],
  ["mariadb", false],
] as const)("messages of %s (with their schema: %s)", (connector, hasSchema) => {
  const told = (op: string, rows: object, snapshot?: string): object =>
    hasSchema
      ? withSchema(payload(connector, op, rows, snapshot))
      : payload(connector, op, rows, snapshot);

  it("are rows that came, were read, changed and went, with their table, time and transaction", () => {
    const by = reader();
    const key = keyed(1004, hasSchema);
    const anne: Row = ["1004", "Anne", "annek@noanswer.example"];
    const seen = [
      read(by, key, told("r", { after: ANNE }, "last")),
      read(by, key, told("c", { after: ANNE })),
      read(by, key, told("u", { before: ANNE, after: { ...ANNE, email: null } })),
      read(by, key, told("d", { before: { ...ANNE, email: null } })),
    ].map(change);
    expect(seen.map(({ op, before, after }) => [op, before, after])).toEqual([
      ["r", null, anne],
      ["c", null, anne],
      ["u", anne, ["1004", "Anne", null]],
      ["d", ["1004", "Anne", null], null],
    ]);
    const { shape, origin } = seen[1] ?? { shape: null, origin: null };
    expect(shape).toMatchObject({ id: "inventory.customers", key: [0] });
    expect(origin).toMatchObject({
      timeMs: 1_559_033_904_863,
      transaction: TRANSACTIONS[connector],
    });
  });

  it("tell of a key that changed as a delete, its tombstone and a create", () => {
    const by = reader();
    const gone = read(by, keyed(1004, hasSchema), told("d", { before: ANNE }));
    const tombstone = read(by, keyed(1004, hasSchema), null);
    const came = read(by, keyed(1005, hasSchema), told("c", { after: { ...ANNE, id: 1005 } }));
    expect([gone, came].map((each) => change(each).op)).toEqual(["d", "c"]);
    expect(tombstone).toMatchObject({
      kind: "tombstone",
      table: hasSchema ? "srv.inventory.customers" : null,
    });
    expect(tombstone.kind === "tombstone" && tombstone.key?.entries()).toEqual([
      ["id", new NumberText("1004", true)],
    ]);
  });

  it("of a delete that has only the key are one, and a TRUNCATE is one of the table", () => {
    const by = reader();
    read(by, keyed(1, hasSchema), told("c", { after: ANNE }));
    const before = hasSchema ? { id: 1004, first_name: "", email: null } : { id: 1004 };
    const gone = change(read(by, keyed(1004, hasSchema), told("d", { before })));
    expect(gone.before?.[0]).toBe("1004");
    expect(read(by, null, told("t", {}))).toMatchObject({
      kind: "truncate",
      origin: { schema: "inventory", table: "customers" },
    });
  });

  it("beside changes are none: heartbeats, ends of transactions, schema changes, logical messages", () => {
    const by = reader();
    const others = [
      { ts_ms: 1_613_123_456_789 },
      { status: "END", id: "555:24023128", ts_ms: 1, event_count: 2, data_collections: [] },
      { source: SOURCES[connector], databaseName: "inventory", ddl: "CREATE TABLE x (id INT)" },
      { op: "m", ts_ms: 1, source: SOURCES[connector], message: { prefix: "a", content: "Zm8=" } },
    ];
    expect(others.map((each) => read(by, { serverName: "srv" }, each).kind)).toEqual(
      others.map(() => "other"),
    );
  });
});

describe("values in the modes that a connector may be set to", () => {
  const named = (name: string, more: object = {}): object => ({ name, version: 1, ...more });
  const decimal = named("org.apache.kafka.connect.data.Decimal", {
    parameters: { scale: "2", "connect.decimal.precision": "22" },
  });
  const variable = named("io.debezium.data.VariableScaleDecimal", {
    fields: [field("scale", "int32"), field("value", "bytes")],
  });
  const cases: readonly (readonly [string, string, object, unknown, unknown])[] = [
    ["decimal.handling.mode precise", "bytes", decimal, DECIMALS.pi, "3.14"],
    ["precise, negative", "bytes", decimal, DECIMALS.minusOne, "-1.00"],
    ["precise, beyond a double", "bytes", decimal, DECIMALS.large, "12345678901234567890.12"],
    ["precise, by a converter's decimal.format NUMERIC", "bytes", decimal, 3.14, "3.14"],
    ["precise, without a scale", "struct", variable, { scale: 2, value: DECIMALS.pi }, "3.14"],
    ["double", "double", {}, 3.14, "3.14"],
    ["string", "string", {}, "3.14", "3.14"],
    ["adaptive date", "int32", named("io.debezium.time.Date"), 19_723, "2024-01-01"],
    ["connect date", "int32", named("org.apache.kafka.connect.data.Date"), -1, "1969-12-31"],
    ["isostring date", "string", named("io.debezium.time.IsoDate"), "2024-01-01Z", "2024-01-01"],
    ["adaptive time", "int32", named("io.debezium.time.Time"), 45_296_789, "12:34:56.789"],
    ["time in µs", "int64", named("io.debezium.time.MicroTime"), 45_296_789_012, "12:34:56.789012"],
    ["connect time", "int32", named("org.apache.kafka.connect.data.Time"), 1_000, "00:00:01"],
    [
      "adaptive timestamp",
      "int64",
      named("io.debezium.time.Timestamp"),
      1_704_110_400_500,
      "2024-01-01 12:00:00.5",
    ],
    [
      "timestamp in µs",
      "int64",
      named("io.debezium.time.MicroTimestamp"),
      1_704_110_400_500_001,
      "2024-01-01 12:00:00.500001",
    ],
    [
      "timestamp in ns",
      "int64",
      named("io.debezium.time.NanoTimestamp"),
      1_704_110_400_000_000_000,
      "2024-01-01 12:00:00",
    ],
    [
      "connect timestamp",
      "int64",
      named("org.apache.kafka.connect.data.Timestamp"),
      -1,
      "1969-12-31 23:59:59.999",
    ],
    [
      "timestamp with zone",
      "string",
      named("io.debezium.time.ZonedTimestamp"),
      "2024-01-01T12:00:00.123456Z",
      "2024-01-01 12:00:00.123456+00",
    ],
    ["time with zone", "string", named("io.debezium.time.ZonedTime"), "05:15:00Z", "05:15:00+00"],
    ["year", "int32", named("io.debezium.time.Year"), 2024, "2024"],
    ["interval numeric", "int64", named("io.debezium.time.MicroDuration"), 90_000_000, "00:01:30"],
    [
      "interval string",
      "string",
      named("io.debezium.time.Interval"),
      "P1Y2M3DT4H5M6.78S",
      "1 year 2 mons 3 days 04:05:06.78",
    ],
    ["binary bytes", "bytes", {}, "AAH/", new Uint8Array([0, 1, 255])],
    ["binary hex", "string", {}, "0001ff", "0001ff"],
    [
      "enum",
      "string",
      named("io.debezium.data.Enum", { parameters: { allowed: "a,b" } }),
      "a",
      "a",
    ],
    ["json", "string", named("io.debezium.data.Json"), '{"a": 1}', '{"a": 1}'],
    [
      "uuid",
      "string",
      named("io.debezium.data.Uuid"),
      "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
      "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ],
    ["boolean", "boolean", {}, true, true],
    ["a value that the log left out", "string", {}, GONE, UNCHANGED],
    ["bytes that the log left out", "bytes", {}, Buffer.from(GONE).toString("base64"), UNCHANGED],
  ];

  it.each(cases)("%s", (_mode, type, more, value, expected) => {
    const fields = [field("id", "int32", { optional: false }), field("v", type, more)];
    const message = payload("postgresql", "u", { after: { id: 1, v: value } });
    const read_ = change(read(reader(), keyed(1, true), withSchema(message, fields)));
    expect(read_.after).toEqual(["1", expected]);
  });
});
