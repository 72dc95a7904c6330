/**
 * What types of MySQL and MariaDB come to, in a load and in the log, beside what Debezium 3.5 wrote of the same rows. Its connector
 * for MariaDB was recorded with the same six sets of options, and said the same each time but for `otherwise.mariadb`.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../../test/support/mysql.ts";
import { silentLogger, systemClock } from "../model/ports.ts";
import type { TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { mapToTopic } from "../sinks/kafka/table-mapping.ts";
import { MYSQL_SOURCE_DEFAULTS } from "../sources/mysql/options.ts";
import { MysqlSource } from "../sources/mysql/source.ts";
import { MysqlSourceBlock } from "../sources/mysql/source-block.ts";
import { createFormat } from "./create-format.ts";
import { event } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type ValueOptions } from "./format.ts";
import { MessageList } from "./messages.fixture.ts";

type Field = Readonly<Record<string, unknown>> & { readonly field: string };
type Values = Readonly<Record<string, unknown>>;

const recorded = JSON.parse(
  readFileSync(new URL("golden/debezium-mysql-types.json", import.meta.url), "utf8"),
) as {
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly values: readonly string[];
  }[];
  readonly schema: readonly Field[];
  /** Of Debezium's load. */
  readonly rows: readonly Values[];
  /** Of the same rows in the log. */
  readonly inserted: readonly Values[];
  readonly otherwise: {
    /** What Debezium's connector for MariaDB says of a column instead. */
    readonly mariadb: readonly Field[];
    /** With `bigint.unsigned.handling.mode: precise`, by either connector. */
    readonly precise: { readonly field: Field; readonly values: readonly string[] };
    /** With other options, by either connector: what is not as it is without. */
    readonly recordings: readonly {
      readonly options: Readonly<Record<string, string>>;
      readonly schema: readonly Field[];
      readonly rows: readonly Values[];
      readonly inserted: readonly Values[];
    }[];
  };
};

/** Debezium's names of options. */
const OPTIONS: Readonly<Record<string, keyof ValueOptions>> = {
  "decimal.handling.mode": "decimal",
  "time.precision.mode": "time",
  "binary.handling.mode": "binary",
  "bigint.unsigned.handling.mode": "bigintUnsigned",
};

/** GeoJSON here. */
const OTHERWISE = new Set(["id", "c_point", "c_geometry"]);
/** Debezium's load leaves zeros at the end out, and its log has them. */
const ONLY_AS_LOGGED = "c_timestamp6";

/** Of a time that is negative, or longer than a day, Debezium makes null with these; here it stays. */
const WITHIN_A_DAY: ReadonlySet<string> = new Set(["connect", "isostring"]);
const TIMES = ["c_time", "c_time6"];

/** Of MySQL Debezium writes a document with spaces in a load, and without in the log: the same document. To MariaDB it is a text. */
function comparable(values: Values, without: readonly string[] = []): Values {
  const kept = Object.entries(values).filter(
    ([name]) => !OTHERWISE.has(name) && !without.includes(name),
  );
  return Object.fromEntries(
    kept.map(([name, value]) => [
      name,
      name === "c_json" ? (JSON.parse(String(value)) as unknown) : value,
    ]),
  );
}

