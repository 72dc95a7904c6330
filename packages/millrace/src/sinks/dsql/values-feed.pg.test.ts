import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Row } from "../../model/value.ts";
import { feedRows } from "./row-feed.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";
import { TableStatements } from "./table-statements.ts";

describe.each(SINK_SERVERS)("rows as VALUES on $name", ({ start }) => {
  let server: SinkServer;

  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  it("insert, overwrite, update and delete as arrays do", async () => {
    const sink = server.sink();
    await sink.open();
    const table = sink.mapTable(shapeOf("pairs", { a: BIGINT, b: TEXT, v: TEXT }, 2), {
      schema: "public",
      name: "pairs",
    });
    await sink.checkTable(table, "if-missing");
    const sql = new TableStatements(table, true);
    const feed = (rows: readonly Row[], columns: readonly number[]) =>
      feedRows(rows, columns, { arrays: false, maxBytes: 1_000_000 });
    const run = async (text: string, values: readonly (string | null)[]) => {
      // Another session's DDL makes DSQL refuse the first statement of each session once.
      await server.query(text, values).catch(() => server.query(text, values));
    };
    const many = Array.from({ length: 300 }, (_, i): Row => [String(i), "x", "v"]);
    for (const part of feed(many, [0, 1, 2])) await run(sql.insert(part.feed).text, part.values);
    for (const part of feed(many, [0, 1, 2])) await run(sql.upsert(part.feed).text, part.values);
    for (const part of feed(
      [
        ["7", "x", "seven"],
        ["8", "x", null],
      ],
      [0, 1, 2],
    )) {
      await run(sql.update([2], part.feed).text, part.values);
    }
    for (const part of feed(many.slice(9), [0, 1]))
      await run(sql.deleteByKey(part.feed).text, part.values);
    const rows = await server.query("SELECT a, v FROM pairs ORDER BY a");
    expect(rows).toHaveLength(9);
    expect(rows.slice(7)).toEqual([
      { a: "7", v: "seven" },
      { a: "8", v: null },
    ]);
  });
});

const uuid = (n: number) => `00000000-0000-0000-0000-00000000000${n}`;

describe("a server that refuses arrays", () => {
  it("gets the rows as VALUES from then on", async () => {
    const [postgres] = SINK_SERVERS;
    const server = await (postgres ?? SINK_SERVERS[0])?.start();
    if (server === undefined) throw new Error("no server");
    try {
      const database = (await server.query("SELECT current_database() AS name"))[0]?.["name"] ?? "";
      await server.query(`CREATE SCHEMA refusing`);
      await server.query(`CREATE FUNCTION refusing.unnest(uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'datatype uuid[] not supported' USING ERRCODE = '0A000'; END $$`);
      await server.query(`ALTER DATABASE "${database}" SET search_path = refusing, pg_catalog`);
      const sink = server.sink();
      await sink.open();
      const table = sink.mapTable(shapeOf("ids", { id: { kind: "uuid" } }), {
        schema: "public",
        name: "ids",
      });
      await sink.checkTable(table, "if-missing");
      const { fence } = await sink.takeOver({ pipeline: "p", task: "0", lanes: 1 });
      await send(
        sink,
        commitOf(fence, 0, [{ kind: "upsert", table, rows: [[uuid(1)], [uuid(2)], [uuid(3)]] }]),
      );
      await send(sink, commitOf(fence, 1, [{ kind: "upsert", table, rows: [[uuid(4)]] }]));
      expect(await server.query("SELECT count(*) FROM public.ids")).toEqual([{ count: "4" }]);
    } finally {
      await server.stop();
    }
  });
});
