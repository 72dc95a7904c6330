import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LogicalType } from "../../model/logical-type.ts";
import type { TargetTable } from "../../model/table.ts";
import { putAwayName } from "./alter-plan.ts";
import { BIGINT, SINK_SERVERS, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";

const TAG = "9/1";

describe.each(SINK_SERVERS)("a column that a late ADD COLUMN left, on $name", ({ start }) => {
  let server: SinkServer;
  let sink: SqlSink;
  let name = "";
  let number = 0;

  beforeAll(async () => {
    server = await start();
  });
  beforeEach(async () => {
    name = `s${++number}`;
    sink = server.sink();
    await sink.open();
  });
  afterEach(() => sink.close());
  afterAll(() => server.stop());

  const mapped = (columns: Readonly<Record<string, LogicalType>>): TargetTable =>
    sink.mapTable(shapeOf(name, columns, 1), { schema: "public", name });
  /** A table with the row (1, 'x'), and what a process adds that was paused within an older schema change. */
  const withStray = async (column: string): Promise<void> => {
    const table = mapped({ id: BIGINT, a: TEXT });
    await sink.checkTable(table, "if-missing");
    const { fence } = await sink.takeOver({ pipeline: name, task: "0", lanes: 1 });
    await send(sink, commitOf(fence, 0, [{ kind: "upsert", table, rows: [["1", "x"]] }]));
    await server.query(`ALTER TABLE ${name} ADD COLUMN ${column}`);
  };
  const alter = (table: TargetTable, renames: { from: string; to: string }[] = []) =>
    sink.applyChange({ kind: "alter", table, renames, drops: [], replaces: [], tag: TAG });
  const columnsOf = async (): Promise<string[]> => {
    const rows = await server.query(
      `SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      [name],
    );
    return rows.map((row) => `${row["attname"]} ${row["type"]}`);
  };
  const away = `${putAwayName(TAG, "c")} text`;

  it("is put away where the source adds one of that name and another type", async () => {
    await withStray("c text");
    const table = mapped({ id: BIGINT, a: TEXT, c: BIGINT });
    await alter(table);
    expect(await columnsOf()).toEqual(["id bigint", "a text", away, "c bigint"]);
    await alter(table);
    expect(await columnsOf()).toEqual(["id bigint", "a text", away, "c bigint"]);
    await sink.checkTable(table, "never");
    expect(await columnsOf()).toEqual(["id bigint", "a text", "c bigint"]);
  });

  it("does not keep a renamed column's values from its new name", async () => {
    await withStray("c text");
    const table = mapped({ id: BIGINT, c: TEXT });
    await alter(table, [{ from: "a", to: "c" }]);
    expect(await server.query(`SELECT c FROM ${name}`)).toEqual([{ c: "x" }]);
    await alter(table, [{ from: "a", to: "c" }]);
    expect(await columnsOf()).toEqual(["id bigint", "c text", away]);
  });

  it("stays, and is told, where somebody keeps values in it", async () => {
    await withStray("c text");
    await server.query(`UPDATE ${name} SET c = 'mine'`);
    await expect(alter(mapped({ id: BIGINT, a: TEXT, c: BIGINT }))).rejects.toThrow(
      /column c is text, which does not hold bigint/,
    );
    await expect(alter(mapped({ id: BIGINT, c: TEXT }), [{ from: "a", to: "c" }])).rejects.toThrow(
      /column c has values that nobody wrote for the source, and a is called so now/,
    );
    expect(await columnsOf()).toEqual(["id bigint", "a text", "c text"]);
  });
});
