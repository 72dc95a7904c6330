import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { TargetTable } from "../../model/table.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, TEXT, shapeOf } from "./sink-servers.fixture.ts";
import type { SinkRequest } from "./sink-request.ts";
import { validateSqlSink } from "./validate.ts";

const ports = { clock: systemClock, random: Math.random, log: silentLogger };

describe.each(SINK_SERVERS)("validate --connect at a sink on $name", ({ name, start }) => {
  let server: SinkServer;

  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  const targetOf = (table: string, schema = "public"): TargetTable =>
    server
      .sink()
      .mapTable(shapeOf(table, { id: BIGINT, v: TEXT, w: TEXT }), { schema, name: table });

  async function validate(given: Partial<SinkRequest>, role?: string) {
    await using session = await server.session(role);
    const request: SinkRequest = {
      profile: server.profile,
      pipeline: "shop",
      targets: [],
      stateSchema: "millrace",
      create: "if-missing",
      shared: false,
      evolve: true,
      fullLoad: true,
      isLogOnly: false,
      orderNotice: (_, { secondaryUnique }) =>
        secondaryUnique ? { what: "order is not kept", remedy: "Drop them" } : null,
      ...given,
    };
    const retry = { ...ports, signal: new AbortController().signal };
    const findings = await validateSqlSink(session, request, retry);
    return {
      whats: findings.map(({ severity, what }) => `${severity}: ${what}`),
      remedies: findings.map(({ remedy }) => remedy),
    };
  }

  it("finds nothing to say of an empty database, and leaves it so", async () => {
    const { whats } = await validate({ targets: [targetOf("fresh"), targetOf("other", "shop")] });
    expect(whats).toEqual([]);
    const schemas = await server.query(
      "SELECT nspname FROM pg_namespace WHERE nspname IN ('millrace', 'shop')",
    );
    expect(schemas).toEqual([]);
  });

  it("tells of rows that are there before the first load, and what becomes of them", async () => {
    await server.query("CREATE TABLE held (id bigint PRIMARY KEY, v text, w text)");
    await server.query("INSERT INTO held SELECT g FROM generate_series(1, 3) g");
    const targets = [targetOf("held")];
    expect(await validate({ targets })).toEqual({
      whats: [
        "notice: Rows that this pipeline has not loaded are there already: public.held (3 rows).",
      ],
      remedies: [expect.stringContaining("resync the table once it is in SYNC")],
    });
    expect((await validate({ targets, fullLoad: false })).whats).toEqual([]);
    const keyless = targets.map((target) => ({ ...target, keyless: true, key: [] }));
    expect((await validate({ targets: keyless })).whats[0]).toMatch(
      /^(error|warning): .*public\.held/,
    );
    await server.query("DROP TABLE held");
  });

  it("tells everything that does not fit about tables that are there, and of those that are not", async () => {
    await server.query("CREATE TABLE narrow (id bigint PRIMARY KEY, v integer)");
    await server.query("CREATE TABLE unique_too (id bigint PRIMARY KEY, v text UNIQUE, w text)");
    const targets = [targetOf("narrow"), targetOf("unique_too"), targetOf("absent")];
    const { whats } = await validate({ targets, create: "never" });
    expect(whats).toEqual([
      "error: public.narrow: column v is integer, which does not hold text.",
      "error: public.narrow: column w (text) is missing.",
      "error: There is no table public.absent.",
      "notice: order is not kept.",
      "notice: public.unique_too: unique besides the key on (v): a row that breaks it becomes a dead letter.",
    ]);
    const { remedies } = await validate({ targets, create: "never" });
    expect(remedies[0]).toMatch(/drop it and let create: if-missing/);
    // What was read of a topic is not read again.
    const ofTopic = await validate({ targets, create: "never", isLogOnly: true });
    expect(ofTopic.remedies[0]).toMatch(/Do not drop it/);
    expect(ofTopic.remedies.join(" ")).not.toMatch(/drop it and let/);
  });

  it("tells a role without rights which statements would help", async () => {
    const role = `poor_${name}_${process.pid}`;
    await server.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
    await server.query("CREATE SCHEMA theirs");
    await server.query("CREATE TABLE theirs.t (id bigint PRIMARY KEY, v text, w text)");
    const targets = [targetOf("t", "theirs"), targetOf("more", "theirs"), targetOf("x", "nowhere")];
    const poor = await validate({ targets }, role);
    expect(poor.whats).toEqual([
      `error: There is no schema millrace, and role ${role} may not make one.`,
      `error: Role ${role} may not make tables in schema theirs.`,
      `error: There is no schema nowhere, and role ${role} may not make one.`,
      `error: Role ${role} lacks SELECT, INSERT, UPDATE, DELETE on theirs.t.`,
      `warning: Role ${role} does not own theirs.t.`,
    ]);
    for (const remedy of poor.remedies)
      for (const sql of remedy.match(/(?:CREATE SCHEMA|GRANT) [^;]*/g) ?? [])
        await server.query(sql);
    const helped = await validate({ targets }, role);
    expect(helped.whats).toEqual([`warning: Role ${role} does not own theirs.t.`]);
  });

  it("tells that targets are another pipeline's", async () => {
    const sink = server.sink();
    await sink.open();
    await sink.takeOver({ pipeline: "other", task: "0", lanes: 1 });
    await sink.claimTargets([targetOf("claimed").id], false);
    const { whats, remedies } = await validate({ targets: [targetOf("claimed")] });
    expect(whats).toEqual(["error: public.claimed belongs to pipeline other."]);
    expect(remedies[0]).toContain("shared: true");
  });
});
