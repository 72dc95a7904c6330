import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../../../test/support/mysql.ts";
import type { BinlogEnd } from "../../../../../test/support/mysql-database.ts";
import { drawnSeed, timeFor, valuesPerType } from "../../../../../test/support/test-runs.ts";
import { createFormat } from "../../formats/create-format.ts";
import { event } from "../../formats/event.fixture.ts";
import { DEFAULT_FORMAT } from "../../formats/format.ts";
import { MessageList } from "../../formats/messages.fixture.ts";
import type { TargetChangeEvent } from "../../model/sink.ts";
import type { TableShape } from "../../model/table.ts";
import { mapToTopic } from "../../sinks/kafka/table-mapping.ts";
import type { RowLine } from "../../model/row-line.ts";
import type { Row, Value } from "../../model/value.ts";
import type { AnsweredRow } from "./answer-reader.ts";
import { type MysqlConnection, openConnection } from "./connection.ts";
import { keyText } from "./keys.ts";
import { PacketLines } from "./packet-lines.ts";
import { configOf, type ReadRow, readRows, shapeOf, shown } from "./read-rows.fixture.ts";
import { snapshotColumns } from "./snapshot-columns.ts";
import { streamRows } from "./snapshot-rows.ts";
import { readTablePlan } from "./table-plan.ts";
import { fromText, selectExpression } from "./text-values.ts";
import type { TypeOptions } from "./types.ts";
import { VALUE_SAMPLES } from "./value-samples.fixture.ts";

const PLAIN: TypeOptions = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" };
const MAX_BYTES = 1 << 30;
/** So that some values are left out. */
const MAX_LINE_VALUE_BYTES = 10_000;
/** Tables whose part of the log is read at once. */
const GROUP = 12;
const PER_TYPE = valuesPerType(30);

const spelled = (row: readonly (Value | undefined)[]): string => JSON.stringify(row.map(shown));

