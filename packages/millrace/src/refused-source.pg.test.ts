import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { cli } from "./cli/cli.fixture.ts";
import { dropSlots, pipelineBetween, pipelineFileOf } from "./pipeline-between.fixture.ts";

let source: SharedPostgres;
let target: SharedPostgres;
let role: string;

beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  role = `${source.database.slice(0, 30)}_reader`;
  await source.query(`CREATE TABLE t (id int PRIMARY KEY);
    CREATE ROLE ${role} LOGIN PASSWORD 'r'; GRANT SELECT ON t TO ${role}`);
});
afterAll(async () => {
  await dropSlots(source);
  await source.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  await source.release();
  await target.release();
});

/** What the role has, and what it is told that it lacks; each on top of the one before. */
const STEPS = [
  ["SELECT alone", "SELECT 1", "may not create objects in this database"],
  ["CREATE in the database", "GRANT CREATE ON DATABASE db TO reader", 'does not own "public"."t"'],
  [
    "a publication of somebody else that lacks the table",
    "CREATE PUBLICATION pub WITH (publish_via_partition_root = true, publish_generated_columns = stored)",
    "does not own the publication",
  ],
  ["a publication that has the table", "ALTER PUBLICATION pub ADD TABLE t", "has no REPLICATION"],
  [
    "a slot of another plugin, and REPLICATION",
    "ALTER ROLE reader REPLICATION; SELECT pg_create_logical_replication_slot('slot', 'test_decoding')",
    "speaks test_decoding, not pgoutput",
  ],
] as const;

const fileOfRole = () =>
  pipelineFileOf(
    pipelineBetween(source, target, {
      name: role,
      tables: "public.t",
      source: { username: role, password: "r", "publication.name": "pub", "slot.name": role },
    }),
  );

describe("a start whose role has", () => {
  it.each(STEPS)("%s is refused before anything was touched", async (_, sql, says) => {
    const named = (text: string) =>
      text
        .replace("DATABASE db", `DATABASE "${source.database}"`)
        .replace("reader", role)
        .replace("'slot'", `'${role}'`);
    for (const statement of sql.split("; ")) await source.query(named(statement));
    const run = await cli(["run", fileOfRole(), "--until-caught-up", "--listen", "off"]);
    expect(run.stderr + run.stdout).toContain(says);
    expect(run.code).toBe(2);
    if (says === "has no REPLICATION") {
      expect(run.stderr + run.stdout).not.toContain("own the publication");
    }
    expect(await target.query("SELECT FROM pg_namespace WHERE nspname = 'millrace'")).toEqual([]);
  });

  it("all that it takes, under a publication that somebody else made right, goes ahead", async () => {
    await source.query(`SELECT pg_drop_replication_slot('${role}')`);
    await source.query("INSERT INTO t VALUES (1)");
    const run = await cli(["run", fileOfRole(), "--until-caught-up", "--listen", "off"]);
    expect([run.code, run.stderr]).toEqual([0, expect.not.stringContaining("own")]);
    expect(await target.query("SELECT id FROM t")).toEqual([{ id: 1 }]);
  });
});
