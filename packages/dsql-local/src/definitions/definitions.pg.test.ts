import type pg from "pg";
import { beforeEach, describe, expect, it } from "vitest";
import { OC001, outcome, refusal } from "../testing/clients.ts";
import { testCluster } from "../testing/test-cluster.ts";

const cluster = testCluster();
let client: pg.Client;

beforeEach(async () => {
  client = await cluster.connect();
});

describe("what only a session has", () => {
  it.each([
    [
      "create table x (id int primary key)",
      "TEMPORARY or TEMP table not supported for CREATE TABLE",
    ],
    ["create view x as select 1", "TEMPORARY or TEMP not supported for CREATE VIEW"],
    ["create sequence x cache 1", "TEMPORARY or TEMP not supported for CREATE SEQUENCE"],
    ["create domain x as int", "TEMPORARY or TEMP not supported for CREATE DOMAIN"],
    [
      "create function x() returns int language sql as 'select 1'",
      "TEMPORARY or TEMP not supported for CREATE FUNCTION",
    ],
  ])("is not made by way of the search path: %s", async (sql, refused) => {
    await client.query("set search_path = pg_temp");
    expect(await outcome(client.query(sql))).toBe(`0A000 ${refused}`);
    await client.query("set search_path = public");
    expect(await outcome(client.query(sql))).toBe("ok");
  });
});

describe("the schema public", () => {
  it("stays, and a reset makes it anew where it was renamed", async () => {
    expect(await outcome(client.query("drop schema public cascade"))).toBe(
      "0A000 feature not supported on system entity",
    );
    await client.query("alter schema public rename to private");
    await cluster.control.reset();
    expect(await outcome(client.query("create table public.t (id int primary key)"))).toBe("ok");
  });
});

describe("asynchronous statements", () => {
  it("are refused at once for what is not there, no table, or another's", async () => {
    await client.query("create view v as select 1 as a");
    await client.query("create table t (id int primary key, n int)");
    await client.query("create role reader login");
    await client.query("grant select on t to reader");
    await client.query("grant create on schema public to reader").catch(() => {});
    const missing = '42P01 relation "nothing" does not exist';
    expect(await outcome(client.query("create index async on nothing (n)"))).toBe(missing);
    const validate = (table: string): Promise<string> =>
      outcome(client.query(`alter table async ${table} validate constraint c`));
    expect(await validate("nothing")).toBe(missing);
    expect(await validate("s.nothing")).toBe('42P01 relation "s.nothing" does not exist');
    expect(await validate("t")).toBe('42704 constraint "c" of relation "t" does not exist');
    const onView = await refusal(client.query("create index async on v (a)"));
    expect([onView.code, onView.message, onView.detail]).toEqual([
      "42809",
      'cannot create index on relation "v"',
      "This operation is not supported for views.",
    ]);
    expect(await outcome(client.query("create index async on sys.jobs (job_id)"))).toBe(
      "42501 must be owner of table jobs",
    );
    const reader = await cluster.connect({
      connectionString: cluster.url.replace("//admin", "//reader"),
    });
    const others = "42501 must be owner of table t";
    expect(await outcome(reader.query("create index async on t (n)"))).toBe(others);
    expect(await outcome(reader.query("alter table async t validate constraint c"))).toBe(others);
  });
});

