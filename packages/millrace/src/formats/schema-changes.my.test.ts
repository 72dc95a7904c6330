/**
 * Shapes of tables of MySQL and MariaDB, as the schema changes' topic tells them, beside what Debezium 3.5 told of the same
 * statements (golden/debezium-schema-changes.jsonl).
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../../test/support/mysql.ts";
import { silentLogger, systemClock } from "../model/ports.ts";
import type { TableShape } from "../model/table.ts";
import { mapToTopic } from "../sinks/kafka/table-mapping.ts";
import { MYSQL_SOURCE_DEFAULTS } from "../sources/mysql/options.ts";
import { MysqlSourceBlock } from "../sources/mysql/source-block.ts";
import { MysqlSource } from "../sources/mysql/source.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type ToldChange, writeSchemaChange } from "./schema-changes.ts";

interface SchemaMessage {
  readonly source: Readonly<Record<string, unknown>>;
  readonly databaseName: string;
  readonly schemaName: string | null;
  readonly ddl: string | null;
  readonly tableChanges: readonly {
    readonly type: string;
    readonly id: string;
    readonly table: { readonly columns: readonly Readonly<Record<string, unknown>>[] } | null;
  }[];
}

interface Told {
  readonly key: unknown;
  readonly value: SchemaMessage;
}

const [statements = "", ...lines] = readFileSync(
  new URL("golden/debezium-schema-changes.jsonl", import.meta.url),
  "utf8",
)
  .trim()
  .split("\n");
const { before, after } = JSON.parse(statements) as Record<"before" | "after", readonly string[]>;
const recorded = lines.map((line) => JSON.parse(line) as Told);

/** How wide a number is shown Debezium has where the statement says it, as those of MariaDB's catalogue do. */
const SHOWN = /^(?:TINYINT|SMALLINT|MEDIUMINT|INT|BIGINT|YEAR)/;

/** Without what only a run knows, and what is not told here: the statement, defaults, comments. */
function comparable({ key, value }: Told): unknown {
  const { databaseName, schemaName, tableChanges, source } = value;
  return {
    key,
    members: Object.keys(value),
    source: [source["connector"], source["db"], source["table"], Object.keys(source)],
    databaseName,
    schemaName,
    tableChanges: tableChanges.map(({ table, ...change }) => ({
      ...change,
      table: table && {
        ...table,
        comment: null,
        columns: table.columns.map((column) => {
          const { typeName, length } = column;
          const isShown = SHOWN.test(String(typeName)) && length !== 1;
          const rest = { comment: null, defaultValueExpression: null };
          return Object.entries({ ...column, ...rest, ...(isShown ? { length: null } : {}) });
        }),
      },
    })),
  };
}

describe.each(mysqlFlavors)("schema changes of %s", (flavor) => {
  let server: SharedMysql;
  let source: MysqlSource;
  const block = new MysqlSourceBlock({ serverName: "shop", version: "1" }, () => ({
    connector: flavor,
    logName: "binlog",
    serverId: 1,
  }));
  const messages: Told[] = [];

  function tell({ change, place }: Pick<ToldChange, "change" | "place">): void {
    const [key, value] = [new ByteWriter(), new ByteWriter()];
    writeSchemaChange({ change, place, nowMs: 7 }, block, key, value);
    const read = (writer: ByteWriter): unknown =>
      JSON.parse(writer.written().toString("utf8").replaceAll(server.database, "test"));
    messages.push({ key: read(key), value: read(value) as SchemaMessage });
  }

  const targetOf = (shape: TableShape) => mapToTopic(shape, shape);

  beforeAll(async () => {
    server = await sharedMysql(flavor);
    for (const sql of before) await server.query(sql);
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
      { pipeline: `ddl ${database}`, clock: systemClock, random: Math.random, log: silentLogger },
    );
    const shapes = (await source.discover()).map(({ shape }) => shape);
    for (const shape of shapes)
      tell({ change: { kind: "create", table: targetOf(shape) }, place: null });
    const { start } = await source.prepare(shapes, null);
    for (const sql of after) await server.query(sql);
    const log = await source.openLog({
      from: start,
      tables: new Map(shapes.map((shape) => [shape.id, shape])),
      maxValueBytes: 1_048_576,
    });
    const none = { renames: [], drops: [], replaces: [], tag: "" };
    for (let left = after.length; left > 0;)
      for (const item of (await log.next()).items) {
        if (item.kind !== "shape") continue;
        const change = { kind: "alter", table: targetOf(item.shape), ...none } as const;
        const { position, transaction } = item;
        tell({ change, place: { position, transaction } });
        left -= 1;
      }
    await log.close();
    const item = shapes.find(({ name }) => name === "item");
    if (item === undefined) throw new Error("no table");
    const gone = targetOf({ ...item, name: "gone" });
    tell({ change: { kind: "drop", table: gone, tag: "" }, place: null });
  });
  afterAll(async () => {
    await source.close();
    await server.release();
  });

  it("are what Debezium 3.5 tells of the same statements", () => {
    const theirs = recorded.filter(({ value }) => value.source["connector"] === flavor);
    // Of some of the ALTERs in between nothing was kept.
    const ours = messages.filter(({ value }, i) => {
      const nth = i - before.length;
      const sql = after[nth];
      return (
        value.ddl === null && (sql === undefined || theirs.some((each) => each.value.ddl === sql))
      );
    });
    expect(theirs).toHaveLength(6);
    expect(ours.map(comparable)).toEqual(theirs.map(comparable));
  });

  it("say where they are in the log, and what the catalogue told says so", () => {
    const altered = messages.slice(before.length, -1).map(({ value }) => value.source);
    expect(altered).toHaveLength(after.length);
    const at = altered.map(({ pos }) => Number(pos));
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    for (const each of altered)
      expect(each).toMatchObject({
        snapshot: "false",
        file: expect.stringMatching(/^binlog\.\d{6}$/),
        gtid: expect.stringMatching(/^\S+$/),
      });
    expect(messages[0]?.value.source).toMatchObject({ snapshot: "incremental", file: "", pos: 0 });
  });
});
