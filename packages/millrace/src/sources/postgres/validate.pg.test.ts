import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  sharedPostgres,
  type SharedPostgres,
  startPostgres,
} from "../../../../../test/support/postgres.ts";
import type { Finding } from "../../model/finding.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { tableId } from "../../model/table.ts";
import type { Observed } from "./finding-rule.ts";
import { POSTGRES_SOURCE_DEFAULTS, type PostgresSourceOptions } from "./options.ts";
import { findings, validatePostgres } from "./validate.ts";

const context = { pipeline: "test", clock: systemClock, random: Math.random, log: silentLogger };

interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

function optionsOf(
  { host, port, user, password, database }: Address,
  more: Partial<PostgresSourceOptions> = {},
): PostgresSourceOptions {
  return {
    ...POSTGRES_SOURCE_DEFAULTS,
    hostname: host,
    port,
    username: user,
    password,
    database,
    matches: (schema) => schema === "public",
    tablesText: "shop.public.\\.*",
    slotName: `v_${database}`,
    publicationName: "v",
    ...more,
  };
}

const errorsOf = (all: readonly Finding[]): string[] =>
  all.filter((finding) => finding.severity === "error").map((finding) => finding.what);
const remediesOf = (all: readonly Finding[]): string =>
  all
    .filter((finding) => finding.severity === "error")
    .map((finding) => finding.remedy)
    .join(" ");