describe.each(mysqlFlavors)("rows of %s", (flavor) => {
  let server: SharedMysql;
  let source: MysqlSource;
  let shape: TableShape;
  const loaded: Row[] = [];
  const logged: Row[] = [];

  /** What milliseconds cannot hold Debezium cuts off; here such a row is a dead letter. */
  const cut = (row: Row): Row =>
    row.map((value, i) => {
      const isFine = ["c_time6", "c_datetime6"].includes(shape.columns[i]?.name ?? "");
      return isFine && typeof value === "string" ? value.replace(/(\.\d{3})\d+/, "$1") : value;
    });

  const insert = (nth: 0 | 1, id: number): Promise<unknown> =>
    server.query(
      `INSERT INTO t VALUES (${id}, ${recorded.columns.map(({ values }) => values[nth]).join(", ")})`,
    );

  beforeAll(async () => {
    server = await sharedMysql(flavor);
    const list = recorded.columns.map(({ name, type }) => `${name} ${type} NULL`).join(", ");
    await server.query(`CREATE TABLE t (id INT PRIMARY KEY, ${list})`);
    await insert(0, 1);
    await insert(1, 2);
    const { host: hostname, port, user: username, password, database } = server;
    source = new MysqlSource(
      {
        ...MYSQL_SOURCE_DEFAULTS,
        hostname,
        port,
        username,
        password,
        matches: (schema) => schema === database,
        tablesText: database,
      },
      {
        pipeline: `types ${database}`,
        clock: systemClock,
        random: Math.random,
        log: silentLogger,
      },
    );
    const [found] = await source.discover();
    if (found === undefined) throw new Error("no table");
    shape = found.shape;
    const { start } = await source.prepare([shape], null);
    const snapshot = await source.openSnapshot();
    const limits = { maxValueBytes: 1_048_576, batchBytes: 65_536 };
    for await (const batch of snapshot.readChunk(shape, { from: null, to: null }, limits))
      for (const { after } of batch.rows) if (after !== null) loaded.push(after);
    await snapshot.close();
    await insert(0, 3);
    await insert(1, 4);
    const log = await source.openLog({
      from: start,
      tables: new Map([[shape.id, shape]]),
      maxValueBytes: 1_048_576,
    });
    while (logged.length < 2)
      for (const item of (await log.next()).items)
        if (item.kind === "change" && item.after !== null) logged.push(item.after);
    await log.close();
  });
  afterAll(async () => {
    await source.close();
    await server.release();
  });

  const instead = (field: Field): Field =>
    (flavor === "mariadb" ? recorded.otherwise.mariadb : []).find(
      (other) => other.field === field.field,
    ) ?? field;

  async function told(rows: readonly Row[], options: Partial<ValueOptions> = {}) {
    const names = { serverName: "shop", version: "1" };
    const block = new MysqlSourceBlock(names, () => ({
      connector: flavor,
      logName: "binlog",
      serverId: 1,
    }));
    const values = { ...DEFAULT_FORMAT.values, ...options };
    const format = createFormat(
      { ...DEFAULT_FORMAT, values, includeSchema: true },
      { names, block },
    );
    const target = mapToTopic(shape, { schema: "shop", name: "t" });
    const encoder = await format.encoder(target, "shop.t");
    const output = new MessageList();
    for (const after of rows) encoder.change(event(target, { op: "r", after }), 1, output);
    return output.messages.map(
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
  }

  it("are what Debezium 3.5 makes of them in a load", async () => {
    const messages = await told(loaded);
    expect(messages.map(({ payload }) => comparable(payload.after, [ONLY_AS_LOGGED]))).toEqual(
      recorded.rows.map((row) => comparable(row, [ONLY_AS_LOGGED])),
    );
    const fields = messages[0]?.schema.fields.find(({ field }) => field === "after")?.fields ?? [];
    const isHeld = ({ field }: Field): boolean => !OTHERWISE.has(field);
    const wanted = recorded.schema.map(instead);
    expect(fields.filter(isHeld)).toEqual(wanted.filter(isHeld));
  });

  it("have `bigint unsigned` as a decimal with bigint.unsigned.handling.mode precise", async () => {
    const { field, values } = recorded.otherwise.precise;
    const messages = await told(loaded, { bigintUnsigned: "precise" });
    expect(messages.map(({ payload }) => payload.after["c_bigint_u"])).toEqual(values);
    const after = messages[0]?.schema.fields.find((one) => one.field === "after")?.fields ?? [];
    expect(after.find((one) => one.field === "c_bigint_u")).toEqual(field);
  });

  it("are what Debezium 3.5 makes of them in the log, and the same as in the load", async () => {
    const inserted = recorded.inserted.map((row) => comparable(row));
    const payloads = (await told(logged)).map(({ payload }) => payload.after);
    expect(payloads.map((after) => comparable(after))).toEqual(inserted);
    if (flavor === "mariadb")
      expect(payloads.map((after) => after["c_json"])).toEqual(
        recorded.rows.map((row) => row["c_json"]),
      );
    expect((await told(loaded)).map(({ payload }) => comparable(payload.after))).toEqual(inserted);
  });

  it.each(recorded.otherwise.recordings)(
    "are what Debezium 3.5 makes of them with $options",
    async (other) => {
      const options = Object.fromEntries(
        Object.entries(other.options).map(([name, value]) => [OPTIONS[name], value]),
      ) as Partial<ValueOptions>;
      const mode = other.options["time.precision.mode"] ?? "";
      const seen = (rows: readonly Row[]) => (mode === "connect" ? rows.map(cut) : rows);
      const after = async (rows: readonly Row[]): Promise<Values[]> =>
        (await told(seen(rows), options)).map(({ payload }) => payload.after);
      const held = (values: Values, nth: number, without: readonly string[]): Values =>
        comparable(values, nth === 1 && WITHIN_A_DAY.has(mode) ? [...without, ...TIMES] : without);
      for (const [rows, theirs, some, without] of [
        [loaded, recorded.rows, other.rows, [ONLY_AS_LOGGED]],
        [logged, recorded.inserted, other.inserted, []],
      ] as const)
        expect((await after(rows)).map((values, i) => held(values, i, without))).toEqual(
          theirs.map((values, i) => held({ ...values, ...some[i] }, i, without)),
        );
      const [outside] = (await after(loaded)).slice(1);
      if (mode === "connect") expect(outside).toMatchObject({ c_time: -3_723_000 });
      if (mode === "isostring") expect(outside).toMatchObject({ c_time: "-01:02:03Z" });
      const messages = await told(seen(loaded), options);
      const fields =
        messages[0]?.schema.fields.find(({ field }) => field === "after")?.fields ?? [];
      const isHeld = ({ field }: Field): boolean => !OTHERWISE.has(field);
      const wanted = recorded.schema.map(
        (field) => other.schema.find((one) => one.field === field.field) ?? instead(field),
      );
      expect(fields.filter(isHeld)).toEqual(wanted.filter(isHeld));
    },
  );
});