describe("column types", () => {
  const supported = [
    "smallint", "integer", "bigint", "int2", "int4", "int8", "real", "double precision", "numeric",
    "numeric(1000, 500)", "decimal(10,2)", "char(4096)", "bpchar", "varchar(65535)", "varchar", "text",
    "date", "time(3)", "timestamp", "timestamptz(6)", "timetz", "interval", "boolean", "uuid", "bytea",
    "json", "jsonb",
  ]; // prettier-ignore
  it.each(supported)("takes %s", async (type) => {
    expect(await outcome(client.query(`create table t (id int primary key, c ${type})`))).toBe(
      "ok",
    );
  });

  const unsupported = [
    ["integer[]", "integer[]"], ["text[]", "text[]"], ["money", "money"], ["xml", "xml"],
    ["inet", "inet"], ["cidr", "cidr"], ["macaddr", "macaddr"], ["point", "point"], ["line", "line"],
    ["lseg", "lseg"], ["box", "box"], ["path", "path"], ["polygon", "polygon"], ["circle", "circle"],
    ["tsvector", "tsvector"], ["tsquery", "tsquery"], ["int4range", "int4range"],
    ["tsrange", "tsrange"], ["bit", "bit"], ["varbit(3)", "bit varying"], ["pg_lsn", "pg_lsn"],
  ]; // prettier-ignore
  it.each(unsupported)("refuses %s", async (type, shown) => {
    const refused = `0A000 datatype ${shown} not supported`;
    expect(await outcome(client.query(`create table t (id int primary key, c ${type})`))).toBe(
      refused,
    );
    await client.query("create table t (id int primary key)");
    expect(await outcome(client.query(`alter table t add column c ${type}`))).toBe(refused);
    expect((await client.query("select * from t")).fields).toHaveLength(1);
  });

  it("takes domains over supported types and refuses others", async () => {
    await client.query("create domain money2 as numeric check (value >= 0)");
    await client.query("create table t (id int primary key, c money2)");
    await client.query("insert into t values (1, 1.23456789)");
    expect((await client.query("select c from t")).rows).toEqual([{ c: "1.234568" }]);
    await client.query("create domain addresses as inet");
    expect(await outcome(client.query("create table u (c addresses)"))).toBe(
      "0A000 datatype addresses not supported",
    );
  });

  it("bounds declared sizes", async () => {
    expect(await outcome(client.query("create table t (c char(4097))"))).toBe(
      "54000 Datatype limit greater than 4096 bytes not supported for char",
    );
    expect(await outcome(client.query("create table t (c varchar(65536))"))).toBe(
      "54000 Datatype limit greater than 65535 bytes not supported for varchar",
    );
    expect(await outcome(client.query("create table t (c numeric(1001))"))).toBe(
      "22023 NUMERIC precision 1001 must be between 1 and 1000",
    );
  });
});

describe("keys", () => {
  it.each(["bytea", "json", "jsonb", "interval", "time with time zone"])(
    "hold no %s",
    async (type) => {
      const refused = `0A000 datatype ${type} is not supported in a key`;
      const create = client.query(`create table t (id int, c ${type}, primary key (id, c))`);
      expect(await outcome(create)).toBe(refused);
      const unique = client.query(`create table t (id int primary key, c ${type} unique)`);
      expect(await outcome(unique)).toBe(refused);
      await client.query(`create table t (id int primary key, c ${type})`);
      expect(await outcome(client.query("create index async on t (c)"))).toBe(refused);
      expect(await outcome(client.query(`create index async on t ((c::${type}))`))).toBe(refused);
    },
  );

  it("hold no domain over json, and what is no column's type is refused as that", async () => {
    await client.query("create domain written as json");
    expect(await outcome(client.query("create table t (c written unique)"))).toBe(
      "0A000 datatype written is not supported in a key",
    );
    for (const type of ["point", "xml", "box"]) {
      expect(await outcome(client.query(`create table t (c ${type} unique)`))).toBe(
        `0A000 datatype ${type} not supported`,
      );
    }
  });

  it("have at most 8 columns and 2,000 declared bytes", async () => {
    const columns = Array.from({ length: 9 }, (_, i) => `c${i} int`).join(", ");
    const names = Array.from({ length: 9 }, (_, i) => `c${i}`);
    expect(
      await outcome(client.query(`create table t (${columns}, primary key (${names.join()}))`)),
    ).toBe("54011 more than 8 column keys in an index are not supported");
    const eight = names.slice(0, 8).join();
    expect(await outcome(client.query(`create table t (${columns}, primary key (${eight}))`))).toBe(
      "ok",
    );
    expect(
      await outcome(client.query("create table u (a varchar(1990), b char(11), unique (a, b))")),
    ).toBe("54000 key size greater than 2000 bytes not supported");
    expect(
      await outcome(client.query("create table u (a varchar(1990), b char(10), unique (a, b))")),
    ).toBe("ok");
  });

  it("stay: a primary key column cannot be dropped", async () => {
    await client.query("create table t (id int primary key, v int)");
    expect(await outcome(client.query("alter table t drop column id"))).toBe(
      "0A000 cannot drop primary key column id",
    );
    expect(await outcome(client.query("alter table t drop column v"))).toBe("ok");
    expect(await outcome(client.query("alter table t drop constraint t_pkey"))).toBe(
      "0A000 unsupported ALTER TABLE DROP CONSTRAINT statement",
    );
  });
});

