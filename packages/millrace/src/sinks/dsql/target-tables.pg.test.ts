import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { setFailpointHandler } from "../../model/failpoint.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { TargetChange } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import { putAwayName } from "./alter-plan.ts";
import { ConnectionPool } from "./pool.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";
import { TargetTables } from "./target-tables.ts";

describe.each(SINK_SERVERS)("target tables on $name", ({ start }) => {
  let server: SinkServer;
  let sink: SqlSink;
  let number = 0;

  beforeAll(async () => {
    server = await start();
  });
  beforeEach(async () => {
    // A sink is one process to its task, and takes over no other one's (I5).
    sink = server.sink();
    await sink.open();
  });
  afterEach(() => sink.close());
  afterAll(() => server.stop());
  afterEach(() => setFailpointHandler(null));

  const mapped = (
    columns: Readonly<Record<string, LogicalType>>,
    name = `t${number}`,
    keyWidth = 1,
  ) => sink.mapTable(shapeOf(name, columns, keyWidth), { schema: "public", name });
  const made = async (columns: Readonly<Record<string, LogicalType>>) => {
    number += 1;
    const table = mapped(columns);
    expect(await sink.checkTable(table, "if-missing")).toMatchObject({ created: true });
    return table;
  };
  const columnsOf = async (name = `t${number}`) => {
    const rows = await server.query(
      `SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      [name],
    );
    return rows.map((row) => `${row["attname"]} ${row["type"]}`);
  };
  const alterOf = (table: TargetTable, change: object): TargetChange => ({
    kind: "alter",
    table,
    renames: [],
    drops: [],
    replaces: [],
    tag: "5/1",
    ...change,
  });
  const alter = (
    table: TargetTable,
    change: Partial<{
      renames: { from: string; to: string }[];
      drops: string[];
      replaces: string[];
      tag: string;
    }>,
  ) => sink.applyChange(alterOf(table, change));

  it("a table of more columns than the server has is the operator's to mend, no row's fault", async () => {
    const wide = Object.fromEntries(Array.from({ length: 1700 }, (_, i) => [`c${i}`, BIGINT]));
    const check = async () => sink.checkTable(mapped(wide, "wide"), "if-missing");
    await expect(check()).rejects.toMatchObject({ code: "MR_SINK_REFUSED", class: "config" });
  });

  it("are made where they are missing, in a schema that is made, too", async () => {
    const table = sink.mapTable(shapeOf("odd", { 'a "b"': BIGINT, c: TEXT }, 1), {
      schema: `Shop ${server.profile.kind}`,
      name: 'o"x',
    });
    expect(await sink.checkTable(table, "if-missing")).toEqual({
      created: true,
      notices: [],
      secondaryUnique: false,
    });
    expect(await sink.checkTable(table, "never")).toEqual({
      created: false,
      notices: [],
      secondaryUnique: false,
      parents: [],
      irreplaceable: false,
    });
    expect(await columnsOf('o"x')).toEqual(['a "b" bigint', "c text"]);
  });

  it("are not made where that is forbidden", async () => {
    await expect(sink.checkTable(mapped({ id: BIGINT }, "nowhere"), "never")).rejects.toMatchObject(
      { code: "MR_SINK_SCHEMA" },
    );
  });

  it("are made once by many at the same time", async () => {
    number += 1;
    const table = mapped({ id: BIGINT, note: TEXT });
    const several = Array.from({ length: 6 }, () => sink.checkTable(table, "if-missing"));
    await expect(Promise.all(several)).resolves.toHaveLength(6);
    expect(await columnsOf()).toEqual(["id bigint", "note text"]);
  });

  it("made by somebody else between the look and the CREATE are compared like any that was there", async () => {
    number += 1;
    const [few, more] = [mapped({ id: BIGINT }), mapped({ id: BIGINT, note: TEXT })];
    const ports = { clock: systemClock, random: Math.random, log: silentLogger };
    const limits = { max: 1, min: 0, maxLifetimeMs: 60_000, idleTimeoutMs: 60_000 };
    const open = () => server.session();
    const pool = new ConnectionPool(open, limits, ports, { counts() {}, acquired() {} });
    let isMade = false;
    const tables = new TargetTables({
      pool,
      retry: { ...ports, signal: new AbortController().signal },
      serverTimeouts: true,
      // Asked before each DDL: the last moment before this one's CREATE TABLE.
      stillMine: async () => {
        if (!isMade) await sink.checkTable(few, "if-missing");
        isMade = true;
      },
    });
    await expect(tables.check(more, "if-missing")).rejects.toMatchObject({
      code: "MR_SINK_SCHEMA",
      detail: expect.stringContaining("column note (text) is missing"),
    });
    await expect(tables.check(few, "if-missing")).resolves.toMatchObject({ created: false });
    await pool.close();
  });

  it("that exist are told everything that does not fit, at once", async () => {
    await server.query(
      "CREATE TABLE wrong (id integer PRIMARY KEY, a integer, b text NOT NULL, extra text NOT NULL, fine text)",
    );
    const table = mapped({ id: BIGINT, a: TEXT, b: TEXT, c: TEXT }, "wrong");
    const error: unknown = await sink
      .checkTable(table, "if-missing")
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "MR_SINK_SCHEMA" });
    expect(String(error)).toContain("column id is integer, which does not hold bigint");
    expect(String(error)).toContain("column a is integer, which does not hold text");
    expect(String(error)).toContain("column b is NOT NULL, but the source may have NULL there");
    expect(String(error)).toContain("column c (text) is missing");
    expect(String(error)).toContain("column extra is NOT NULL without a default");
  });

  it("that exist may have wider types, more columns with defaults, and the key in another order", async () => {
    await server.query(
      "CREATE TABLE wider (b text, a numeric(30,0), v varchar(50), extra text, d text NOT NULL DEFAULT 'x', PRIMARY KEY (b, a))",
    );
    const table = mapped({ a: BIGINT, b: TEXT, v: TEXT }, "wider", 2);
    const { created, notices } = await sink.checkTable(table, "if-missing");
    expect(created).toBe(false);
    expect(notices).toEqual([expect.stringContaining("extra, d")]);
    const { fence } = await sink.takeOver({ pipeline: "wider", task: "0", lanes: 1 });
    await send(
      sink,
      commitOf(fence, 0, [
        {
          kind: "upsert",
          table,
          rows: [
            ["1", "x", "v"],
            ["2", "x", "v"],
          ],
        },
      ]),
    );
    await send(sink, commitOf(fence, 1, [{ kind: "delete", table, keys: [["2", "x", null]] }]));
    expect(await server.query("SELECT a, b, d FROM wider")).toEqual([{ a: "1", b: "x", d: "x" }]);
  });

  it("that exist are told to have unique indexes besides their key, whole or partly", async () => {
    await server.query("CREATE TABLE several (id bigint PRIMARY KEY, v text, w text, UNIQUE (v))");
    await server.query(
      `CREATE UNIQUE INDEX ${server.profile.kind === "dsql" ? "ASYNC" : ""} several_part ON several (w) WHERE w <> ''`,
    );
    const table = mapped({ id: BIGINT, v: TEXT, w: TEXT }, "several");
    await vi.waitFor(async () =>
      expect(await sink.checkTable(table, "never")).toMatchObject({
        secondaryUnique: true,
        notices: [expect.stringContaining("on (v)"), expect.stringContaining("several_part")],
      }),
    );
  });

  it("need a unique key on the key columns", async () => {
    await server.query("CREATE TABLE keyed (id bigint NOT NULL, other bigint PRIMARY KEY)");
    const table = mapped({ id: BIGINT, other: BIGINT }, "keyed");
    await expect(sink.checkTable(table, "if-missing")).rejects.toThrow(
      "no primary key or unique index on (id)",
    );
  });

  it("get new columns, renamed columns in a chain, and lose dropped ones by way of another name", async () => {
    await made({ id: BIGINT, a: TEXT, b: TEXT, gone: TEXT });
    const table = mapped({ id: BIGINT, b: TEXT, c: TEXT, fresh: BIGINT });
    const change = {
      renames: [
        { from: "a", to: "b" },
        { from: "b", to: "c" },
      ],
      drops: ["gone"],
    };
    await alter(table, change);
    const after = [
      "id bigint",
      "b text",
      "c text",
      `${putAwayName("5/1", "gone")} text`,
      "fresh bigint",
    ];
    expect(await columnsOf()).toEqual(after);
    await alter(table, change);
    expect(await columnsOf()).toEqual(after);
    expect(await sink.checkTable(table, "never")).toEqual({
      created: false,
      notices: [],
      secondaryUnique: false,
      parents: [],
      irreplaceable: false,
    });
    expect(await columnsOf()).toEqual(["id bigint", "b text", "c text", "fresh bigint"]);
  });

  it("get a column anew whose type changed, and keep it when the change is applied again", async () => {
    const before = await made({ id: BIGINT, v: BIGINT });
    const { fence } = await sink.takeOver({ pipeline: `anew${number}`, task: "0", lanes: 1 });
    await send(sink, commitOf(fence, 0, [{ kind: "upsert", table: before, rows: [["1", "7"]] }]));
    const table = mapped({ id: BIGINT, v: TEXT });
    await alter(table, { replaces: ["v"] });
    await send(sink, commitOf(fence, 1, [{ kind: "upsert", table, rows: [["1", "seven"]] }]));
    await alter(table, { replaces: ["v"] });
    expect(await server.query(`SELECT v FROM t${number}`)).toEqual([{ v: "seven" }]);
  });

  it("keep a column that was added since, when a late DROP of an older one comes", async () => {
    await made({ id: BIGINT, x: TEXT });
    await alter(mapped({ id: BIGINT }), { drops: ["x"], tag: "1" });
    await alter(mapped({ id: BIGINT, x: TEXT }), { tag: "2" });
    // What a zombie still does that had compared before the first of these.
    const late = `ALTER TABLE t${number} RENAME COLUMN x TO ${putAwayName("1", "x")}`;
    await expect(server.query(late)).rejects.toThrow(/already exists/);
    expect(await columnsOf()).toContain("x text");
  });

  it("lose what was put away once the change is finished, and nothing else", async () => {
    await made({ id: BIGINT, x: TEXT, y: TEXT, v: BIGINT });
    await alter(mapped({ id: BIGINT, y: TEXT, v: BIGINT }), { drops: ["x"], tag: "1" });
    const change = alterOf(mapped({ id: BIGINT, v: TEXT }), {
      drops: ["y"],
      replaces: ["v"],
      tag: "2",
    });
    await sink.applyChange(change);
    await sink.finishChange(change);
    const left = ["id bigint", `${putAwayName("1", "x")} text`, "v text"];
    expect(await columnsOf()).toEqual(left);
    await sink.finishChange(change);
    expect(await columnsOf()).toEqual(left);
  });

  it("keep what was put away where a statement was not answered, or an earlier run had begun", async () => {
    await made({ id: BIGINT, x: TEXT, y: TEXT });
    const change = alterOf(mapped({ id: BIGINT }), { drops: ["x", "y"] });
    let statements = 0;
    setFailpointHandler((reached) => {
      if (reached !== "sink.after-ddl" || ++statements > 1) return;
      // As a connection that is lost before its answer comes.
      throw new MillraceError("MR_SINK_LOST_CONNECTION", "the answer is lost");
    });
    await sink.applyChange(change);
    setFailpointHandler(null);
    await sink.finishChange(change);
    const away = ["x", "y"].map((name) => `${putAwayName("5/1", name)} text`);
    expect(await columnsOf()).toEqual(["id bigint", ...away]);
    await sink.applyChange(change);
    await sink.finishChange(change);
    expect(await columnsOf()).toEqual(["id bigint", ...away]);
    const again = server.sink();
    await again.open();
    await again.finishChange(change);
    await again.close();
    expect(await columnsOf()).toEqual(["id bigint", ...away]);
  });

  it("wait only a moment for who reads the table before what was put away goes", async () => {
    await made({ id: BIGINT, x: TEXT });
    const change = alterOf(mapped({ id: BIGINT }), { drops: ["x"] });
    await sink.applyChange(change);
    await using reader = await server.session();
    await reader.query("BEGIN");
    await reader.query(`SELECT count(*) FROM t${number}`);
    await sink.finishChange(change);
    await reader.query("COMMIT");
    const columns = server.profile.serverTimeouts ? 2 : 1;
    expect((await columnsOf()).length).toBe(columns);
  });

  it("refuse names that change places, and other keys", async () => {
    await made({ id: BIGINT, a: TEXT, b: TEXT });
    const swap = alter(mapped({ id: BIGINT, a: TEXT, b: TEXT }), {
      renames: [
        { from: "a", to: "b" },
        { from: "b", to: "a" },
      ],
    });
    // The engine makes such columns anew; a swap that gets here all the same is a mistake of ours.
    await expect(swap).rejects.toMatchObject({ code: "MR_BUG" });
    const key = alter(mapped({ id: BIGINT, a: TEXT, b: TEXT }, `t${number}`, 2), {});
    await expect(key).rejects.toThrow("no primary key or unique index on (id, a)");
  });

  it.each(["sink.before-ddl", "sink.after-ddl"])(
    "come out the same when the task dies at every %s",
    async (name) => {
      await made({ id: BIGINT, a: TEXT, gone: TEXT, v: BIGINT });
      const table = mapped({ id: BIGINT, b: TEXT, v: TEXT, fresh: TEXT });
      const change = { renames: [{ from: "a", to: "b" }], drops: ["gone"], replaces: ["v"] };
      let deaths = 0;
      for (let finished = false; !finished;) {
        setFailpointHandler((reached) => {
          if (reached !== name || deaths >= 4) return;
          deaths += 1;
          setFailpointHandler(null);
          throw new Error("died");
        });
        finished = await alter(table, change).then(
          () => true,
          () => false,
        );
      }
      expect(deaths).toBeGreaterThan(1);
      setFailpointHandler(null);
      await sink.checkTable(table, "never");
      expect((await columnsOf()).toSorted()).toEqual([
        "b text",
        "fresh text",
        "id bigint",
        "v text",
      ]);
    },
  );

  it("are dropped, once, and the name is free again", async () => {
    const table = await made({ id: BIGINT });
    await sink.applyChange({ kind: "drop", table, tag: "9" });
    await sink.applyChange({ kind: "drop", table, tag: "9" });
    expect(await columnsOf()).toEqual([]);
    expect(await sink.checkTable(table, "if-missing")).toMatchObject({ created: true });
  });

  it("tell their keys page by page in their own order", async () => {
    number += 1;
    const table = mapped(
      {
        a: BIGINT,
        b: { kind: "decimal", precision: null, scale: null },
        f: { kind: "boolean" },
        v: TEXT,
      },
      `t${number}`,
      3,
    );
    await sink.checkTable(table, "if-missing");
    const { fence } = await sink.takeOver({ pipeline: `keys${number}`, task: "0", lanes: 1 });
    const rows = [
      ["10", "1.5", true, "x"],
      ["9", "2.50", false, "x"],
      ["9", "-100", true, "x"],
      ["10", "1.5", false, null],
    ];
    await send(sink, commitOf(fence, 0, [{ kind: "upsert", table, rows }]));
    const first = await sink.readKeys(table, null, 3);
    expect(first.done).toBe(false);
    const second = await sink.readKeys(table, first.keys[2] ?? null, 3);
    expect(second.done).toBe(true);
    const trailing = server.profile.bareNumeric === "numeric" ? "2.50" : "2.5";
    expect([...first.keys, ...second.keys].map((row) => row.slice(0, 3))).toEqual([
      ["9", "-100", true],
      ["9", trailing, false],
      ["10", "1.5", false],
      ["10", "1.5", true],
    ]);
  });
});
