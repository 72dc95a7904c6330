/** `validate --connect` and a start that is refused say the same: text, remedy and code. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { checkPipeline } from "./check-pipeline.ts";
import type { PipelineFinding } from "./pipeline-finding.ts";
import { ConfigError } from "./config/problem.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { loadPipeline } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

let source: SharedPostgres;
let target: SharedPostgres;
let role: string;

beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  role = `${source.database.slice(0, 30)}_words`;
  await source.query(
    `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'r'; GRANT CREATE ON DATABASE "${source.database}" TO ${role}`,
  );
});
afterAll(async () => {
  await dropSlots(source);
  await source.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  await source.release();
  await target.release();
});

interface Provocation {
  readonly name: string;
  /** In a schema of its own, which is the search path; `ROLE` is an ordinary role. */
  readonly ddl: string;
  readonly atTarget?: string;
  readonly source?: Readonly<Record<string, unknown>>;
  readonly sink?: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
  /** What is found, among other things. */
  readonly finds: RegExp;
  readonly code?: string;
}

const T = "CREATE TABLE t (id int PRIMARY KEY, v text);";
const AS_ROLE = { username: "ROLE", password: "r" };

const PROVOCATIONS: readonly Provocation[] = [
  { name: "a table that the role may not read", ddl: T, source: AS_ROLE, finds: /may not read/ },
  {
    name: "a table that the role does not own",
    ddl: `${T} GRANT USAGE ON SCHEMA SCHEMA TO ROLE; GRANT SELECT ON t TO ROLE`,
    source: AS_ROLE,
    finds: /does not own/,
  },
  {
    name: "a role without REPLICATION",
    ddl: `${T} ALTER ROLE ROLE NOREPLICATION`,
    source: AS_ROLE,
    finds: /has no REPLICATION/,
  },
  {
    name: "policies",
    ddl: `${T} ALTER TABLE t OWNER TO ROLE; ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; GRANT USAGE ON SCHEMA SCHEMA TO ROLE`,
    source: AS_ROLE,
    finds: /Policies filter/,
  },
  { name: "a table without key", ddl: "CREATE TABLE t (a int)", finds: /no primary key/ },
  {
    name: "replica identity NOTHING",
    ddl: `${T} ALTER TABLE t REPLICA IDENTITY NOTHING`,
    finds: /is NOTHING/,
  },
  {
    name: "an unlogged table",
    ddl: "CREATE UNLOGGED TABLE t (id int PRIMARY KEY)",
    finds: /it is unlogged/,
  },
  { name: "no table", ddl: "SELECT 1", finds: /matches no table/ },
  {
    name: "no publication",
    ddl: T,
    source: { "publication.create": "never" },
    finds: /There is no publication/,
  },
  {
    name: "a publication that lacks operations",
    ddl: `${T} CREATE PUBLICATION "PUB" FOR TABLE t WITH (publish = 'insert', publish_via_partition_root)`,
    source: { "publication.create": "never", "publication.name": "PUB" },
    finds: /does not publish all/,
  },
  {
    name: "a slot of another plugin",
    ddl: `${T} SELECT pg_create_logical_replication_slot('SLOT', 'test_decoding')`,
    source: { "slot.name": "SLOT" },
    finds: /speaks test_decoding, not pgoutput/,
    code: "MR_SOURCE_SLOT_FOREIGN",
  },
  {
    name: "no event trigger",
    ddl: `${T} ALTER TABLE t OWNER TO ROLE; GRANT USAGE ON SCHEMA SCHEMA TO ROLE`,
    source: { ...AS_ROLE, "schema-change.messages": "event-trigger" },
    finds: /There is no event trigger/,
  },
  {
    name: "a wrong password",
    ddl: T,
    source: { ...AS_ROLE, password: "wrong" },
    finds: /refuses role/,
  },
  {
    name: "nothing that listens at the source",
    ddl: T,
    source: { port: 1 },
    finds: /nothing listens/,
    code: "MR_SOURCE_LOST_CONNECTION",
  },
  {
    name: "nothing that listens at the sink",
    ddl: T,
    sink: { port: 1 },
    finds: /nothing listens/,
    code: "MR_SINK_LOST_CONNECTION",
  },
  {
    name: "a wrong password at the sink",
    ddl: T,
    sink: { password: "wrong" },
    finds: /refuses role/,
    code: "MR_SINK_REFUSED",
  },
  {
    name: "a database that the sink does not have",
    ddl: T,
    sink: { database: "nowhere" },
    finds: /nowhere/,
    code: "MR_SINK_REFUSED",
  },
  {
    name: "a target of another type",
    ddl: T,
    atTarget: 'CREATE SCHEMA "SCHEMA"; CREATE TABLE "SCHEMA".t (id int PRIMARY KEY, v int)',
    finds: /column v is integer/,
  },
  {
    name: "two things at once",
    ddl: "CREATE TABLE t (a int); CREATE UNLOGGED TABLE u (id int PRIMARY KEY)",
    finds: /unlogged.*no primary key/s,
  },
  {
    name: "things of the file, of tables, of rights and of the sink at once",
    ddl: `${T} CREATE UNLOGGED TABLE u (id int PRIMARY KEY)`,
    source: AS_ROLE,
    sink: { password: "wrong" },
    more: { route: [{ "source-table": "elsewhere.nothing", "sink-table": "elsewhere.x" }] },
    finds: /may not read.*unlogged.*route\[0\].*refuses role/s,
  },
];