describe.each([13, 18] as const)("validate --connect of PostgreSQL %i", (version) => {
  let postgres: SharedPostgres;

  beforeAll(async () => {
    postgres = await sharedPostgres(version);
    await postgres.query(`CREATE TABLE public.good (id int PRIMARY KEY); CREATE VIEW public.derived AS SELECT 1 AS a;
      CREATE TABLE public.full (a int); ALTER TABLE public.full REPLICA IDENTITY FULL`);
  });
  afterAll(() => postgres.release());

  it("finds no error where all is well, and says what is special", async () => {
    const all = await validatePostgres(optionsOf(postgres), context);
    expect(errorsOf(all)).toEqual([]);
    const texts = all.map((finding) => `${finding.severity}: ${finding.what}`);
    expect(
      texts.some((text) => text.startsWith("warning: public.derived matches but is left out")),
    ).toBe(true);
    expect(texts.some((text) => text.startsWith("notice: public.full: It has no key"))).toBe(true);
    expect(texts).toContain(
      "warning: max_slot_wal_keep_size is -1: slots keep the log without bound.",
    );
    expect(texts).not.toContain("warning: The connection is not encrypted.");
    const severities = all.map((finding) =>
      ["error", "warning", "notice"].indexOf(finding.severity),
    );
    expect(severities).toEqual(severities.toSorted((a, b) => a - b));
  });

  it("calls every table that matches and cannot be captured an error, with what would help", async () => {
    await postgres.query(`CREATE SCHEMA odd; CREATE TABLE odd.bad (a int);
      CREATE UNLOGGED TABLE odd.fast (id int PRIMARY KEY);
      CREATE TABLE odd.nothing (id int PRIMARY KEY); ALTER TABLE odd.nothing REPLICA IDENTITY NOTHING`);
    const all = await validatePostgres(
      optionsOf(postgres, { matches: (s) => s === "odd" }),
      context,
    );
    expect(errorsOf(all)).toEqual([
      expect.stringMatching(/^source\.tables: matches odd\.fast, .*unlogged/),
      expect.stringMatching(/^source\.tables: matches odd\.bad, .*no primary key/),
      expect.stringMatching(/^source\.tables: matches odd\.nothing, .*NOTHING/),
    ]);
    const remedies = remediesOf(all);
    expect(remedies).toContain("ALTER TABLE odd.fast SET LOGGED");
    expect(remedies).toContain(
      "Give it a primary key, or ALTER TABLE odd.bad REPLICA IDENTITY FULL",
    );
    expect(remedies).toContain("ALTER TABLE odd.nothing REPLICA IDENTITY DEFAULT");
    expect(remedies.match(/tables\.exclude/g)).toHaveLength(3);
    await postgres.query("DROP SCHEMA odd CASCADE");
  });

  it("tells a role without rights which statements would help", async () => {
    const role = `poor_${postgres.database}`;
    await postgres.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    const poor = { ...postgres, user: role, password: "x" };
    const all = await validatePostgres(optionsOf(poor), context);
    expect(errorsOf(all)).toEqual([
      `Role ${role} has no REPLICATION.`,
      `Role ${role} may not create objects in this database.`,
      `Role ${role} does not own "public"."full", "public"."good".`,
      `Role ${role} may not read "public"."full".`,
      `Role ${role} may not read "public"."good".`,
    ]);
    const told = remediesOf(all);
    const made = 'CREATE PUBLICATION "v" FOR TABLE "public"."full", "public"."good"';
    expect(told.split(made)).toHaveLength(2);
    expect(told).toContain(`GRANT CREATE ON DATABASE "${postgres.database}" TO "${role}";`);
    expect(told).toContain(`GRANT "postgres" TO "${role}";`);
    await postgres.query(`GRANT CREATE ON DATABASE ${postgres.database} TO ${role}`);
    expect(remediesOf(await validatePostgres(optionsOf(poor), context))).toContain(made);
    await postgres.query(`ALTER ROLE ${role} REPLICATION; GRANT SELECT ON public.full, public.good TO ${role};
      CREATE PUBLICATION v FOR TABLE public.full, public.good`);
    const own = { createPublication: false };
    expect(errorsOf(await validatePostgres(optionsOf(poor, own), context))).toEqual([]);
    await postgres.query("ALTER TABLE public.good ENABLE ROW LEVEL SECURITY");
    expect(errorsOf(await validatePostgres(optionsOf(poor, own), context))).toEqual([
      `Policies filter what role ${role} reads of "public"."good".`,
    ]);
    await postgres.query(`DROP PUBLICATION v; DROP OWNED BY ${role}; DROP ROLE ${role};
      ALTER TABLE public.good DISABLE ROW LEVEL SECURITY`);
  });

  it("takes a publication that somebody else made right, and tells its owner what one that is not takes", async () => {
    const role = `reader_${postgres.database}`;
    await postgres.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'x';
      GRANT SELECT ON public.full, public.good TO ${role}`);
    const reader = optionsOf({ ...postgres, user: role, password: "x" });
    const told = remediesOf(await validatePostgres(reader, context));
    const made = /CREATE PUBLICATION .*?;/.exec(told)?.[0] ?? "";
    await postgres.query(made);
    expect(errorsOf(await validatePostgres(reader, context))).toEqual([]);
    await postgres.query("ALTER PUBLICATION v DROP TABLE public.good");
    const short = await validatePostgres(reader, context);
    expect(errorsOf(short)).toContain(`Role ${role} does not own the publication.`);
    expect(remediesOf(short)).not.toContain("CREATE PUBLICATION");
    const known = new Set([tableId("public", "full")]);
    expect(errorsOf(await validatePostgres(reader, context, known))).toEqual([]);
    const altered = /ALTER PUBLICATION .*?;/.exec(remediesOf(short))?.[0] ?? "";
    expect(altered).toBe('ALTER PUBLICATION "v" ADD TABLE "public"."good";');
    await postgres.query(altered);
    expect(errorsOf(await validatePostgres(reader, context))).toEqual([]);
    await postgres.query(`DROP PUBLICATION v; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("prints no publication of nothing, and says which tables a statement leaves out yet", async () => {
    const unmatched = () => [{ text: "shop.public.custmers", meant: "shop.public.customers" }];
    const own = { createPublication: false, unmatched };
    const none = await validatePostgres(
      optionsOf(postgres, { ...own, matches: () => false }),
      context,
    );
    expect(remediesOf(none)).not.toContain("CREATE PUBLICATION");
    expect(remediesOf(none)).toContain("is told once there are some");
    await postgres.query("CREATE TABLE public.keyless (a int)");
    const some = await validatePostgres(optionsOf(postgres, own), context);
    expect(remediesOf(some)).toMatch(
      /CREATE PUBLICATION "v" FOR TABLE "public"\."full", "public"\."good" WITH .*; It leaves out public\.keyless, shop\.public\.custmers: mend those first/,
    );
    await postgres.query("DROP TABLE public.keyless");
  });

  it("says when there is nothing to read, and when the publication says too little", async () => {
    const nothing = await validatePostgres(optionsOf(postgres, { matches: () => false }), context);
    expect(errorsOf(nothing)).toEqual([
      expect.stringMatching(/^source\.tables: matches no table of \w+ that \w+ can see\.$/),
    ]);
    const own = optionsOf(postgres, { createPublication: false, publicationName: "little" });
    const missing = await validatePostgres(own, context);
    expect(errorsOf(missing)).toEqual(["There is no publication little."]);
    expect(remediesOf(missing)).toMatch(
      /^CREATE PUBLICATION "little" FOR TABLE "public"\."full", "public"\."good" WITH /,
    );
    await postgres.query(
      "CREATE PUBLICATION little FOR TABLE public.good WITH (publish = 'insert')",
    );
    expect(errorsOf(await validatePostgres(own, context))).toEqual([
      "Publication little does not publish all of insert, update, delete and truncate.",
      "source.tables: matches public.full, which cannot be captured: the publication does not have it.",
    ]);
    const toAdd = 'ALTER PUBLICATION "little" ADD TABLE "public"."full"';
    const first = remediesOf(await validatePostgres(own, context));
    expect(first).toContain(`${toAdd}, or leave it out`);
    expect(first).not.toContain("on-loss");
    const known = new Set([tableId("public", "full")]);
    expect(remediesOf(await validatePostgres(own, context, known))).toMatch(
      /ADD TABLE "public"\."full"; .* `on-loss: resync`/,
    );
  });

  it("makes a finding of a server that cannot be asked", async () => {
    const all = await validatePostgres(optionsOf({ ...postgres, password: "wrong" }), context);
    expect(all).toHaveLength(1);
    expect(all[0]).toMatchObject({
      severity: "error",
      whatFollows: "Nothing else could be checked.",
    });
    expect(all[0]).toMatchObject({ code: "MR_SOURCE_REFUSED", option: "source.password" });
    expect(all[0]?.what).not.toContain("MR_SOURCE_REFUSED");
  });

  it("says what a slot of another kind, in use or lost means", async () => {
    const options = optionsOf(postgres);
    await postgres.query("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [
      options.slotName,
    ]);
    expect(errorsOf(await validatePostgres(options, context))).toEqual([
      expect.stringMatching(/^replication slot \S+ (is|speaks|belongs) /),
    ]);
    await postgres.query("SELECT pg_drop_replication_slot($1)", [options.slotName]);
  });
});

describe("validate --connect", () => {
  it("says what settings keep the log from being read", async () => {
    await using server = await startPostgres({
      settings: {
        wal_level: "replica",
        max_replication_slots: "0",
        max_wal_senders: "0",
        max_slot_wal_keep_size: "64MB",
      },
    });
    await server.query("CREATE TABLE public.good (id int PRIMARY KEY)");
    const all = await validatePostgres(optionsOf(server), context);
    expect(errorsOf(all)).toEqual([
      "wal_level is replica.",
      "All 0 replication slots are taken.",
      "All 0 WAL senders are in use.",
    ]);
    expect(all.map((finding) => finding.what)).toContain("max_slot_wal_keep_size is 64 MB.");
  });

  it("knows of what a test server cannot easily be", () => {
    const server = {
      version: 15,
      encoding: "SQL_ASCII",
      walLevel: "logical",
      inRecovery: true,
      slotsMost: 10,
      slotsUsed: 1,
      sendersMost: 10,
      sendersUsed: 1,
      slotKeepMb: 10,
      slotIdleS: 60,
      logBytesPerHour: 5 * 1024 * 1024,
      role: "me",
      database: "d",
      isSuperuser: true,
      mayReplicate: true,
      mayCreate: true,
      provider: null,
      ownsPublication: null,
      oldestWriterS: 100,
      encrypted: true,
    };
    const address = { host: "", port: 0, user: "", password: "", database: "d" };
    const observed: Observed = {
      options: optionsOf(address),
      server,
      slot: null,
      publication: null,
      discovery: { tables: [], refused: [], views: [], relations: [], unmatched: () => [] },
      known: null,
      ddl: null,
    };
    const whatsOf = (changed: Partial<Observed>): string =>
      findings({ ...observed, ...changed })
        .map((finding) => finding.what)
        .join(" ");
    expect(whatsOf({})).toMatch(
      /SQL_ASCII.*standby.*writing for 100 s.*idle_replication_slot_timeout is 60/,
    );
    const followsOf = (changed: Partial<typeof server>): string =>
      findings({ ...observed, server: { ...server, ...changed } })
        .map((finding) => finding.whatFollows)
        .join(" ");
    expect(followsOf({})).toContain(
      "at the pace so far that takes about 2 hours of standing still",
    );
    expect(followsOf({ slotKeepMb: -1, logBytesPerHour: 3 * 1024 ** 3 })).toContain(
      "the log grows by about 3 GiB an hour until the server's disk is full",
    );
    expect(whatsOf({ server: { ...server, version: 12 } })).toContain("PostgreSQL 12");
    expect(whatsOf({ server: { ...server, version: 19 } })).toContain("PostgreSQL 19");
    const slot = {
      slot_name: "v_d",
      plugin: "pgoutput",
      slot_type: "logical",
      database: "d",
      active: false,
      active_pid: null,
      temporary: false,
      restart_lsn: "0/1",
      confirmed_flush_lsn: "0/1",
    };
    expect(whatsOf({ slot })).not.toContain("slot v_d");
    expect(whatsOf({ slot: { ...slot, wal_status: "lost" } })).toContain("replication slot v_d ");
    expect(whatsOf({ slot: { ...slot, active: true, active_pid: 7 } })).toContain(
      "read by backend 7",
    );
  });
});
