import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type PostgresServer } from "../../../../../test/support/postgres.ts";
import type { LogItem } from "../../model/change.ts";
import { readShapes } from "./catalogue.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openConnection } from "./connection.ts";
import { DDL_PREFIX, installDdlTriggerSql, REMOVE_DDL_TRIGGER_SQL } from "./ddl-trigger-sql.ts";
import { prepareDdlTrigger, readDdlTrigger, refuseDdlTrigger } from "./ddl-trigger.ts";
import { CONTEXT, LoggedDatabase, said } from "./log.fixture.ts";
import { POSTGRES_SOURCE_DEFAULTS, type PostgresSourceOptions } from "./options.ts";
import { validatePostgres } from "./validate.ts";

/** A new slot's catalogue is as old as the oldest slot's of its server, whoever's that is. */
let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

/** A database whose trigger is there before its slot. */
async function told(...ddl: readonly string[]): Promise<LoggedDatabase> {
  const db = await LoggedDatabase.on(server, { ddlMessages: true });
  await db.run(...ddl, installDdlTriggerSql(18, "postgres"));
  await othersEnded(db);
  await db.capture();
  return db;
}

/** A slot that begins while older transactions run has a catalogue from before the trigger. */
async function othersEnded(db: LoggedDatabase): Promise<void> {
  const [row] = await db.query("SELECT pg_current_xact_id()::text AS id");
  const ended = async () =>
    (
      await db.query(
        `SELECT pg_snapshot_xmin(pg_current_snapshot()) > '${String(row?.["id"])}' AS ended`,
      )
    )[0]?.["ended"];
  await expect.poll(ended, { timeout: 60_000 }).toBe(true);
}

/** Attnums and names of each shape, and which columns it says were rewritten; rows by their table's name. */
function shapesOf(items: readonly LogItem[]): unknown[] {
  return items.map((item) => {
    if (item.kind !== "shape") return said(item)[0];
    const columns = item.shape.columns.map(({ ordinal, name }) => `${ordinal} ${name}`);
    return [columns.join(", "), item.rewritten];
  });
}

interface Document {
  readonly columns: readonly { readonly name: string }[];
  readonly publications: readonly object[];
}

/** What the trigger wrote, in order, with its seals. */
async function messagesOf(db: LoggedDatabase): Promise<string[]> {
  const rows = await db.query(
    `SELECT convert_from(substr(data, 16 + length('${DDL_PREFIX}')), 'UTF8') AS text
     FROM pg_logical_slot_peek_binary_changes('${db.settings.slotName}', NULL, NULL,
       'proto_version', '1', 'publication_names', '"${db.settings.publicationName.replaceAll('"', '""')}"', 'messages', 'true')
     WHERE get_byte(data, 0) = 77 AND encode(data, 'escape') LIKE '%{"kind"%'`,
  );
  return rows.map(({ text }) => String(text));
}

/** What the trigger wrote last. */
async function lastDocument(db: LoggedDatabase): Promise<Document> {
  const text = String((await messagesOf(db)).at(-1));
  return JSON.parse(text.slice(0, text.lastIndexOf("\n"))) as Document;
}

/** A message like the trigger's; `key` is what it is sealed with. */
function emitSql(document: object | string, key: string | null): string {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  const digest = (sql: string) => `encode(sha256(convert_to('${key}' || ${sql}, 'UTF8')), 'hex')`;
  const seal = digest(digest(`pg_current_xact_id()::text || chr(10) || '${text}'`));
  const sealed = key === null ? `'${text}'` : `'${text}' || chr(10) || ${seal}`;
  return `SELECT pg_catalog.pg_logical_emit_message(true, '${DDL_PREFIX}', ${sealed})`;
}

async function keyOf(db: LoggedDatabase): Promise<string> {
  const [row] = await db.query("SELECT key FROM millrace_ddl.secret");
  return String(row?.["key"]);
}

const T = "CREATE TABLE t (id int PRIMARY KEY, a text, b int)";

