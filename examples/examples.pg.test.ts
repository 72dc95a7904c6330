import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../test/support/postgres.ts";
import {
  dropSlots,
  pipelineBetween,
  pipelineFileOf,
} from "../packages/millrace/src/pipeline-between.fixture.ts";

/** Runs an example as its first lines say, in a process of its own. */
function runExample(
  name: string,
  ...args: readonly string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const path = fileURLToPath(new URL(name, import.meta.url));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--conditions=source", path, ...args],
      { env: { PATH: process.env["PATH"] }, timeout: 50_000 },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
    );
  });
}

describe("an example that needs no server", () => {
  it("array-source.ts replays an array into lines", async () => {
    const { code, stdout, stderr } = await runExample("array-source.ts");
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines.slice(-2)).toEqual([
      expect.objectContaining({ op: "u", after: { id: "2", name: "Darjeeling, first flush" } }),
      expect.objectContaining({ op: "d" }),
    ]);
    expect(lines).toContainEqual(
      expect.objectContaining({ op: "r", after: { id: "1", name: "Assam" } }),
    );
  });

  it("printing-sink.ts prints what changes", async () => {
    const { code, stdout, stderr } = await runExample("printing-sink.ts");
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toContain("public.teas r id=2 name=Darjeeling");
    expect(lines).toContain("public.teas generation-end");
    expect(lines.at(-1)).toBe("public.teas d id=1 name=");
  });
});

describe("an example with a pipeline file", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;
  let tables = 0;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  });
  afterAll(async () => {
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  /** A schema of its own with what `sql` makes in it, and a pipeline file for it. */
  async function prepared(sql: (schema: string) => string, sink: object = {}) {
    const schema = `example${++tables}`;
    await source.query(`CREATE SCHEMA ${schema}; ${sql(schema)}`);
    const name = `${schema}_${source.database.slice(0, 40)}`;
    const pipeline = pipelineBetween(source, target, {
      name,
      tables: `${schema}.\\.*`,
      sink: { ...sink },
    });
    return { schema, name, file: pipelineFileOf(pipeline) };
  }

  it("password-file.ts takes the password from a file", async () => {
    const { schema, name, file } = await prepared(
      (s) => `CREATE TABLE ${s}.t (id int PRIMARY KEY); INSERT INTO ${s}.t VALUES (1)`,
      { password: "not this one" },
    );
    const path = `${file}.password`;
    await writeFile(path, "nor this one\n");
    const refused = await runExample("password-file.ts", file, path);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining("sink.password: the server refuses role"),
    ]);
    await writeFile(path, `${target.password}\n`);
    const { code, stdout } = await runExample("password-file.ts", file, path);
    expect([code, stdout]).toEqual([0, `${name} has caught up\n`]);
    expect(await target.query(`SELECT id FROM ${schema}.t`)).toEqual([{ id: 1 }]);
  });

  it("json-as-text.ts makes columns of another type", async () => {
    const { schema, file } = await prepared(
      (s) =>
        `CREATE TABLE ${s}.t (id int PRIMARY KEY, a jsonb, b json); INSERT INTO ${s}.t VALUES (1, '{"x": 1}', '[ ]')`,
    );
    expect(await runExample("json-as-text.ts", file)).toMatchObject({ code: 0, stderr: "" });
    expect(await target.query(`SELECT a, b, pg_typeof(a)::text AS type FROM ${schema}.t`)).toEqual([
      { a: '{"x": 1}', b: "[ ]", type: "text" },
    ]);
  });

  it("lower-case-emails.ts changes values on their way", async () => {
    const { schema, file } = await prepared(
      (s) =>
        `CREATE TABLE ${s}.t (id int PRIMARY KEY, email text); INSERT INTO ${s}.t VALUES (1, 'Ann@Example.Org'), (2, NULL)`,
    );
    expect(await runExample("lower-case-emails.ts", file)).toMatchObject({ code: 0, stderr: "" });
    expect(await target.query(`SELECT email FROM ${schema}.t ORDER BY id`)).toEqual([
      { email: "ann@example.org" },
      { email: null },
    ]);
  });

  it("strict-tables.ts parks rows of one table and stops for those of another", async () => {
    const { schema, file } = await prepared(
      (s) =>
        `CREATE TABLE ${s}.t (id int PRIMARY KEY, n int); INSERT INTO ${s}.t VALUES (1, 1), (2, -2)`,
    );
    await target.query(
      `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.t (id int PRIMARY KEY, n int CHECK (n > 0))`,
    );
    const strict = await runExample("strict-tables.ts", file, `${schema}.t`);
    expect([strict.code, strict.stdout]).toEqual([
      1,
      expect.stringMatching(/MR_DEAD_LETTER_LIMIT: a row of .* its handler says fail/),
    ]);
    const { code, stdout } = await runExample("strict-tables.ts", file);
    expect([code, stdout]).toEqual([0, `parked rows: ${schema}.t: 1\n`]);
    expect(await target.query(`SELECT id FROM ${schema}.t`)).toEqual([{ id: 1 }]);
  });
});
