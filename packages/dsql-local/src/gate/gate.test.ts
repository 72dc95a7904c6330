import { beforeAll, describe, expect, it } from "vitest";
import { Violation } from "../rules/rule.ts";
import { askingSql } from "./asking.ts";
import { Gate } from "./gate.ts";
import { loadParser } from "./parser.ts";
import type { Statement } from "./statement.ts";

beforeAll(() => loadParser());

/** "kind" of an accepted statement, or "SQLSTATE message" of a refused one. */
function verdict(sql: string): string {
  try {
    const [first] = new Gate().compile(sql);
    if (first instanceof Violation) return `${first.report.code} ${first.message}`;
    if (first instanceof Error) throw first;
    return first?.kind ?? "empty";
  } catch (error) {
    if (error instanceof Violation) return `${error.report.code} ${error.message}`;
    throw error;
  }
}

function statement(sql: string): Statement {
  const [first] = new Gate().compile(sql);
  if (first === undefined || first instanceof Error) throw first ?? new Error("no statement");
  return first;
}

const refused: readonly (readonly [sql: string, message: string])[] = [
  ["truncate t", "0A000 unsupported statement: Truncate"],
  ["create extension hstore", "0A000 unsupported statement: CreateExtension"],
  ["create database x", "0A000 unsupported statement: Createdb"],
  ["create table t as select 1", "0A000 unsupported statement: CreateTableAs"],
  ["create materialized view v as select 1", "0A000 unsupported statement: CreateTableAs"],
  ["select 1 into t", "0A000 unsupported statement: CreateTableAs"],
  ["create type t as (a int)", "0A000 unsupported statement: CompositeType"],
  ["create type t as range (subtype = int4)", "0A000 unsupported statement: CreateRange"],
  ["create tablespace t location '/x'", "0A000 unsupported statement: CreateTableSpace"],
  ["create foreign table t (a int) server s", "0A000 unsupported statement: CreateForeignTable"],
  ["listen x", "0A000 unsupported statement: Listen"],
  ["notify x", "0A000 unsupported statement: Notify"],
  ["unlisten x", "0A000 unsupported statement: Unlisten"],
  ["alter system set work_mem = 1", "0A000 unsupported statement: AlterSystem"],
  ["lock table t", "0A000 unsupported statement: Lock"],
  ["prepare p as select 1", "0A000 unsupported statement: Prepare"],
  ["execute p", "0A000 unsupported statement: Execute"],
  ["deallocate p", "0A000 unsupported statement: Deallocate"],
  ["discard all", "0A000 unsupported statement: Discard"],
  ["declare c cursor for select 1", "0A000 unsupported statement: DeclareCursor"],
  ["do $$ begin end $$", "0A000 unsupported statement: Do"],
  ["create trigger x after insert on t execute function f()", "0A000 CREATE TRIGGER not supported"],
  ["create type mood as enum ('a')", "0A000 CREATE TYPE not supported"],
  ["alter type mood add value 'b'", "0A000 ALTER TYPE not supported"],
  ["drop type mood", "0A000 unsupported object in DROP statement"],
  ["alter type mood rename to humour", "0A000 unsupported object in RENAME statement"],
  ["create function f() returns int language plpgsql as 'x'", "0A000 CREATE FUNCTION with language plpgsql not supported"],
  ["create procedure p() language sql as 'select 1'", "0A000 PROCEDURE is not supported"],
  ["create temp table t (a int)", "0A000 TEMPORARY or TEMP table not supported for CREATE TABLE"],
  ["create unlogged table t (a int)", "0A000 UNLOGGED table not supported for CREATE TABLE"],
  ["vacuum t", "0A000 unsupported VACUUM statement"],
  ["merge into t using u on t.a = u.a when matched then delete", "0A000 unsupported statement type: MERGE"],
  ["select * from t tablesample system (1)", "0A000 TABLESAMPLE clause not supported"],
  ["savepoint a", "0A000 unsupported transaction statement: SAVEPOINT"],
  ["release a", "0A000 unsupported transaction statement: RELEASE"],
  ["rollback to a", "0A000 unsupported transaction statement: ROLLBACK TO"],
  ["grant usage on schema public to r", "0A000 feature not supported on system entity"],
  ["select * from t for share", "0A000 locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported"],
  ["select * from t for no key update", "0A000 locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported"],
  ["begin isolation level serializable", "0A000 Unsupported isolation level: SERIALIZABLE"],
  ["begin isolation level read committed", "0A000 Unsupported isolation level: READ COMMITTED"],
  ["set transaction isolation level repeatable read", '0A000 setting configuration parameter "TRANSACTION" not supported'],
  ["set default_transaction_isolation = 'repeatable read'", '0A000 setting configuration parameter "default_transaction_isolation" not supported'],
  ["set statement_timeout = 5", '0A000 setting configuration parameter "statement_timeout" not supported'],
  ["set session authorization postgres", '0A000 setting configuration parameter "session_authorization" not supported'],
  ["select set_config('lock_timeout', '1', false)", '0A000 setting configuration parameter "lock_timeout" not supported'],
  ["create index i on t (a)", "0A000 unsupported mode. please use CREATE INDEX ASYNC."],
  ["create index concurrently i on t (a)", "0A000 CONCURRENTLY not supported for CREATE INDEX"],
  ["create index async i on t using btree (a)", "0A000 USING not supported for CREATE INDEX"],
  ["create index async i on t (a desc)", "0A000 specifying sort order not supported for index keys"],
  ["create index async i on t (a text_pattern_ops)", "0A000 opclass not supported for index keys"],
  ["create index async s.i on t (a)", '42601 syntax error at or near "."'],
  ["alter table t add column c int default 1", "0A000 ALTER TABLE ADD COLUMN with constraint not supported"],
  ["alter table t add column c int not null", "0A000 ALTER TABLE ADD COLUMN with constraint not supported"],
  ["alter table t add column c int references u", "0A000 ALTER TABLE ADD COLUMN with constraint not supported"],
  ["alter table t alter column c set not null", "0A000 unsupported ALTER TABLE ALTER COLUMN ... SET NOT NULL statement"],
  ["alter table t alter column c type bigint", "0A000 unsupported ALTER TABLE ALTER COLUMN ... SET DATA TYPE statement"],
  ["alter table t add constraint u unique (a)", "0A000 unsupported ALTER TABLE ADD CONSTRAINT statement"],
  ["alter table t add primary key (a)", "0A000 unsupported ALTER TABLE ADD CONSTRAINT statement"],
  ["alter table t add check (a > 0)", "0A000 unsupported ALTER TABLE ADD CONSTRAINT statement"],
  ["alter table t validate constraint c", "0A000 unsupported ALTER TABLE VALIDATE CONSTRAINT statement"],
  ["create sequence s", "0A000 CREATE SEQUENCE is not supported without an explicit cache size. please define CACHE greater than or equal to 65536 or equal to 1"],
  ["create sequence s cache 100", "0A000 CREATE SEQUENCE is not supported without an explicit cache size. please define CACHE greater than or equal to 65536 or equal to 1"],
  ["create table t (id bigint generated always as identity)", "0A000 identity column is not supported without an explicit cache size. please define CACHE greater than or equal to 65536 or equal to 1"],
  ["create table t (id int generated always as identity (cache 1))", "0A000 datatype integer not supported, identity column type must be bigint"],
  ["create table t (id serial)", '42704 type "serial" does not exist'],
  ["select sys.wait_for_job('x')", "42809 sys.wait_for_job(text) is a procedure"],
  ["create table t (a int) partition by range (a)", "0A000 PARTITION BY clause not supported for CREATE TABLE"],
  ["create table t partition of p default", "0A000 PARTITION OF clause not supported for CREATE TABLE"],
  ["create table t (a text collate \"C\")", "0A000 COLLATE clause not supported"],
  ["alter table t add column a text collate \"C\"", "0A000 COLLATE clause not supported"],
  ["create table t (a text compression lz4)", "0A000 COMPRESSION clause not supported"],
  ["create policy p on t", "0A000 unsupported statement: CreatePolicy"],
  ["drop index concurrently i", "0A000 DROP INDEX CONCURRENTLY must be first action in transaction"],
  ["alter domain d add check (value > 0)", "0A000 unsupported ALTER DOMAIN ADD CONSTRAINT statement"],
  ["alter domain d set not null", "0A000 unsupported ALTER DOMAIN SET NOT NULL statement"],
  ["set session characteristics as transaction isolation level serializable", "0A000 Unsupported isolation level: SERIALIZABLE"],
  ["select pg_advisory_lock(1)", "0A000 function pg_advisory_lock not supported"],
  ["select 1 where pg_catalog.pg_try_advisory_xact_lock(1, 2)", "0A000 function pg_try_advisory_xact_lock not supported"],
  ["create view v as select pg_advisory_unlock_all()", "0A000 function pg_advisory_unlock_all not supported"],
  ["select point(1, 2)", "0A000 function point not supported"],
  ["drop schema s, public cascade", "0A000 feature not supported on system entity"],
  ["create table pg_temp.t (a int)", "0A000 TEMPORARY or TEMP table not supported for CREATE TABLE"],
  ["create view pg_temp.v as select 1", "0A000 TEMPORARY or TEMP not supported for CREATE VIEW"],
  ["create sequence pg_temp_3.s cache 1", "0A000 TEMPORARY or TEMP not supported for CREATE SEQUENCE"],
  ["create function pg_temp.f() returns int language sql as 'select 1'", "0A000 TEMPORARY or TEMP not supported for CREATE FUNCTION"],
  ["create domain pg_temp.d as int", "0A000 TEMPORARY or TEMP not supported for CREATE DOMAIN"],
  ["create table t (id int primary key deferrable)", "0A000 DEFERRABLE not supported for PRIMARY KEY"],
  ["create table t (id int unique initially deferred)", "0A000 DEFERRABLE not supported for UNIQUE"],
  ["create table t (id int references u primary key deferrable)", "0A000 DEFERRABLE not supported for PRIMARY KEY"],
  ["create table t (id int, unique (id) deferrable)", "0A000 DEFERRABLE not supported for UNIQUE"],
  ["create table t (id int, primary key (id) initially deferred)", "0A000 DEFERRABLE not supported for PRIMARY KEY"],
  ["alter table t add constraint c unique using index i deferrable", "0A000 DEFERRABLE not supported for UNIQUE"],
  ["create index async on t (a) with (fillfactor = 50)", "0A000 WITH not supported for CREATE INDEX"],
  ["create index async on only t (a)", "0A000 ONLY not supported for CREATE INDEX"],
  ["create index async on t (a) tablespace x", "0A000 TABLESPACE not supported for CREATE INDEX"],
  ["create function f() returns int language sql set work_mem = '1' as 'select 1'", '0A000 setting configuration parameter "work_mem" not supported'],
  ["alter function f() set lock_timeout = '1s'", '0A000 setting configuration parameter "lock_timeout" not supported'],
  ["alter function f() set search_path = a set statement_timeout from current", '0A000 setting configuration parameter "statement_timeout" not supported'],
  ["select pg_notify('a', 'b')", "0A000 function pg_notify not supported"],
  ["select lo_from_bytea(0, 'x')", "0A000 function lo_from_bytea not supported"],
  ["select pg_catalog.lo_create(0)", "0A000 function lo_create not supported"],
  ["select loread(1, 2)", "0A000 function loread not supported"],
  ["alter table async t add column c int", "0A000 unsupported ALTER TABLE ASYNC statement"],
  ["alter table async t drop column c", "0A000 unsupported ALTER TABLE ASYNC statement"],
  ["alter table async t rename to u", "0A000 unsupported ALTER TABLE ASYNC statement"],
  ["alter table async t set schema s", "0A000 unsupported ALTER TABLE ASYNC statement"],
  ["alter table async t validate constraint a, validate constraint b", "0A000 unsupported ALTER TABLE ASYNC statement"],
  ["drop schema sys cascade", "0A000 feature not supported on system entity"],
  ["drop table sys.jobs", "0A000 feature not supported on system entity"],
  ["create table sys.x (a int)", "0A000 feature not supported on system entity"],
  ["create view sys.x as select 1", "0A000 feature not supported on system entity"],
  ["create function sys.x() returns int language sql return 1", "0A000 feature not supported on system entity"],
  ["alter table sys.jobs add column c int", "0A000 feature not supported on system entity"],
  ["explain analyze create table t as select 1", "0A000 unsupported statement: CreateTableAs"],
  ["explain declare c cursor for select 1", "0A000 unsupported statement: DeclareCursor"],
  ["explain execute p", "0A000 unsupported statement: Execute"],
  ["explain select 1 into t", "0A000 unsupported statement: CreateTableAs"],
  ["explain analyze merge into t using u on t.a = u.a when matched then delete", "0A000 unsupported statement type: MERGE"],
  ["alter database postgres rename to x", "0A000 unsupported object in RENAME statement"],
  ["alter trigger x on t rename to y", "0A000 unsupported object in RENAME statement"],
  ["selec 1", '42601 syntax error at or near "selec"'],
]; // prettier-ignore