describe("counts", () => {
  it("allow 256 columns and refuse 257", async () => {
    const columns = (n: number): string => Array.from({ length: n }, (_, i) => `c${i} int`).join();
    expect(await outcome(client.query(`create table t (${columns(257)})`))).toBe(
      "54011 tables can have at most 255 columns",
    );
    expect(await outcome(client.query(`create table t (${columns(256)})`))).toBe("ok");
  });

  it("allow 10 schemas beside public and refuse the 11th", async () => {
    for (let i = 1; i <= 10; i++) await client.query(`create schema s${i}`);
    expect(await outcome(client.query("create schema s11"))).toBe(
      "54000 more than 10 schemas not allowed",
    );
    await client.query("create table s10.t (id int primary key)");
    await client.query("insert into s10.t values (1)");
  });

  it("allow 24 indexes, the primary key and those that are building counted", async () => {
    await client.query("create table t (id int primary key, v int)");
    for (let i = 1; i <= 23; i++) {
      expect(await retried(`create index async i${i} on t (v)`)).toBe("ok");
    }
    expect(await retried("create index async i24 on t (v)")).toBe(
      "54000 more than 24 indexes per table are not allowed",
    );
  });
});

/** Tries again after OC001, as clients of DSQL must: jobs that become active raise it. */
async function retried(sql: string): Promise<string> {
  for (;;) {
    const result = await outcome(client.query(sql));
    if (result !== OC001) return result;
  }
}

interface Job {
  readonly status: string;
  readonly details: string;
  readonly job_type: string;
  readonly object_name: string;
}

async function jobOf(id: string): Promise<Job | undefined> {
  const result = await client.query<Job>(
    "select status, details, job_type, object_name from sys.jobs where job_id = $1",
    [id],
  );
  return result.rows[0];
}

async function startJob(sql: string): Promise<string> {
  const result = await client.query<{ job_id: string }>(sql);
  const id = result.rows[0]?.job_id ?? "";
  expect(result.command).toBe(sql.startsWith("create") ? "CREATE" : "ALTER");
  expect(id).toMatch(/^[a-z2-7]{26}$/);
  return id;
}

