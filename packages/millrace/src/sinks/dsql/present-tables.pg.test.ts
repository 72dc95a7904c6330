import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LogicalType } from "../../model/logical-type.ts";
import { putAwayName } from "./alter-plan.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, TEXT, shapeOf } from "./sink-servers.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";

describe.each(SINK_SERVERS)("target tables on $name, looked at together", ({ start }) => {
  let server: SinkServer;
  let sink: SqlSink;
  beforeAll(async () => {
    server = await start();
  });
  beforeEach(async () => {
    sink = server.sink();
    await sink.open();
  });
  afterEach(() => sink.close());
  afterAll(() => server.stop());

  const mapped = (name: string, columns: Readonly<Record<string, LogicalType>>) =>
    sink.mapTable(shapeOf(name, columns, 1), { schema: "public", name });

  it("are told of as one by one; what is missing, does not fit or has to be worked on is left out", async () => {
    const columns = { id: BIGINT, note: TEXT };
    await server.query("CREATE TABLE first (id bigint PRIMARY KEY, note text, more text)");
    await server.query("CREATE TABLE second (id bigint PRIMARY KEY, note text UNIQUE)");
    await server.query("CREATE TABLE wrong (id integer PRIMARY KEY, note text)");
    await server.query(
      `CREATE TABLE working (id bigint PRIMARY KEY, note text, "${putAwayName("1", "x")}" text)`,
    );
    const [first, second, ...others] = ["first", "second", "wrong", "working", "missing"].map(
      (name) => mapped(name, columns),
    );
    if (first === undefined || second === undefined) throw new Error("not made");
    const found = await sink.checkPresent([first, second, ...others]);
    expect([...found.keys()]).toEqual([first, second]);
    for (const table of [first, second])
      expect(found.get(table)).toEqual(await sink.checkTable(table, "never"));
    expect(found.get(second)?.secondaryUnique).toBe(true);
  });

  it("keep their foreign keys and schemas apart", async () => {
    if (server.profile.kind === "dsql")
      return expect(await sink.checkPresent([])).toEqual(new Map());
    await server.query("CREATE SCHEMA other");
    await server.query("CREATE TABLE other.child (id bigint PRIMARY KEY)");
    await server.query("CREATE TABLE parent (id bigint PRIMARY KEY)");
    await server.query("CREATE TABLE child (id bigint PRIMARY KEY REFERENCES parent)");
    const [parent, child] = ["parent", "child"].map((name) => mapped(name, { id: BIGINT }));
    const other = sink.mapTable(shapeOf("child", { id: BIGINT }, 1), {
      schema: "other",
      name: "child",
    });
    if (parent === undefined || child === undefined) throw new Error("not made");
    const found = await sink.checkPresent([parent, child, other]);
    expect(found.get(parent)).toMatchObject({ parents: [], irreplaceable: true });
    expect(found.get(child)).toMatchObject({ parents: ["public.parent"], irreplaceable: false });
    expect(found.get(other)).toMatchObject({ parents: [], irreplaceable: false });
  });
});