describe("validate --connect and run", () => {
  it.for(PROVOCATIONS.map((one, n) => ({ ...one, n })))(
    "say the same of $name",
    async ({ n, ddl, atTarget, finds, code, ...more }) => {
      const schema = `w${n}`;
      const named = (text: string) =>
        text
          .replaceAll(/\bROLE ROLE\b/g, `ROLE ${role}`)
          .replaceAll(/\bTO ROLE\b/g, `TO ${role}`)
          .replaceAll("SCHEMA SCHEMA", `SCHEMA ${schema}`)
          .replaceAll('"SCHEMA"', schema)
          .replaceAll('"PUB"', `"${schema}"`)
          .replaceAll("'SLOT'", `'${role}_${schema}'`);
      await source.query(`CREATE SCHEMA ${schema}`);
      // A slot is made in a transaction of its own.
      for (const statement of named(ddl).split(";"))
        await source.query(`SET search_path = ${schema}; COMMIT; ${statement}`);
      if (atTarget !== undefined) await target.query(named(atTarget));
      const values = (section: Provocation["source"] = {}) =>
        Object.fromEntries(
          Object.entries(section).map(([key, value]) => [
            key,
            value === "ROLE"
              ? role
              : value === "PUB"
                ? schema
                : value === "SLOT"
                  ? `${role}_${schema}`
                  : value,
          ]),
        );
      const file = pipelineBetween(source, target, {
        name: `${role}-${schema}`,
        tables: `${schema}.\\.*`,
        source: values(more.source),
        sink: values(more.sink),
        more: more.more ?? {},
      });
      try {
        const found = (await checkPipeline(file)).filter(({ severity }) => severity === "error");
        const refused: unknown = await (
          await loadPipeline(file)
        )
          .start()
          .catch((error: unknown) => error);
        expect(found.map(({ what }) => what).join("\n")).toMatch(finds);
        expectSame(found, refused);
        if (code !== undefined) expect(refused).toMatchObject({ code });
      } finally {
        await source.query(`ALTER ROLE ${role} REPLICATION; DROP PUBLICATION IF EXISTS ${schema}`);
        await dropSlots(source);
      }
    },
  );

  it("say the same of a pipeline that was another source's, and of a role that lost REPLICATION since", async () => {
    await source.query(
      `CREATE SCHEMA again; CREATE TABLE again.t (id int PRIMARY KEY); ALTER TABLE again.t OWNER TO ${role}; GRANT USAGE ON SCHEMA again TO ${role}`,
    );
    const given = {
      name: `${role}-again`,
      tables: "again.\\.*",
      source: { username: role, password: "r" },
    };
    const file = pipelineBetween(source, target, given);
    expect(await endOf(file)).toBeNull();
    await source.query(`ALTER ROLE ${role} NOREPLICATION`);
    await expectSameOf(file);
    await source.query(`ALTER ROLE ${role} REPLICATION`);
    const elsewhere = await sharedPostgres();
    try {
      await elsewhere.query("CREATE SCHEMA again; CREATE TABLE again.t (id int PRIMARY KEY)");
      const rest = { ...given, source: { "slot.name": `${role}_elsewhere` } };
      await expectSameOf(pipelineBetween(elsewhere, target, rest), "MR_SOURCE_IDENTITY");
    } finally {
      await elsewhere.release();
    }
  });
});

/** Runs until it has caught up, or what it ended with. */
async function endOf(file: ReturnType<typeof pipelineBetween>): Promise<unknown> {
  const pipeline = await loadPipeline(file);
  try {
    await pipeline.start();
    await pipeline.caughtUp();
    return null;
  } catch (error) {
    return error;
  } finally {
    await pipeline.stop().catch(() => undefined);
  }
}

async function expectSameOf(
  file: ReturnType<typeof pipelineBetween>,
  code?: string,
): Promise<void> {
  const found = (await checkPipeline(file)).filter(({ severity }) => severity === "error");
  const refused = await endOf(file);
  expectSame(found, refused);
  if (code !== undefined) expect(refused).toMatchObject({ code });
}

/** The start says all that was found, in the same words; several things are listed in it, each with its remedy. */
function expectSame(found: readonly PipelineFinding[], refused: unknown): void {
  if (!(refused instanceof MillraceError)) throw new Error(`not refused: ${String(refused)}`);
  const words = found.map((finding) => saidOf(finding));
  const codes = found.map(
    ({ about, code }) => code ?? (about === "sink" ? "MR_SINK_REFUSED" : "MR_SOURCE_REFUSED"),
  );
  if (refused instanceof ConfigError) {
    const problems = refused.problems.map(
      ({ path, wrong, remedy }) => `${path}: ${wrong}. ${remedy}.`,
    );
    expect(words.toSorted()).toEqual(problems.toSorted());
    return;
  }
  expect(codes).toContain(refused.code);
  const [, ...listed] = refused.detail.split("\n");
  const said = listed.length > 0 ? listed : [`${refused.detail} ${refused.remedy}`];
  expect(
    said.filter(
      (line) =>
        !found.some(
          ({ what, remedy }) => line.includes(what.replace(/\.$/, "")) && line.includes(remedy),
        ),
    ),
  ).toEqual([]);
  expect(said).toHaveLength(found.length);
}

function saidOf({ what, remedy }: PipelineFinding): string {
  return `${what} ${remedy}`;
}
