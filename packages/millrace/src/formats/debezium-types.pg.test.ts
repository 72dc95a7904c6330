/** What PostgreSQL's types come to, beside what Debezium wrote of the same rows. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../../test/support/postgres.ts";
import { silentLogger, systemClock } from "../model/ports.ts";
import type { TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { mapToTopic } from "../sinks/kafka/table-mapping.ts";
import { POSTGRES_SOURCE_DEFAULTS } from "../sources/postgres/options.ts";
import { PostgresSource } from "../sources/postgres/source.ts";
import { PostgresSourceBlock } from "../sources/postgres/source-block.ts";
import { createFormat } from "./create-format.ts";
import { event } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type ValueOptions } from "./format.ts";
import { MessageList } from "./messages.fixture.ts";

type Field = Readonly<Record<string, unknown>> & { readonly field: string };
type Values = Readonly<Record<string, unknown>>;

interface Recording {
  readonly options: Readonly<Record<string, string>>;
  readonly schema: readonly Field[];
  readonly rows: readonly Values[];
}

const { columns, recordings } = JSON.parse(
  readFileSync(new URL("golden/debezium-postgresql-types.json", import.meta.url), "utf8"),
) as {
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly values: readonly string[];
  }[];
  readonly recordings: readonly Recording[];
};

/** Debezium's names of options. */
const OPTIONS: Readonly<Record<string, keyof ValueOptions>> = {
  "decimal.handling.mode": "decimal",
  "time.precision.mode": "time",
  "binary.handling.mode": "binary",
  "interval.handling.mode": "interval",
  "hstore.handling.mode": "hstore",
};
/** Money is the server's text. */
const OTHERWISE = ["c_money"];

/** `numeric` without scale comes with all of its digits; Debezium leaves zeros at the end out. */
function withoutZeros(values: Values): Values {
  const { c_numeric: told } = values;
  if (typeof told !== "object" || told === null) return values;
  const { scale, value } = told as { readonly scale: number; readonly value: string };
  const hex = Buffer.from(value, "base64").toString("hex");
  const unscaled = Number(BigInt.asIntN(hex.length * 4, BigInt(`0x${hex}`)));
  return { ...values, c_numeric: unscaled / 10 ** scale };
}

const without = <T extends object>(values: T, names: readonly string[]): Values =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));

describe("rows of PostgreSQL", () => {
  let postgres: SharedPostgres;
  let source: PostgresSource;
  let shape: TableShape;
  const rows: Row[] = [];
  /** What milliseconds cannot hold Debezium cuts off; here such a row is a dead letter. */
  const cut = (row: Row): Row =>
    row.map((value, i) => {
      const isFine = ["c_time", "c_timestamp"].includes(shape.columns[i]?.name ?? "");
      return isFine && typeof value === "string" ? value.replace(/(\.\d{3})\d+/, "$1") : value;
    });

  beforeAll(async () => {
    postgres = await sharedPostgres();
    const list = (of: (column: (typeof columns)[number]) => string | undefined) =>
      columns.map(of).join(", ");
    await postgres.query(
      "CREATE TYPE mood AS ENUM ('sad','ok','happy'); CREATE DOMAIN posint AS int CHECK (VALUE > 0)",
    );
    await postgres.query(
      `CREATE TABLE t (id int PRIMARY KEY, ${list(({ name, type }) => `${name} ${type}`)})`,
    );
    for (const nth of [0, 1])
      await postgres.query(`INSERT INTO t VALUES (${nth}, ${list(({ values }) => values[nth])})`);
    const { host: hostname, port, user: username, password, database } = postgres;
    const address = { hostname, port, username, password, database };
    source = new PostgresSource(
      {
        ...POSTGRES_SOURCE_DEFAULTS,
        ...address,
        matches: (_, name) => name === "t",
        tablesText: "public.t",
        slotName: database,
        publicationName: database,
      },
      { pipeline: "types", clock: systemClock, random: Math.random, log: silentLogger },
    );
    const [found] = await source.discover();
    if (found === undefined) throw new Error("no table");
    shape = found.shape;
    await source.prepare([shape], null);
    const snapshot = await source.openSnapshot();
    const whole = { from: null, to: null };
    const limits = { maxValueBytes: 1_048_576, batchBytes: 65_536 };
    for await (const batch of snapshot.readChunk(shape, whole, limits))
      for (const { after } of batch.rows) if (after !== null) rows.push(after);
    await snapshot.close();
  });
  afterAll(async () => {
    await source.cleanUp();
    await source.close();
    await postgres.release();
  });

  it.each(recordings)("are what Debezium 3.5 makes of them: $options", async (recorded) => {
    const options = Object.fromEntries(
      Object.entries(recorded.options).map(([name, value]) => [OPTIONS[name], value]),
    );
    const names = { serverName: "shop", version: "1" };
    const format = createFormat(
      { ...DEFAULT_FORMAT, values: { ...DEFAULT_FORMAT.values, ...options }, includeSchema: true },
      { names, block: new PostgresSourceBlock(names, "postgres") },
    );
    const target = mapToTopic(shape, { schema: "public", name: "t" });
    const encoder = await format.encoder(target, "public.t");
    const output = new MessageList();
    const isCut = recorded.options["time.precision.mode"] === "connect";
    for (const after of isCut ? rows.map(cut) : rows)
      encoder.change(event(target, { op: "r", after }), 1, output);
    const told = output.messages.map(
      ({ value }) =>
        JSON.parse(value ?? "null") as {
          readonly schema: {
            readonly fields: readonly {
              readonly field: string;
              readonly fields: readonly Field[];
            }[];
          };
          readonly payload: { readonly after: Values };
        },
    );
    expect(
      told.map(({ payload }) => without(withoutZeros(payload.after), ["id", ...OTHERWISE])),
    ).toEqual(recorded.rows.map((row) => without(withoutZeros(row), OTHERWISE)));
    const fields = told[0]?.schema.fields.find(({ field }) => field === "after")?.fields ?? [];
    const isHeld = ({ field }: Field) => field !== "id" && !OTHERWISE.includes(field);
    expect(fields.filter(isHeld)).toEqual(recorded.schema.filter(isHeld));
  });
});