describe("asynchronous jobs", () => {
  it("build an index, tell of it, and can be waited for", async () => {
    await client.query("create table t (id int primary key, v int)");
    await client.query("insert into t values (1, 1), (2, 2)");
    const id = await startJob("create index async by_v on t (v) include (id)");
    expect((await client.query("call sys.wait_for_job($1)", [id])).rows).toEqual([
      { succeeded: true },
    ]);
    expect(await jobOf(id)).toEqual({
      status: "completed",
      details: "",
      job_type: "INDEX_BUILD",
      object_name: "by_v",
    });
    const valid = "select indisvalid from pg_index where indexrelid = 'by_v'::regclass";
    expect((await client.query(valid)).rows).toEqual([{ indisvalid: true }]);
  });

  it("leave an index invalid for as long as they take, and a unique one constrains meanwhile", async () => {
    cluster.control.setDelays({ statementMs: 0, commitMs: 0, jobMs: 600_000 });
    await client.query("create table t (id int primary key, v int)");
    await client.query("insert into t values (1, 1)");
    const id = await startJob("create unique index async once on t (v)");
    const looks = `select indisready and not indisvalid as waits, not exists (
        select from pg_locks where relation = 't'::regclass and mode = 'ShareUpdateExclusiveLock') as built
      from pg_index where indexrelid = 'once'::regclass`;
    const look = async (): Promise<unknown> => (await client.query(looks)).rows[0];
    await expect.poll(look, { timeout: 60_000 }).toEqual({ waits: true, built: true });
    for (let n = 0; n < 20; n++) expect(await look()).toEqual({ waits: true, built: true });
    expect(await jobOf(id)).toMatchObject({ status: "processing" });
    expect(await retried("insert into t values (2, 1)")).toMatch(/^23505/);
    cluster.control.setDelays({ statementMs: 0, commitMs: 0 });
    expect((await client.query("call sys.wait_for_job($1)", [id])).rows).toEqual([
      { succeeded: true },
    ]);
    expect(await look()).toEqual({ waits: false, built: true });
  });

  it("have failed where their session at PostgreSQL ends before they do", async () => {
    const sessions = async (): Promise<number[]> => {
      const { rows } = await client.query<{ pid: number }>(
        "select pid from pg_stat_activity where usename <> current_user",
      );
      return rows.map(({ pid }) => pid);
    };
    cluster.control.setDelays({ statementMs: 0, commitMs: 0, jobMs: 600_000 });
    await client.query("create table t (id int primary key, v int)");
    const before = await sessions();
    const id = await startJob("create index async by_v on t (v)");
    const valid = "select indisvalid from pg_index where indexrelid = to_regclass('by_v')";
    const look = async (): Promise<unknown> => (await client.query(valid)).rows;
    await expect.poll(look, { timeout: 60_000 }).toEqual([{ indisvalid: false }]);
    const own = (await sessions()).filter((pid) => !before.includes(pid));
    expect(own).toHaveLength(1);
    for (const pid of own) process.kill(pid, "SIGTERM");
    await expect.poll(sessions, { timeout: 60_000 }).not.toEqual(expect.arrayContaining(own));
    cluster.control.setDelays({ statementMs: 0, commitMs: 0 });
    expect((await client.query("call sys.wait_for_job($1)", [id])).rows).toEqual([
      { succeeded: false },
    ]);
    expect(await jobOf(id)).toMatchObject({ details: "the job was interrupted" });
  });

  it("name an index as PostgreSQL would", async () => {
    await client.query("create table t (id int primary key, v int)");
    const id = await startJob("create index async on t (lower(v::text), id)");
    await client.query(`call sys.wait_for_job('${id}')`);
    expect((await jobOf(id))?.object_name).toBe("t_lower_id_idx");
    const long = "a_table_with_a_name_of_sixty_characters_which_is_very_long_too";
    // PostgreSQL names constraints by the same rule.
    await client.query(`create table ${long} (id int primary key, other int, unique (other, id))`);
    const named = await startJob(`create index async on ${long} (other) include (id)`);
    expect((await client.query(`call sys.wait_for_job('${named}')`)).rows).toEqual([
      { succeeded: true },
    ]);
    const { rows } = await client.query<{ name: string }>(
      "select indexname as name from pg_indexes where tablename = $1 and indexname not like '%pkey' order by 1",
      [long],
    );
    const [index, constraint] = rows.map(({ name }) => name);
    expect(index).toMatch(/_other_id_idx$/);
    expect(index).toBe(constraint?.replace(/key$/, "idx"));
  });

  it("leave nothing behind of how they were tried", async () => {
    await client.query("create table t (id int primary key, v int)");
    const schemas = async (): Promise<unknown> =>
      (await client.query("select nspname from pg_namespace order by 1")).rows;
    const before = await schemas();
    const id = await startJob("create index async on t (v)");
    await client.query(`call sys.wait_for_job('${id}')`);
    expect(await schemas()).toEqual(before);
    const tables = await client.query(
      "select tablename from pg_tables where schemaname = 'public'",
    );
    expect(tables.rows).toEqual([{ tablename: "t" }]);
    expect((await client.query("select extname from pg_extension")).rows).toEqual([]);
  });

  it("fail on duplicates and leave an index behind that is invalid and still constrains", async () => {
    await client.query("create table t (id int primary key, v int)");
    await client.query("insert into t values (1, 7), (2, 7)");
    const id = await startJob("create unique index async once on t (v)");
    expect((await client.query(`call sys.wait_for_job('${id}')`)).rows).toEqual([
      { succeeded: false },
    ]);
    expect(await jobOf(id)).toMatchObject({
      status: "failed",
      details: "Found duplicate key while validating index for UCVs",
    });
    const valid = "select indisvalid from pg_index where indexrelid = 'once'::regclass";
    expect((await client.query(valid)).rows).toEqual([{ indisvalid: false }]);
    const refused = '23505 duplicate key value violates unique constraint "once"';
    expect(await retried("insert into t values (3, 7)")).toBe(refused);
    expect(await retried("insert into t values (4, 8)")).toBe("ok");
    expect(await retried("insert into t values (5, 8)")).toBe(refused);
    expect(await retried("update t set v = 8 where id = 1")).toBe(refused);
    expect(await retried("drop index once")).toBe("ok");
    expect(await retried("insert into t values (3, 7), (5, 8)")).toBe("ok");
  });

  it("start with COMMIT and not before", async () => {
    await client.query("create table t (id int primary key, v int)");
    await client.query("begin");
    const id = await startJob("create index async by_v on t (v)");
    await client.query("rollback");
    expect(await jobOf(id)).toBeUndefined();
    const results: unknown = await client.query("begin; create index async by_v on t (v); commit");
    expect(results).toMatchObject([{ rows: [] }, { rows: [{}] }, { rows: [] }]);
    expect((await client.query("select 1 from sys.jobs")).rowCount).toBe(1);
  });

  it("are refused at once where the index could not be", async () => {
    await client.query("create table t (id int primary key, v int)");
    expect(await outcome(client.query("create index async on t (w)"))).toBe(
      '42703 column "w" does not exist',
    );
    expect(await outcome(client.query("create index async on missing (w)"))).toMatch(/^42P01/);
    await startJob("create index async by_v on t (v)");
    expect(await retried("create index async by_v on t (id)")).toBe(
      '42P07 relation "by_v" already exists',
    );
    expect(await retried("create index async on t (random())")).toMatch(/^42P17/);
  });

  it("raise OC001 in other sessions when the index becomes active", async () => {
    await client.query("create table t (id int primary key, v int)");
    const other = await cluster.connect();
    await other.query("select * from t");
    const id = await startJob("create index async by_v on t (v)");
    await client.query(`call sys.wait_for_job('${id}')`);
    expect(await outcome(other.query("select * from t"))).toBe(OC001);
    expect(await outcome(other.query("select * from t"))).toBe("ok");
  });

  it("validate a constraint", async () => {
    await client.query("create table t (id int primary key, v int)");
    await client.query("insert into t values (1, null)");
    await client.query("alter table t add constraint filled check (v is not null) not valid");
    const failing = await startJob("alter table async t validate constraint filled");
    expect((await client.query(`call sys.wait_for_job('${failing}')`)).rows).toEqual([
      { succeeded: false },
    ]);
    await client.query("update t set v = 1");
    const passing = await startJob("alter table async t validate constraint filled");
    expect((await client.query(`call sys.wait_for_job('${passing}')`)).rows).toEqual([
      { succeeded: true },
    ]);
    expect(await jobOf(passing)).toMatchObject({ job_type: "VALIDATE_CONSTRAINT" });
    expect(await retried("alter table async t validate constraint none")).toMatch(/^42704/);
  });

  it("are purged half an hour after their end, when a new one starts", async () => {
    for (const table of ["a", "b", "c"]) await client.query(`create table ${table} (v int)`);
    const ended = await startJob("create index async on a (v)");
    await client.query(`call sys.wait_for_job('${ended}')`);
    cluster.control.shiftClock(29 * 60_000);
    const second = await startJob("create index async on b (v)");
    await client.query(`call sys.wait_for_job('${second}')`);
    expect(await jobOf(ended)).toMatchObject({ status: "completed" });
    cluster.control.shiftClock(2 * 60_000);
    expect(await jobOf(ended)).toMatchObject({ status: "completed" });
    const third = await startJob("create index async on c (v)");
    expect(await jobOf(ended)).toBeUndefined();
    expect(await jobOf(third)).toBeDefined();
  });

  it("refuse a name that is none", async () => {
    expect(await outcome(client.query("call sys.wait_for_job('nonsense')"))).toBe(
      "22P02 Unable to convert text to UUID",
    );
    const refused = await refusal(client.query("call sys.wait_for_job('nonsense')"));
    expect(refused.where).toBeUndefined();
    expect(await outcome(client.query("call sys.wait_for_job((select 'x'))"))).toBe(
      "0A000 cannot use subquery in CALL argument",
    );
  });
});