const accepted: readonly (readonly [sql: string, kind: string])[] = [
  ["", "empty"],
  ["-- nothing\n", "empty"],
  ["select 1", "read"],
  ["with x as (select 1) select * from x", "read"],
  ["select * from t for update", "write"],
  ["select * from t for key share", "write"],
  ["insert into t values (1)", "write"],
  ["with x as (delete from t returning *) select * from x", "write"],
  ["explain select 1", "read"],
  ["explain analyze delete from t", "write"],
  ["begin", "begin"],
  ["start transaction read only", "begin"],
  ["begin isolation level repeatable read", "begin"],
  ["commit and no chain", "commit"],
  ["end", "commit"],
  ["abort", "rollback"],
  ["set search_path = a, b", "setting"],
  ["set enable_seqscan = off", "setting"],
  ["set session characteristics as transaction read only", "setting"],
  [
    "set session characteristics as transaction read write, isolation level repeatable read",
    "setting",
  ],
  ["select s.point(1, 2)", "read"],
  ["select s.lo_create(0)", "read"],
  ["create table t (a int references u deferrable, b int unique not deferrable)", "ddl"],
  [
    "create table t (a int unique references u initially deferred, foreign key (a) references v deferrable)",
    "ddl",
  ],
  ["create function f() returns int language sql set search_path = a as 'select 1'", "ddl"],
  ["alter function f() reset all", "ddl"],
  ["drop schema s cascade", "ddl"],
  ["alter domain d set default 1", "ddl"],
  ["alter domain d drop not null", "ddl"],
  ["set session authorization default", "setting"],
  ["set names 'utf8'", "setting"],
  ["set schema 's'", "setting"],
  ["explain analyze select 1", "read"],
  ["alter table t rename a to b", "ddl"],
  ["alter view v rename to w", "ddl"],
  ["alter role r rename to s", "ddl"],
  ["alter index i rename to j", "ddl"],
  ["reset all", "setting"],
  ["set disable_sync_create_index = on", "local"],
  ["show timezone", "read"],
  ["deallocate all", "deallocate"],
  ["copy t to stdout", "read"],
  ["copy (select * from t) to stdout (format csv)", "read"],
  ["copy (select * from t for update) to stdout", "write"],
  ["copy (delete from t returning *) to stdout", "write"],
  ["copy t from stdin", "write"],
  ["copy t (a, b) from stdin with csv header", "write"],
  ["copy t from '/file'", "read"],
  ["copy t from program 'ls'", "read"],
  ["create index async on t (a) include (b) where c > 1", "index-job"],
  ["create unique index async if not exists i on t (lower(a) nulls first)", "index-job"],
  ["alter table async t validate constraint c", "validate-job"],
  ["aws iam grant r to 'arn:aws:iam::1:role/x'", "iam"],
  ["alter table t add column c int", "ddl"],
  ["alter table t alter constraint c deferrable", "ddl"],
  ["alter sequence s restart with 9 cache 1", "ddl"],
  ["grant select on public.t to r", "ddl"],
  ["alter table t add column if not exists c numeric(3,1), drop column d", "ddl"],
  ["alter table t add constraint c check (a > 0) not valid", "ddl"],
  ["alter table t add constraint c unique using index i", "ddl"],
  ["alter table t rename column a to b", "ddl"],
  ["create table t (id bigint generated by default as identity (cache 65536), v numeric)", "ddl"],
  ["create sequence s cache 1", "ddl"],
  ["create function f() returns int language sql as 'select 1'", "ddl"],
  ["create view v as select 1", "ddl"],
  ["create schema s", "ddl"],
  ["drop table t", "ddl"],
  ["grant select on t to r", "ddl"],
  ["analyze t", "utility"],
  ["call sys.wait_for_job('x')", "call"],
];