describe.each(mysqlFlavors)("values of %s", (flavor) => {
  const samples = VALUE_SAMPLES.filter(({ only }) => only === undefined || only === flavor);
  const shapes = new Map<string, TableShape>();
  let server: SharedMysql;
  let connection: MysqlConnection;
  /** Ends of the log before each table's changes, and behind the last. */
  const ends: BinlogEnd[] = [];
  let streamed: readonly ReadRow[] = [];
  let streamedGroup = -1;
  const table = (index: number): string => `t${index}`;

  beforeAll(async () => {
    server = await sharedMysql(flavor);
    connection = await openConnection(configOf(server));
    await connection.query(`USE ${server.database}`);
    await connection.query("SET NAMES utf8mb4");
    for (const [index, { ddl }] of samples.entries())
      await connection.query(
        `CREATE TABLE ${table(index)} (id INT PRIMARY KEY, v ${ddl}, w ${ddl.replace("timestamp(", "timestamp (")}) CHARACTER SET utf8mb4`,
      );
    const refused: string[] = [];
    for (const [index, { ddl, value }] of samples.entries()) {
      ends.push(await server.binlogEnd());
      const drawn = fc.sample(value, { numRuns: PER_TYPE, seed: drawnSeed });
      const rows = drawn.map(
        (each, n) => `(${n},${each},${drawn[(n * 7) % drawn.length] ?? "NULL"})`,
      );
      rows.push(`(${drawn.length},NULL,NULL)`);
      for (let at = 0; at < rows.length; at += 500)
        await connection
          .query(`INSERT IGNORE INTO ${table(index)} VALUES ${rows.slice(at, at + 500).join(",")}`)
          .catch((error: unknown) =>
            refused.push(`${ddl}: ${String(error)} ${String((error as Error).cause)}`),
          );
      await connection.query(`UPDATE ${table(index)} SET v = w WHERE id < 10`);
      await connection.query(`DELETE FROM ${table(index)} WHERE id = 0`);
    }
    expect(refused, `samples that the server refuses, seed ${drawnSeed}`).toEqual([]);
    ends.push(await server.binlogEnd());
    for (const index of samples.keys())
      shapes.set(table(index), await shapeOf(server, table(index), PLAIN));
  }, timeFor(120_000));

  afterAll(async () => {
    await connection.close();
    await server.release();
  });

  /** The table's changes as the log has them; some tables are read together, all of them are too much to be held. */
  async function logged(index: number): Promise<ReadRow[]> {
    const group = Math.floor(index / GROUP);
    const from = ends[group * GROUP];
    const to = ends[Math.min((group + 1) * GROUP, samples.length)];
    if (from === undefined || to === undefined) throw new Error("no end of the log");
    if (group !== streamedGroup) streamed = await readRows(server, [from, to], shapes);
    streamedGroup = group;
    return streamed.filter((row) => row.table === table(index));
  }

  /** The table's rows as a snapshot reads them. */
  async function loaded(shape: TableShape): Promise<(Value | undefined)[][]> {
    const columns = shape.columns.map(selectExpression).join(", ");
    const convert = shape.columns.map((column) =>
      fromText(column, { zeroDatesAreNull: false }, MAX_BYTES),
    );
    const rows = await connection.query(`SELECT ${columns} FROM ${shape.name} ORDER BY id`);
    return rows.map((row) => row.map((text, n) => (text === null ? null : convert[n]?.(text))));
  }

  /** Each row of a table that came as a line, and what its values are. */
  async function* lined(shape: TableShape, zeroDatesAreNull: boolean) {
    const plan = await readTablePlan(connection, shape);
    const all = shape.columns.map((_, index) => index);
    const values = { zeroDatesAreNull };
    const limits = { values, maxValueBytes: MAX_LINE_VALUE_BYTES };
    const columns = snapshotColumns(shape, plan, all, { ...limits, bounds: true });
    const lines = PacketLines.of(shape, { ...limits, columns, laneOf: () => 0 });
    const sql = `SELECT ${columns.select.join(", ")} FROM ${shape.name} ORDER BY id`;
    const found: { line: RowLine; row: Row }[] = [];
    const take = (answered: AnsweredRow): boolean => {
      const line = lines?.line(answered) ?? null;
      if (line !== null) found.push({ line, row: columns.row(answered) });
      return false;
    };
    for await (const _ of streamRows(connection, sql, { take, doing: "a test" })) continue;
    yield* found;
  }

  it(
    "rows that stay packets are the same values under the same keys, and the same messages",
    async () => {
      let lines = 0;
      for (const shape of shapes.values()) {
        const target = mapToTopic(shape, shape);
        const names = { serverName: "v", version: "1" };
        for (const value of ["debezium-json", "plain-json"] as const) {
          const format = createFormat({ ...DEFAULT_FORMAT, value }, { names, block: null });
          const encoder = await format.encoder(target, "v");
          const told = (change: Partial<TargetChangeEvent>): unknown => {
            const output = new MessageList();
            try {
              encoder.change(event(target, { op: "r", ...change }), 7, output);
            } catch (thrown) {
              return String(thrown);
            }
            return output.messages;
          };
          for await (const { line, row } of lined(shape, value === "plain-json")) {
            const { after } = line.read();
            const where = `${shape.columns[1]?.sourceType ?? ""}, seed ${drawnSeed}`;
            expect(line.key, where).toBe(keyText(shape, row));
            expect(spelled(after ?? []), where).toBe(spelled(row));
            expect(told({ line, after }), where).toEqual(told({ after: row }));
            lines++;
          }
        }
      }
      expect(lines).toBeGreaterThan(shapes.size * PER_TYPE);
    },
    timeFor(60_000),
  );

  it(
    "rows that stay a log's bytes are the same values under the same keys, and the same messages",
    async () => {
      let rows = 0;
      for (const index of samples.keys()) {
        const shape = shapes.get(table(index));
        if (shape === undefined) throw new Error("no shape");
        const target = mapToTopic(shape, shape);
        const names = { serverName: "v", version: "1" };
        const where = `${shape.columns[1]?.sourceType ?? ""}, seed ${drawnSeed}`;
        const changes = await logged(index);
        for (const value of ["debezium-json", "plain-json"] as const) {
          const format = createFormat({ ...DEFAULT_FORMAT, value }, { names, block: null });
          const encoder = await format.encoder(target, "v");
          const told = (change: Partial<TargetChangeEvent>): unknown => {
            const output = new MessageList();
            try {
              encoder.change(event(target, change), 7, output);
            } catch (thrown) {
              return String(thrown);
            }
            return output.messages;
          };
          for (const { op, before, after, logged: image } of changes) {
            if (image === null) continue;
            expect(image.key, where).toBe(keyText(shape, after ?? before ?? []));
            expect(spelled(image.before ?? []), where).toBe(spelled(before ?? []));
            expect(spelled(image.after ?? []), where).toBe(spelled(after ?? []));
            const change = { op, before, after };
            expect(told({ ...change, logged: image }), where).toEqual(told(change));
            rows++;
          }
        }
      }
      expect(rows).toBeGreaterThan(samples.length * PER_TYPE);
    },
    timeFor(60_000),
  );

  it.each(samples.map(({ ddl }, index) => [index, ddl.slice(0, 60)] as const))(
    "%i: of type %s are the same in snapshot and stream",
    async (index, ddl) => {
      const where = `${ddl}, seed ${drawnSeed}`;
      const shape = shapes.get(table(index));
      if (shape === undefined) throw new Error("no shape");
      const live = new Map<unknown, Value[]>();
      for (const { before, after } of await logged(index)) {
        if (before !== null) {
          expect(spelled(before), where).toBe(spelled(live.get(before[0]) ?? []));
          live.delete(before[0]);
        }
        if (after !== null) live.set(after[0], after);
      }
      const rows = await loaded(shape);
      expect(rows.length, where).toBe(PER_TYPE);
      expect(live.size, where).toBe(PER_TYPE);
      const different = rows
        .map((row) => [spelled(row), spelled(live.get(row[0]) ?? [])])
        .filter(([inSnapshot, inStream]) => inSnapshot !== inStream);
      expect(different.slice(0, 5), where).toEqual([]);
    },
    timeFor(20_000),
  );
});