describe("identity and sequences", () => {
  it("need a cache and then number rows", async () => {
    await client.query(
      "create table t (id bigint generated by default as identity (cache 1) primary key, v int)",
    );
    await client.query("insert into t (v) values (1), (2)");
    await client.query("insert into t (id, v) values (50, 3)");
    await client.query("alter table t alter column id restart with 51");
    expect((await client.query("insert into t (v) values (4) returning id")).rows).toEqual([
      { id: "51" },
    ]);
  });
});

describe("the environment", () => {
  it("says nothing of the system's tables to ANALYZE", async () => {
    const told: string[] = [];
    client.on("notice", ({ message }) => told.push(message ?? ""));
    await client.query("create table t (id int primary key)");
    await client.query("analyze");
    await client.query("begin; analyze; commit");
    expect(told).toEqual([]);
    await client.query("analyze pg_class");
    expect(told).toEqual(['permission denied to analyze "pg_class", skipping it']);
  });

  it("answers as DSQL does", async () => {
    const shown = async (sql: string): Promise<unknown> =>
      (await client.query<unknown[]>({ text: sql, rowMode: "array" })).rows[0];
    expect(await shown("select version()")).toEqual(["PostgreSQL 16"]);
    expect(await shown("show server_version")).toEqual(["16.15"]);
    expect(await shown("show server_version_num")).toEqual(["160015"]);
    expect(await shown("show max_connections")).toEqual(["20"]);
    expect(await shown("show timezone")).toEqual(["UTC"]);
    const setting =
      "select current_setting('server_version'), current_setting('server_version_num'), current_setting('TimeZone')";
    expect(await shown(setting)).toEqual(["16.15", "160015", "UTC"]);
    expect(await shown("select string_agg(datname, ',') from pg_database")).toEqual(["postgres"]);
    const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    const there = `select sys.base32_str_to_uuid(sys.uuid_to_base32_str('${id}'))`;
    expect(await shown(there)).toEqual([id]);
    expect(await shown("select 'jsonb' in (select sys.supported_datatypes())")).toEqual([true]);
    expect(await outcome(client.query("select to_tsvector('english', 'a')"))).toBe(
      '42704 text search configuration "english" does not exist',
    );
    // A parallel worker of PostgreSQL's does not start without it.
    expect(await shown("select string_agg(cfgname, ',') from pg_ts_config")).toEqual(["simple"]);
    expect(await shown("select current_user")).toEqual(["admin"]);
    expect(await shown("select current_database()")).toEqual(["postgres"]);
    expect(await shown("select datcollate from pg_database where datname = 'postgres'")).toEqual([
      "C",
    ]);
    expect(await outcome(client.query("show lc_collate"))).toBe(
      '42704 unrecognized configuration parameter "lc_collate"',
    );
  });

  it("tells one and the same of settings wherever it is asked", async () => {
    const { rows: all } = await client.query<Record<string, string>>("show all");
    expect(Object.keys(all[0] ?? {})).toEqual(["name", "setting", "description"]);
    const { rows } = await client.query<{ name: string; setting: string; unit: string | null }>(
      "select name, setting, unit from pg_settings",
    );
    expect(all).toHaveLength(rows.length);
    const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
    for (const { name = "", setting } of all) {
      const [shown] = (await client.query<Record<string, string>>(`show ${name}`)).rows;
      expect(Object.values(shown ?? {}), name).toEqual([setting]);
      const { rows: told } = await client.query("select current_setting($1), current_setting($1, true) as again", [name]); // prettier-ignore
      expect(told, name).toEqual([{ current_setting: setting, again: setting }]);
    }
    const texts = rows.filter(({ unit }) => unit === null).map(({ name }) => name);
    for (const { name = "", setting } of all)
      if (texts.includes(name)) expect(settings.get(name), name).toBe(setting);
    expect(settings.get("server_version")).toBe("16.15");
    expect(settings.get("client_min_messages")).toBe("notice");
    expect(settings.get("deadlock_timeout")).toBe("1000");
    expect((await client.query("select current_setting('no.such', true)")).rows).toEqual([
      { current_setting: null },
    ]);
    const around = "update pg_settings set setting = '9' where name = 'statement_timeout'";
    expect(await outcome(client.query(around))).toMatch(/^42501/);
  });

  it("keeps to itself what it prepares behind a client's back", async () => {
    await client.query("create table t (id int primary key, v text)");
    await client.query("begin");
    await client.query({ name: "mine", text: "insert into t values ($1, $2)", values: [1, "x".repeat(2_000)] }); // prettier-ignore
    const { rows } = await client.query("select name from pg_prepared_statements");
    expect(rows).toEqual([{ name: "mine" }]);
    const { rows: cursors } = await client.query("select name from pg_cursors where name <> ''");
    expect(cursors).toEqual([]);
    await client.query("commit");
    expect((await client.query("select from pg_available_extensions")).rowCount).toBe(0);
  });

  it("shows indexes as they are: the primary key's is the table", async () => {
    await client.query('create table t (id int primary key, "V" text unique, n int)');
    await client.query("create table bare (id int, primary key (id))");
    await client.query(`call sys.wait_for_job('${await startJob("create index async by_n on t (n) include (id)")}')`); // prettier-ignore
    const { rows } = await client.query<{ indexdef: string }>("select indexdef from pg_indexes where schemaname = 'public' order by indexname"); // prettier-ignore
    expect(rows.map(({ indexdef }) => indexdef)).toEqual([
      "CREATE UNIQUE INDEX bare_pkey ON public.bare USING btree_index (id)",
      "CREATE INDEX by_n ON public.t USING btree_index (n) INCLUDE (id)",
      'CREATE UNIQUE INDEX "t_V_key" ON public.t USING btree_index ("V")',
      'CREATE UNIQUE INDEX t_pkey ON public.t USING btree_index (id) INCLUDE ("V", n)',
    ]);
    const constraints = await client.query<{ told: string; pretty: string; column: string }>(
      `select pg_get_constraintdef(oid) as told, pg_get_constraintdef(oid, true) as pretty,
         pg_get_indexdef(conindid, 1, true) as "column" from pg_constraint where conrelid = 't'::regclass order by conname`,
    );
    expect(constraints.rows).toEqual([
      { told: 'UNIQUE ("V")', pretty: 'UNIQUE ("V")', column: '"V"' },
      { told: 'PRIMARY KEY (id) INCLUDE ("V", n)', pretty: 'PRIMARY KEY (id) INCLUDE ("V", n)', column: "id" },
    ]); // prettier-ignore
    expect((await client.query("select pg_get_indexdef(null)")).rows).toEqual([
      { pg_get_indexdef: null },
    ]);
  });

  it("shows an index whatever its table is called", async () => {
    const table = '"x USING btree y"';
    await client.query(`create table ${table} (id int primary key, unique (id) include (id))`);
    await client.query('create table "a ""b"" c" (id int primary key)');
    const { rows } = await client.query<{ indexdef: string }>("select indexdef from pg_indexes where schemaname = 'public' order by indexname"); // prettier-ignore
    expect(rows.map(({ indexdef }) => indexdef)).toEqual([
      'CREATE UNIQUE INDEX "a ""b"" c_pkey" ON public."a ""b"" c" USING btree_index (id)',
      `CREATE UNIQUE INDEX "x USING btree y_id_id1_key" ON public.${table} USING btree_index (id) INCLUDE (id)`,
      `CREATE UNIQUE INDEX "x USING btree y_pkey" ON public.${table} USING btree_index (id)`,
    ]);
  });

  it("fails where LEFT JOIN LATERAL projects an outer column, once there is a row", async () => {
    await client.query("create table t (id int primary key, v int)");
    const joined =
      "select l.x from t left join lateral (select t.id as x from t as o where o.v = t.v limit 1) as l on true";
    expect((await client.query(joined)).rows).toEqual([]);
    await client.query("insert into t values (1, 1)");
    const defect = "42804 attribute 1 of type record has wrong type";
    expect(await outcome(client.query(joined))).toBe(defect);
    expect(await outcome(client.query(`${joined} where t.id > $1`, [0]))).toBe(defect);
    expect((await client.query(`${joined} where t.id > $1`, [1])).rows).toEqual([]);
    await client.query("begin");
    expect(await outcome(client.query(joined))).toBe(defect);
    expect(await outcome(client.query("select 1"))).toMatch(/^25P02/);
    await client.query("rollback");
    const inner = joined.replace("left join", "join");
    expect((await client.query(inner)).rows).toEqual([{ x: 1 }]);
  });

  it("takes READ ONLY as what all transactions of a session are", async () => {
    await client.query("set session characteristics as transaction read only");
    expect((await client.query("show default_transaction_read_only")).rows).toEqual([
      { default_transaction_read_only: "on" },
    ]);
    expect(await outcome(client.query("create table t (id int primary key)"))).toBe(
      "25006 cannot execute CREATE TABLE in a read-only transaction",
    );
    await client.query("set session characteristics as transaction read write");
    expect(await outcome(client.query("create table t (id int primary key)"))).toBe("ok");
  });

  it("explains a statement as storage runs it, and tells its DPU", async () => {
    await client.query("create table t (id int primary key, v text)");
    const plan = async (sql: string): Promise<string[]> =>
      (await client.query<{ "QUERY PLAN": string }>(sql)).rows.map((row) => row["QUERY PLAN"]);
    expect((await plan("explain select * from t"))[0]).toMatch(
      /^Full Scan \(btree-table\) on t {2}\(cost=/,
    );
    const told = await plan("explain (analyze, verbose) insert into t values (1, 'a'), (2, 'b')");
    expect(told[0]).toMatch(/^Insert on public.t /);
    expect(told).toContain("Statement DPU Estimate:");
    expect(told).toContain("  Write: 0.01250 DPU (Transaction minimum: 0.05000)");
    expect((await client.query("select * from t")).rowCount).toBe(2);
    const many = "explain analyze insert into t select n, 'x' from generate_series(10, 3010) as n";
    expect(await outcome(client.query(many))).toBe("54000 transaction row limit exceeded");
    const json = await client.query<{ "QUERY PLAN": unknown[] }>("explain (format json) select 1");
    expect(json.rows[0]?.["QUERY PLAN"]).toHaveLength(1);
  });

  it("shows tables in information_schema and pg_catalog", async () => {
    await client.query("create table t (id int primary key, v numeric)");
    const columns = await client.query(
      `select column_name, data_type, numeric_precision, numeric_scale from information_schema.columns
       where table_schema = 'public' order by ordinal_position`,
    );
    expect(columns.rows).toMatchObject([
      { column_name: "id", data_type: "integer" },
      { column_name: "v", data_type: "numeric", numeric_precision: 18, numeric_scale: 6 },
    ]);
    const keys = await client.query(
      `select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
       where i.indrelid = 't'::regclass and i.indisprimary`,
    );
    expect(keys.rows).toEqual([{ attname: "id" }]);
  });

  it("lets SELECT take arrays, unnest and ANY", async () => {
    await client.query("create table t (id int primary key, v numeric)");
    const upsert = `insert into t (id, v) select * from unnest($1::int[], $2::numeric[])
      on conflict (id) do update set v = excluded.v`;
    expect(
      (
        await client.query(upsert, [
          [1, 2],
          ["1.5", null],
        ])
      ).rowCount,
    ).toBe(2);
    expect((await client.query("delete from t where id = any($1)", [[1, 2]])).rowCount).toBe(2);
  });
});
