/** Keys that get another text and stay the same key (`1.0` and `1.00`): one row, spelled as at the source (I2). */
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { openSession } from "./sql-session.ts";
import { makeTarget, type Target } from "./targets.ts";

let source: SharedPostgres;
let target: Target;
let folder: string;
let file: string;

beforeEach(async () => {
  source = await sharedPostgres();
  folder = await mkdtemp(join(tmpdir(), "millrace-spelling-"));
});

afterEach(async () => {
  await target.release();
  await source.release();
  await rm(folder, { recursive: true });
});

async function begin(kind: "postgres" | "dsql", ddl: string, transform = ""): Promise<void> {
  await source.query(ddl);
  target = await makeTarget(kind);
  file = await writePipelineFile({
    path: join(folder, "spelling.yaml"),
    name: source.database,
    sourceUrl: source.url,
    tables: String.raw`public.\.*`,
    sink: target.sink,
  });
  await appendFile(file, transform);
  await caughtUp();
}

async function caughtUp(): Promise<void> {
  await runToEnd(["run", file, "--json", "--listen", "off", "--until-caught-up"]);
}

async function rowsAt(url: string, sql: string): Promise<unknown[]> {
  const session = await openSession(url);
  try {
    return (await session.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await session.end();
  }
}

async function expectSame(sql: string): Promise<void> {
  const rows = await rowsAt(source.url, sql);
  expect(await rowsAt(target.url, sql)).toEqual(rows);
}

/** `big` is stored out of line: an update that does not touch it leaves it out of the log. */
const tableOf = (name: string, type: string, key: string): string =>
  `CREATE TABLE ${name} (id ${type} PRIMARY KEY, n int, big text);
   ALTER TABLE ${name} ALTER big SET STORAGE EXTERNAL;
   INSERT INTO ${name} VALUES ('${key}', 0, repeat('x', 9000)), ('7', 0, 'small');`;

const keys = {
  numeric: ["1.0", "1.00"],
  interval: ["1 day", "24:00:00"],
  float8: ["0", "-0"],
  jsonb: ['{"a": 1.0}', '{"a": 1.00}'],
} as const;

describe("a key that is spelled in another way", () => {
  it("stays one row, and follows the source's spelling, with and without values left out of the log", async () => {
    const types = Object.entries(keys);
    const ddl = types.flatMap(([type, [key]]) => [
      tableOf(`whole_${type}`, type, key),
      tableOf(`rest_${type}`, type, key),
      tableOf(`alone_${type}`, type, key),
    ]);
    await begin("postgres", ddl.join("\n"));
    for (const [type, [key, other]] of types) {
      await source.query(`UPDATE whole_${type} SET id = '${other}', big = 'new' WHERE id = '${key}';
        UPDATE rest_${type} SET id = '${other}', n = 1 WHERE id = '${key}';
        UPDATE alone_${type} SET id = '${other}' WHERE id = '${key}'`);
    }
    await caughtUp();
    for (const [type] of types) {
      for (const what of ["whole", "rest", "alone"])
        await expectSame(`SELECT id::text, n, big FROM ${what}_${type} ORDER BY n, big`);
    }
  });

  it("stays one row at a target that has one spelling of it", async () => {
    await begin("dsql", tableOf("sums", "numeric", "1.0"));
    await source.query("UPDATE sums SET id = 1.00 WHERE id = 1");
    await caughtUp();
    await expectSame("SELECT id::float8 AS id, n, big FROM sums ORDER BY 1");
  });

  it("stays one row where the key is hashed", async () => {
    const hashed = ["numeric", "interval", "float8"] as const;
    await begin(
      "postgres",
      hashed.map((type) => tableOf(`h_${type}`, type, keys[type][0])).join("\n"),
      String.raw`transform:
  - source-table: public.\.*
    hash-columns: [id]
    hash-key: abcdefghijklmnopqrstuvwxyz012345
`,
    );
    for (const type of hashed)
      await source.query(
        `UPDATE h_${type} SET id = '${keys[type][1]}', n = 5 WHERE id = '${keys[type][0]}'`,
      );
    await caughtUp();
    for (const type of hashed) await expectSame(`SELECT n, big FROM h_${type} ORDER BY n`);
  });
});

describe("a deleted row of a table without key", () => {
  it("is the one that is spelled as the source's was, of several that are equal", async () => {
    await begin(
      "postgres",
      `CREATE TABLE loose (a interval, b numeric);
       ALTER TABLE loose REPLICA IDENTITY FULL;
       INSERT INTO loose VALUES ('1 day', 1.0), ('1 day', 1.00), ('24:00:00', 1.0), ('24:00:00', 1.00)`,
    );
    await source.query("DELETE FROM loose WHERE a::text = '24:00:00' AND b::text = '1.00'");
    await caughtUp();
    await expectSame("SELECT a::text, b::text FROM loose ORDER BY 1, 2");
  });
});