describe("messages about schema changes", () => {
  it("tell of a column with no row behind it, where the log alone tells nothing", async () => {
    await using db = await told(T);
    await db.run("ALTER TABLE t ADD c int");
    await using silent = await LoggedDatabase.on(server);
    await silent.run(T);
    await silent.capture();
    await silent.run("ALTER TABLE t ADD c int");
    expect(shapesOf(await db.read())).toEqual([["1 id, 2 a, 3 b, 4 c", []]]);
    expect(await silent.read()).toEqual([]);
  });

  it("stand between the rows of one transaction, each at the place of its change", async () => {
    await using db = await told(T);
    await db.run(`BEGIN; INSERT INTO t VALUES (1, 'x', 1); ALTER TABLE t ADD c int; INSERT INTO t VALUES (2, 'y', 2, 2);
      ALTER TABLE t RENAME c TO d; ALTER TABLE t DROP a; INSERT INTO t VALUES (3, 3, 3);
      ALTER TABLE t DROP b, ADD b int DEFAULT 7; UPDATE t SET d = 4 WHERE id = 3; COMMIT`);
    const items = await db.read();
    expect(shapesOf(items)).toEqual([
      "c",
      ["1 id, 2 a, 3 b, 4 c", []],
      "c",
      ["1 id, 2 a, 3 b, 4 d", []],
      ["1 id, 3 b, 4 d", []],
      "c",
      ["1 id, 4 d, 5 b", ["b"]],
      "u",
    ]);
    expect(said(items.at(-1) as LogItem)).toEqual(["u", "t", null, ["3", "4", "7"]]);
    expect(
      items.every(
        (item) => item.kind !== "change" || item.shape.columns.every((c) => c.unproven !== true),
      ),
    ).toBe(true);
  });

  it("give the same items when the log is read again from any of them", async () => {
    await using db = await told(T);
    await db.run(`BEGIN; INSERT INTO t VALUES (1, 'x', 1); ALTER TABLE t ADD c int DEFAULT 3; ALTER TABLE t RENAME a TO e;
      INSERT INTO t VALUES (2, 'y', 2, 2); ALTER TABLE t ALTER b TYPE text; COMMIT`);
    const items = await db.read();
    expect(items).toHaveLength(5);
    for (const [index, item] of items.entries()) {
      const shapes = items
        .slice(0, index + 1)
        .flatMap((one) => (one.kind === "shape" ? one.shape : []));
      const last = shapes.at(-1);
      const tables = last === undefined ? db.tables : new Map([[last.id, last]]);
      const rest = await db.read({ from: item.position, tables });
      expect(rest.map((one) => one.position)).toEqual(
        items.slice(index + 1).map((one) => one.position),
      );
      expect(shapesOf(rest)).toEqual(shapesOf(items.slice(index + 1)));
    }
  });

  it("know a column that was made anew under its name and type, and two that exchanged names, without asking", async () => {
    await using db = await told(T, "INSERT INTO t VALUES (1, 'x', 1)");
    await db.run(
      "UPDATE t SET b = 5",
      "ALTER TABLE t DROP b; ALTER TABLE t ADD b int",
      "UPDATE t SET b = 6",
      "ALTER TABLE t ADD c int; ALTER TABLE t RENAME b TO x; ALTER TABLE t RENAME c TO b; ALTER TABLE t RENAME x TO c",
      "UPDATE t SET b = 7",
    );
    const items = await db.read();
    const rows = items.filter((item) => item.kind === "change");
    expect(rows.map((row) => row.after)).toEqual([
      ["1", "x", "5"],
      ["1", "x", "6"],
      ["1", "x", "6", "7"],
    ]);
    expect(rows.map((row) => row.shape.columns.map((column) => column.ordinal))).toEqual([
      [1, 2, 3],
      [1, 2, 4],
      [1, 2, 4, 5],
    ]);
    expect(items.flatMap((item) => (item.kind === "shape" ? item.rewritten : []))).toEqual([]);
  });

  it("say what leaves no other trace: values converted under the same type, a default that is gone again", async () => {
    await using db = await told(T, "INSERT INTO t VALUES (1, 'x', 1)");
    await db.run("ALTER TABLE t ALTER a TYPE text USING a || '!'");
    await db.run("ALTER TABLE t ADD c float8 DEFAULT random(); ALTER TABLE t ALTER c DROP DEFAULT");
    await db.run(
      "ALTER TABLE t ALTER b SET DEFAULT 4; ALTER TABLE t ADD d int; ALTER TABLE t ALTER d SET DEFAULT 4",
    );
    expect(shapesOf(await db.read())).toEqual([
      ["1 id, 2 a, 3 b", ["id", "a", "b"]],
      ["1 id, 2 a, 3 b, 4 c", ["id", "a", "b", "c"]],
      ["1 id, 2 a, 3 b, 4 c, 5 d", []],
    ]);
  });

  it("do not tell what was rolled back, whole or by savepoint, and tell what functions and blocks do", async () => {
    await using db = await told(
      T,
      "CREATE FUNCTION grow() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER TABLE public.t ADD e int'; END $$",
    );
    await db.run(
      "BEGIN; ALTER TABLE t ADD c int; ROLLBACK",
      `BEGIN; ALTER TABLE t ADD d int; SAVEPOINT s; ALTER TABLE t ADD gone int; INSERT INTO t VALUES (9); ROLLBACK TO s;
       INSERT INTO t (id, d) VALUES (1, 1); COMMIT`,
      "SELECT grow()",
      "DO $$ BEGIN BEGIN ALTER TABLE public.t ADD f int; RAISE 'no'; EXCEPTION WHEN OTHERS THEN ALTER TABLE public.t DROP b; END; END $$",
    );
    expect(shapesOf(await db.read())).toEqual([
      ["1 id, 2 a, 3 b, 4 d", []],
      "c",
      ["1 id, 2 a, 3 b, 4 d, 5 e", []],
      ["1 id, 2 a, 4 d, 5 e", []],
    ]);
  });

  it("tell of columns that went with their type, of keys, and of what NOT NULL says", async () => {
    await using db = await told(
      "CREATE TYPE mood AS ENUM ('ok')",
      "CREATE TABLE t (id int PRIMARY KEY, n int, m mood)",
    );
    await db.run("DROP TYPE mood CASCADE", "ALTER TABLE t ALTER n SET NOT NULL");
    await db.run("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (n)");
    const shapes = (await db.read()).flatMap((item) => (item.kind === "shape" ? item.shape : []));
    expect(
      shapes.map((shape) =>
        shape.columns.map((column) => `${column.name} ${column.nullable}`).join(),
      ),
    ).toEqual(["id false,n true", "id false,n false", "id false,n false"]);
    expect(shapes.map((shape) => shape.key)).toEqual([[0], [0], [1]]);
  });

  it("carry a table as wide as tables get, in pieces", async () => {
    const many = Array.from(
      { length: 1_500 },
      (_, n) => `"${"ä".repeat(28)}${n}" numeric(10,2)`,
    ).join(", ");
    await using db = await told(`CREATE TABLE t (id int PRIMARY KEY, ${many})`);
    await db.run("ALTER TABLE t ADD c int");
    const [item] = await db.read();
    const shape = item?.kind === "shape" ? item.shape : null;
    expect(shape?.columns).toHaveLength(1_502);
    expect(shape?.columns.at(-2)?.name).toBe(`${"ä".repeat(28)}1499`);
  });

  it("are written for published tables only: the root of partitions, heirs that are named, no temporary ones", async () => {
    await using db = await LoggedDatabase.on(server, { ddlMessages: true });
    await db.run(
      "CREATE TABLE p (id int PRIMARY KEY, a int) PARTITION BY RANGE (id)",
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
      "CREATE TABLE other (id int PRIMARY KEY)",
      installDdlTriggerSql(18, "postgres"),
    );
    await db.capture(/^p$/);
    await db
      .query("SELECT pg_create_logical_replication_slot('seen', 'test_decoding')")
      .catch(() => undefined);
    const [slot] = await db.query(
      "SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'slot_%' AND database = current_database()",
    );
    await db.run(
      "ALTER TABLE other ADD c int",
      "CREATE TEMPORARY TABLE gone (id int); DROP TABLE gone",
      "CREATE TABLE p2 (id int PRIMARY KEY, a int)",
      "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)",
      "ALTER TABLE p ADD b int",
      "ALTER TABLE p ALTER a TYPE bigint",
      "ALTER TABLE p DETACH PARTITION p1",
    );
    const messages = await db.query(
      `SELECT encode(data, 'escape') AS text FROM pg_logical_slot_peek_binary_changes('${String(slot?.["slot_name"])}', NULL, NULL,
         'proto_version', '1', 'publication_names', '${`"pub ""${db.server.database}"""`}', 'messages', 'true')
       WHERE get_byte(data, 0) = 77 AND encode(data, 'escape') LIKE '%{"kind"%'`,
    );
    const names = messages.map(({ text }) => /"name":"(\w+)"/.exec(String(text))?.[1] ?? "rewrite");
    expect(names).toEqual(["p", "p", "rewrite", "rewrite", "p", "p"]);
    expect(shapesOf(await db.read())).toEqual([
      ["1 id, 2 a, 3 b", []],
      ["1 id, 2 a, 3 b", ["id", "a", "b"]],
    ]);
  });

  it("are not trusted where the trigger was off for a while: columns are proven as without it", async () => {
    await using db = await told(T, "INSERT INTO t VALUES (1, 'x', 1)");
    await db.run(
      "ALTER EVENT TRIGGER millrace_ddl_command_end DISABLE; ALTER EVENT TRIGGER millrace_sql_drop DISABLE",
      "ALTER TABLE t DROP b",
      "ALTER TABLE t ADD b int",
      "ALTER EVENT TRIGGER millrace_ddl_command_end ENABLE ALWAYS; ALTER EVENT TRIGGER millrace_sql_drop ENABLE ALWAYS",
      "UPDATE t SET b = 6",
    );
    const items = await db.read();
    const shapes = items.flatMap((item) => (item.kind === "shape" ? item.shape : []));
    expect(shapes.at(-1)?.columns.map((column) => column.ordinal)).toEqual([1, 2, 4]);
    expect(items.at(-1)?.kind).toBe("change");
  });

  it("tell of a renamed schema nothing that would be taken for another table's", async () => {
    await using db = await told("CREATE SCHEMA s; CREATE TABLE t (id int PRIMARY KEY)");
    await db.run(
      "ALTER TABLE t SET SCHEMA s; ALTER TABLE s.t SET SCHEMA public; ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME TO t",
    );
    await db.run("INSERT INTO t VALUES (1)");
    expect(shapesOf(await db.read())).toEqual(["c"]);
  });

  it("that somebody else wrote are left out, and stop nothing", async () => {
    await using db = await told(T);
    for (const text of [
      "",
      "{",
      "[]",
      '{"kind":"shape"}',
      '{"kind":"rewrite","tables":[1]}',
      '{"kind":"shape","table":{},"columns":[],"publications":[]}',
    ])
      await db.query(`SELECT pg_logical_emit_message(true, '${DDL_PREFIX}', '${text}')`);
    await db.query(
      `SELECT pg_logical_emit_message(false, '${DDL_PREFIX}', 'x'), pg_logical_emit_message(true, 'other', repeat('x', 1000000))`,
    );
    await db.run("ALTER TABLE t ADD c int", "INSERT INTO t VALUES (1, 'a', 2, 3)");
    expect(shapesOf(await db.read())).toEqual([["1 id, 2 a, 3 b, 4 c", []], "c"]);
  });

  it("that are not sealed are nothing, whatever they say and whoever writes them", async () => {
    await using db = await told(T);
    const role = `${db.server.database}_liar`;
    await db.run("ALTER TABLE t ADD c int", `CREATE ROLE ${role}`);
    const whole = await lastDocument(db);
    const [{ oid = "" } = {}] = await db.query("SELECT 't'::regclass::oid::text AS oid");
    const lies = [
      // Each could be true: the catalogue rules none of them out.
      { ...whole, table: { ...Object(Reflect.get(whole, "table")), primaryKey: [2] } },
      {
        ...whole,
        columns: whole.columns.map((column) =>
          column.name === "c" ? { ...column, sourceType: "text", typeName: "text" } : column,
        ),
      },
      { kind: "rewrite", tables: [oid] },
      { kind: "lost" },
    ];
    const forged = [null, "a guess"].flatMap((key) => lies.map((lie) => emitSql(lie, key)));
    await db.run(`SET ROLE ${role}; ${forged.join("; ")}`);
    await expect(db.run(`SET ROLE ${role}; SELECT key FROM millrace_ddl.secret`)).rejects.toThrow(
      "permission denied",
    );
    await db.run("INSERT INTO t VALUES (1, 'a', 2, 3)");
    const warned: string[] = [];
    const items = await db.read({}, { warn: (message) => void warned.push(message) });
    expect(shapesOf(items)).toEqual([["1 id, 2 a, 3 b, 4 c", []], "c"]);
    expect(warned).toEqual([]);
    await db.run(`DROP ROLE ${role}`);
  });

  it("are nothing where somebody sends them again who can read the log", async () => {
    await using db = await told(T);
    await db.run("ALTER TABLE t ALTER a TYPE text USING a || 'x'");
    const sent = await messagesOf(db);
    expect(sent).toHaveLength(2);
    const again = sent.map(
      (text) => `SELECT pg_logical_emit_message(true, '${DDL_PREFIX}', '${text}')`,
    );
    await db.run(again.join("; "), "INSERT INTO t VALUES (1, 'a', 2)");
    expect(shapesOf(await db.read())).toEqual([["1 id, 2 a, 3 b", ["id", "a", "b"]], "c"]);
  });

  it("are written for a DDL of a role that may neither read the key nor write messages", async () => {
    await using db = await told(T);
    const role = `${db.server.database}_owner`;
    await db.run(
      `CREATE ROLE ${role}; ALTER TABLE t OWNER TO ${role}; GRANT CREATE, USAGE ON SCHEMA public TO ${role}`,
      "REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, bytea, boolean) FROM public",
    );
    // Names of his own are not what the function means by them.
    await db.run(
      `SET ROLE ${role}; CREATE TEMP TABLE json_agg (a int); CREATE DOMAIN pg_temp.text AS int;
       ALTER TABLE t ADD c int`,
    );
    expect(shapesOf(await db.read())).toEqual([["1 id, 2 a, 3 b, 4 c", []]]);
    await db.run(`ALTER TABLE t OWNER TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("show their key to nobody whose DDL they tell of: not in plans either, which any session may ask for", async () => {
    await using db = await told(T);
    const role = `${db.server.database}_owner`;
    await db.run(`CREATE ROLE ${role}; ALTER TABLE t OWNER TO ${role}`);
    const shown: string[] = [];
    const client = new pg.Client({ connectionString: db.server.url });
    client.on("notice", ({ message, detail }) => void shown.push(`${message} ${detail}`));
    await client.connect();
    try {
      await client.query(
        `SET ROLE ${role}; SET client_min_messages = log; SET plan_cache_mode = force_custom_plan;
         SET debug_print_plan = on; SET debug_print_parse = on; SET debug_print_rewritten = on`,
      );
      await client.query("ALTER TABLE t ALTER a TYPE int USING length(a)");
    } finally {
      await client.end();
    }
    // A plan shows bytes, on as many lines as it takes.
    const bytes = [...Buffer.from(await keyOf(db))].join("");
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.join("").replaceAll(/\s/g, "")).not.toContain(bytes);
    await db.run(`ALTER TABLE t OWNER TO CURRENT_USER; DROP ROLE ${role}`);
  });

  it("are read with the key of a trigger that was made anew under the open log", async () => {
    await using db = await told(T);
    const log = await db.open();
    await db.run(REMOVE_DDL_TRIGGER_SQL, installDdlTriggerSql(18, "postgres"));
    await db.run(emitSql({ kind: "lost" }, "a guess"));
    await db.run("ALTER TABLE t ALTER a TYPE text USING a || 'x'", "INSERT INTO t VALUES (2, 'b')");
    const converted = ["1 id, 2 a, 3 b", ["id", "a", "b"]];
    expect(shapesOf(await db.items(log))).toEqual([converted, "c"]);
  });

  it("that contradict the catalogue, though sealed, change nothing and are warned of once", async () => {
    await using db = await told(T);
    await db.run("ALTER TABLE t ADD c int");
    const whole = await lastDocument(db);
    const key = await keyOf(db);
    const without = (...names: readonly string[]) => ({
      ...whole,
      columns: whole.columns.filter(({ name }) => !names.includes(name)),
    });
    const [first] = whole.columns;
    const lies = [
      without("a", "b", "c"),
      without("c"),
      { ...whole, columns: [...whole.columns, { ...first, name: "d", ordinal: 9 }] },
      { ...whole, publications: whole.publications.map((one) => ({ ...one, columns: [1] })) },
      {
        ...whole,
        columns: whole.columns.map((column) => ({ ...column, logged: column.name === "id" })),
      },
    ];
    await db.run(lies.map((lie) => emitSql(lie, key)).join("; "));
    await db.run("INSERT INTO t VALUES (1, 'a', 2, 3)", "ALTER TABLE t DROP b");
    await db.run("INSERT INTO t VALUES (2, 'b', 4)");
    const warned: string[] = [];
    const items = await db.read({}, { warn: (message) => void warned.push(message) });
    expect(shapesOf(items)).toEqual([
      ["1 id, 2 a, 3 b, 4 c", []],
      "c",
      ["1 id, 2 a, 4 c", []],
      "c",
    ]);
    expect(warned).toEqual([expect.stringContaining("contradicts the catalogue")]);
  });

  it("are believed about what our own publication leaves out", async () => {
    await using db = await told(T);
    await db.run(`ALTER PUBLICATION "pub ""${db.server.database}""" SET TABLE t (id, b)`);
    await db.run("ALTER TABLE t ADD c int");
    const warned: string[] = [];
    const read = () => db.read({}, { warn: (message) => void warned.push(message) });
    expect(shapesOf(await read()).at(-1)).toEqual(["1 id, 3 b", []]);
    expect(warned).toEqual([]);
    const whole = await lastDocument(db);
    await db.run(emitSql({ ...whole, columns: whole.columns.slice(0, 1) }, await keyOf(db)));
    expect(shapesOf(await read()).at(-1)).toEqual(["1 id, 3 b", []]);
    expect(warned).toHaveLength(1);
  });

  it("leave a DDL alone that they cannot tell of, and say so", async () => {
    await using db = await told(T);
    await db.run(
      "REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean), pg_logical_emit_message(boolean, text, bytea, boolean) FROM public",
    );
    await db.run(
      "CREATE ROLE " +
        db.server.database +
        "_plain; GRANT CREATE, USAGE ON SCHEMA public TO " +
        db.server.database +
        "_plain; ALTER TABLE t OWNER TO " +
        db.server.database +
        "_plain",
    );
    await db.run(
      `SET ROLE ${db.server.database}_plain; ALTER TABLE t ADD c int; INSERT INTO t VALUES (1, 'a', 1, 1)`,
    );
    expect(shapesOf(await db.read())).toEqual([["1 id, 2 a, 3 b, 4 c", []], "c"]);
    await db.run(
      `REASSIGN OWNED BY ${db.server.database}_plain TO CURRENT_USER; DROP OWNED BY ${db.server.database}_plain; DROP ROLE ${db.server.database}_plain`,
    );
  });
});

describe.each([18] as const)("the event trigger on PostgreSQL %i", (version) => {
  it("is made once, found, put right when it was turned off or altered, and taken away", async () => {
    await using db = await LoggedDatabase.on(server);
    await using session = await sessionOf(db);
    const state = () => readDdlTrigger(session.client, db.settings.slotName);
    expect(await state()).toMatchObject({
      version,
      isThere: false,
      isCurrent: false,
      mayInstall: true,
    });
    await prepareDdlTrigger(session.client, db.settings.slotName);
    expect(await state()).toMatchObject({ isThere: true, isCurrent: true, isSettled: false });
    await db.run("CREATE TABLE t (id int PRIMARY KEY)");
    await othersEnded(db);
    await db.capture();
    expect(await state()).toMatchObject({ isCurrent: true, isSettled: true });
    // What was told before is sealed with another key, so that none of it is read.
    await db.run("UPDATE millrace_ddl.secret SET key = key || 'x'");
    expect(await state()).toMatchObject({ isCurrent: true, isSettled: false });
    for (const harm of [
      "ALTER EVENT TRIGGER millrace_sql_drop DISABLE",
      "DROP EVENT TRIGGER millrace_ddl_command_end",
      "CREATE OR REPLACE FUNCTION millrace_ddl.tell() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    ]) {
      await db.run(harm);
      expect(await state()).toMatchObject({ isThere: true, isCurrent: false });
      await prepareDdlTrigger(session.client, db.settings.slotName);
      // It was not always there: what the log tells until now may lack something.
      expect(await state()).toMatchObject({ isCurrent: true, isSettled: false });
    }
    await db.run(REMOVE_DDL_TRIGGER_SQL);
    expect(await state()).toMatchObject({ isThere: false, isCurrent: false });
  });

  it("is put right where an earlier version made it, whose seals bind no transaction; those are of nothing now", async () => {
    await using db = await LoggedDatabase.on(server, { ddlMessages: true });
    const binding = "pg_catalog.pg_current_xact_id()::text || pg_catalog.chr(10) || ";
    const sql = installDdlTriggerSql(version, "postgres");
    expect(sql).toContain(binding);
    await db.run(T, sql.replaceAll(binding, ""));
    await othersEnded(db);
    await db.capture();
    await db.run("ALTER TABLE t ADD c int", "INSERT INTO t VALUES (1, 'a', 2, 3)");
    await using session = await sessionOf(db);
    const state = () => readDdlTrigger(session.client, db.settings.slotName);
    expect(await state()).toMatchObject({ isThere: true, isCurrent: false });
    await prepareDdlTrigger(session.client, db.settings.slotName);
    expect(await state()).toMatchObject({ isCurrent: true, isSettled: false });
    await db.run("ALTER TABLE t DROP b");
    expect(shapesOf(await db.read())).toEqual([
      ["1 id, 2 a, 3 b, 4 c", []],
      "c",
      ["1 id, 2 a, 4 c", []],
    ]);
  });

  it("is refused with the SQL to a role that may not make it, which then works when it was run", async () => {
    await using db = await LoggedDatabase.shared(version);
    const role = `${db.server.database}_plain`;
    await db.run(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'p'`);
    await using session = await sessionOf(db, role);
    const refused = await refuseDdlTrigger(session.client, "none").catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "MR_SOURCE_REFUSED" });
    const remedy = refused instanceof Error && "remedy" in refused ? String(refused.remedy) : "";
    await db.run(remedy.slice(remedy.indexOf("BEGIN;")));
    expect(await refuseDdlTrigger(session.client, "none")).toMatchObject({
      isCurrent: true,
      mayInstall: false,
    });
    await session.close();
    await db.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("has no function that belongs to somebody else, who would decide what runs at each DDL, a superuser's too", async () => {
    await using db = await LoggedDatabase.on(server, { ddlMessages: true });
    const role = `${db.server.database}_squatter`;
    await db.run(
      `CREATE ROLE ${role}; CREATE SCHEMA millrace_ddl AUTHORIZATION ${role}; SET ROLE ${role}; GRANT ALL ON SCHEMA millrace_ddl TO public;
       CREATE FUNCTION millrace_ddl.tell() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'`,
      installDdlTriggerSql(18, "postgres"),
    );
    const replace = `SET ROLE ${role}; CREATE OR REPLACE FUNCTION millrace_ddl.tell() RETURNS event_trigger
      LANGUAGE plpgsql AS 'BEGIN END'`;
    await expect(db.run(replace)).rejects.toThrow("must be owner");
    await using session = await sessionOf(db);
    const current = () => readDdlTrigger(session.client, db.settings.slotName);
    expect((await current()).isCurrent).toBe(true);
    await db.run(`ALTER FUNCTION millrace_ddl.tell() OWNER TO ${role}`);
    expect((await current()).isCurrent).toBe(false);
    await db.run(installDdlTriggerSql(18, "postgres"));
    expect((await current()).isCurrent).toBe(true);
    await db.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("is put right where its key is another's, or is gone; and not trusted for what was before", async () => {
    await using db = await LoggedDatabase.on(server);
    await using session = await sessionOf(db);
    const role = `${db.server.database}_early`;
    // Who could read the key would write what he likes, and what he made in its place would run with the owner's rights.
    await db.run(
      `CREATE ROLE ${role}; CREATE SCHEMA millrace_ddl AUTHORIZATION ${role}; CREATE TABLE millrace_ddl.secret (key text);
       ALTER TABLE millrace_ddl.secret OWNER TO ${role}; INSERT INTO millrace_ddl.secret VALUES ('known')`,
    );
    await prepareDdlTrigger(session.client, db.settings.slotName);
    expect(await keyOf(db)).not.toBe("known");
    await expect(db.run(`SET ROLE ${role}; TABLE millrace_ddl.secret`)).rejects.toThrow("denied");
    const key = await keyOf(db);
    await prepareDdlTrigger(session.client, db.settings.slotName);
    expect(await keyOf(db)).toBe(key);
    await db.run("DROP TABLE millrace_ddl.secret");
    const state = () => readDdlTrigger(session.client, db.settings.slotName);
    expect(await state()).toMatchObject({ isThere: true, isCurrent: false });
    await prepareDdlTrigger(session.client, db.settings.slotName);
    expect(await state()).toMatchObject({ isCurrent: true, isSettled: false });
    await db.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("sends what the catalogue says, but for the labels of enumerations", async () => {
    await using db = await told("CREATE TABLE t (id int PRIMARY KEY)");
    await db.run(
      "CREATE DOMAIN d AS numeric(8,2) DEFAULT 1; CREATE TYPE e AS ENUM ('a')",
      `ALTER TABLE t ADD "B c" varchar(20) NOT NULL DEFAULT '', ADD x d, ADD y e[], ADD g int GENERATED ALWAYS AS (id + 1) STORED,
         ADD v int GENERATED ALWAYS AS (id + 2) VIRTUAL, ADD z timestamptz(3), ADD i int GENERATED ALWAYS AS IDENTITY`,
    );
    const [item] = await db.read();
    await using session = await sessionOf(db);
    const [shape] = await readShapes(session.client, { matches: (_schema, name) => name === "t" });
    const columns = shape?.columns.map(({ type, ...rest }) => {
      const { labels: _, ...known } = { labels: null, ...type };
      return { ...rest, type: known };
    });
    expect(item?.kind === "shape" ? item.shape : null).toEqual({ ...shape, columns });
  });
});

async function sessionOf(db: LoggedDatabase, user = db.connection.user) {
  const password = user === db.connection.user ? db.connection.password : "p";
  const session = await openConnection({
    ...CONNECTION_DEFAULTS,
    ...db.connection,
    user,
    password,
  });
  return {
    client: session.client,
    close: () => session.close(),
    [Symbol.asyncDispose]: () => session.close(),
  };
}

describe("validate --connect on messages about schema changes", () => {
  const check = async (
    { host, port, database }: LoggedDatabase["connection"],
    user: string,
    password: string,
  ) => {
    const options: PostgresSourceOptions = {
      ...POSTGRES_SOURCE_DEFAULTS,
      hostname: host,
      port,
      database,
      username: user,
      password,
      matches: () => true,
      tablesText: "x.public.t",
      slotName: `v_${database}`,
      publicationName: "v",
      ddlMessages: true,
    };
    const all = await validatePostgres(options, CONTEXT);
    return all.filter(({ what }) => /event trigger|does not hand on messages/.test(what));
  };

  it("says that it will be made, that it is missing with the SQL, nothing where it is there, and what is too old", async () => {
    await using db = await LoggedDatabase.on(server);
    const { user, password } = db.connection;
    const role = `${db.server.database}_v`;
    await db.run(T, `CREATE ROLE ${role} LOGIN PASSWORD 'p'`);
    expect(await check(db.connection, user, String(password))).toMatchObject([
      { severity: "notice" },
    ]);
    const [missing] = await check(db.connection, role, "p");
    expect(missing).toMatchObject({ severity: "error", option: "source.schema-change.messages" });
    await db.run(missing?.remedy.slice(missing.remedy.indexOf("BEGIN;")) ?? "");
    expect(await check(db.connection, role, "p")).toEqual([]);
    await db.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await using old = await LoggedDatabase.shared(13);
    expect(
      await check(old.connection, old.connection.user, String(old.connection.password)),
    ).toMatchObject([
      { severity: "error", remedy: expect.stringContaining("schema-change.messages: off") },
    ]);
  });

  it("has a function for 14 too, which has no column lists and publishes no schemas", async () => {
    await using db = await LoggedDatabase.shared(13);
    await db.run(T, "CREATE PUBLICATION p FOR TABLE t", installDdlTriggerSql(14, "postgres"));
    const session = await openConnection(db.connection);
    const notices: string[] = [];
    session.client.on("notice", ({ message }) => void notices.push(message ?? ""));
    await session.client.query(
      "ALTER TABLE public.t ADD c int DEFAULT random(), ALTER a TYPE varchar USING 'x'",
    );
    await session.client.query("ALTER TABLE public.t DROP a");
    await session.close();
    expect(notices).toEqual([]);
  });
});