describe("the gate", () => {
  it.each(refused)("refuses %s", (sql, message) => {
    expect(verdict(sql)).toBe(message);
  });

  it.each(accepted)("takes %s", (sql, kind) => {
    expect(verdict(sql)).toBe(kind);
  });

  it.each([
    ["replica identity full", "REPLICA IDENTITY"],
    ["set unlogged", "SET UNLOGGED"],
    ["set tablespace x", "SET TABLESPACE"],
    ["set (fillfactor = 10)", "SET"],
    ["disable trigger all", "DISABLE TRIGGER ALL"],
    ["enable always trigger x", "ENABLE ALWAYS TRIGGER"],
    ["enable row level security", "ENABLE ROW SECURITY"],
    ["no inherit u", "NO INHERIT"],
    ["not of", "NOT OF"],
    ["cluster on i", "CLUSTER ON"],
    ["alter column a set (n_distinct = 1)", "ALTER COLUMN ... SET"],
  ])("calls %s of ALTER TABLE as PostgreSQL does", (action, name) => {
    expect(verdict(`alter table t ${action}`)).toBe(
      `0A000 unsupported ALTER TABLE ${name} statement`,
    );
  });

  it("takes AWS IAM only whole", () => {
    expect(verdict("aws iam revoke \"R\" from 'arn'")).toBe("iam");
    for (const text of ["", " grant", " grant r", " grant r from 'a'", " grant r to a", " foo r to 'a'", " grant r to 'a' b"]) {
      expect(verdict(`aws iam${text}`)).toBe('42601 syntax error at or near "aws"');
    }
  }); // prettier-ignore

  it("refuses inside of CTEs and subqueries too", () => {
    const inside = "with x as (select * from t tablesample system (1)) select * from x";
    expect(verdict(inside)).toBe("0A000 TABLESAMPLE clause not supported");
    expect(verdict("select (select 1 from t for share)")).toMatch(/locking clauses/);
  });

  it.each([
    ["long sums", `select ${"1+".repeat(20_000)}1`],
    ["many NOTs", `select ${"not ".repeat(30_000)}true`],
    ["nested calls", `select ${"abs(".repeat(6_000)}1${")".repeat(6_000)}`],
    [
      "long conditions",
      `delete from t where ${"a = 1 and (".repeat(6_000)}true${")".repeat(6_000)}`,
    ],
  ])("has an end of its stack: %s", (_what, sql) => {
    expect(verdict(sql)).toBe("54001 stack depth limit exceeded");
    expect(verdict("select 1")).toBe("read");
  });

  it("bounds the text of a view", () => {
    const view = (bytes: number): string => {
      const empty = "create view v as select ''";
      return `${empty.slice(0, -1)}${"x".repeat(bytes - empty.length)}'`;
    };
    expect(verdict(view(512 * 1024))).toBe("ddl");
    expect(verdict(view(512 * 1024 + 1))).toBe("54000 view definition too large");
  });

  it("gives the position of a syntax error", () => {
    expect(() => new Gate().compile("select * form t")).toThrow(
      expect.objectContaining({ report: expect.objectContaining({ position: 10 }) }),
    );
  });

  it("makes bare numeric columns numeric(18,6) and leaves casts alone", () => {
    const made = statement(
      'create table "ä" (a numeric, b decimal not null, c numeric(5), d text)',
    );
    expect(made.sql).toBe(
      'create table "ä" (a numeric(18,6), b decimal(18,6) not null, c numeric(5), d text)',
    );
    expect(statement("select 1::numeric").sql).toBe("select 1::numeric");
    expect(statement("alter table t add column n dec").sql).toBe(
      "alter table t add column n dec(18,6)",
    );
  });

  it("makes bare char columns and domains bpchar, and leaves others alone", () => {
    const columns = "a char, b national  character not null, c char(1), d nchar, e char varying";
    expect(statement(`create table "ä" (${columns} default 'x'::char)`).sql).toBe(
      "create table \"ä\" (a bpchar, b bpchar not null, c char(1), d bpchar, e char varying default 'x'::char)",
    );
    expect(statement("create domain d as character default '1'::numeric").sql).toBe(
      "create domain d as bpchar default '1'::numeric",
    );
    expect(statement("alter table t add column c CHARACTER").sql).toBe(
      "alter table t add column c bpchar",
    );
  });

  it("takes the statements of one text apart, each with its own offsets", () => {
    const gated = new Gate().compile("select 'ä'; create table t (a numeric); select * from u");
    expect(gated.map((part) => (part instanceof Error ? "" : part.sql.trim()))).toEqual([
      "select 'ä'",
      "create table t (a numeric(18,6))",
      "select * from u",
    ]);
    const last = gated[2];
    const uses = last === undefined || last instanceof Error ? [] : last.relations;
    expect(uses).toMatchObject([{ name: "u", startByte: 15 }]);
  });

  it("finds ASYNC only where it is the word of the statement", () => {
    expect(statement("create index async i on t (a)").sql).toBe("create index       i on t (a)");
    expect(verdict("select 'create index async'")).toBe("read");
    expect(verdict("/* create index */ create index /* x */ async i on t(a)")).toBe("index-job");
    expect(verdict('create index "async" on t (a)')).toMatch(/^0A000 unsupported mode/);
  });

  it("knows the tables a statement reads and writes, without its CTEs", () => {
    const { relations } = statement(
      "with c as (select 1) insert into s.t select * from c join u as x on true for update of x",
    );
    expect(relations.map(({ schema, name, alias }) => [schema, name, alias])).toEqual([
      ["s", "t", ""],
      ["", "u", "x"],
    ]);
  });

  it.each([
    ["insert into t values (1)", 'insert into t values (1)\nRETURNING "t".ctid '],
    [
      "insert into S.t as x values (1) ; -- x",
      'insert into S.t as x values (1) \nRETURNING "x".ctid ; -- x',
    ],
    ["update s.t set a = 1 returning *", 'update s.t set a = 1 returning *\n, "s"."t".ctid '],
    [
      "update t set a = 'ä' from t as o -- x",
      `update t set a = 'ä' from t as o -- x\nRETURNING "t".ctid `,
    ],
    [
      "with t as (select 1) insert into t select * from t",
      'with t as (select 1) insert into t select * from t\nRETURNING "t".ctid ',
    ],
  ])("asks %s for places", (sql, asked) => {
    expect(askingSql(statement(sql))).toBe(asked);
  });

  it.each([
    "delete from t",
    "select * from t for update",
    "explain analyze insert into t values (1)",
    "update t set a = 1 from s.t",
    "update t set a = 1 from u as t",
    "with w as (update t set a = 1 returning a) insert into t select a from w",
  ])("does not ask %s", (sql) => {
    expect(statement(sql).asking).toBeUndefined();
  });

  it.each([
    ["update t set a = b || $1, c = $2, d = d + 1, e = now()", ["a"]],
    ["update t set (a, b) = (select 1, 2), c = lower(d)", ["a", "b", "c"]],
    ["insert into t (a, b) values ($1, $2), ($3, (select v from u))", ["b"]],
    ["insert into t select $1, (select v from u)", ["*"]],
    ["insert into t (a) values ($1) on conflict (a) do update set a = excluded.a || t.a", ["a"]],
    ["insert into t (a) select unnest($1::int[]) on conflict (a) do update set a = excluded.a", []],
  ])("sees what columns grow in %s", (sql, columns) => {
    expect(statement(sql).grownColumns).toEqual(columns);
  });

  it("reads the role and the ARN of AWS IAM GRANT", () => {
    const { iam } = statement(`AWS IAM GRANT "my role" TO 'arn:aws:iam::1:role/it''s'`);
    expect(iam).toEqual({ action: "grant", role: "my role", arn: "arn:aws:iam::1:role/it's" });
  });
});
