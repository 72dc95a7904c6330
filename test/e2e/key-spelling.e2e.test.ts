/** Keys that get another text and stay the same key (`1.0` and `1.00`): one row, spelled as at the source (I2). */
import { afterEach, describe, it } from "vitest";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";
import type { TargetKind } from "./targets.ts";

let pipeline: SmallPipeline;

afterEach(() => pipeline.release());

async function begin(kind: TargetKind, ddl: string, transform = ""): Promise<void> {
  pipeline = await smallPipeline(ddl, kind);
  await pipeline.write({ more: transform });
  await pipeline.caughtUp();
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
      await pipeline.source
        .query(`UPDATE whole_${type} SET id = '${other}', big = 'new' WHERE id = '${key}';
        UPDATE rest_${type} SET id = '${other}', n = 1 WHERE id = '${key}';
        UPDATE alone_${type} SET id = '${other}' WHERE id = '${key}'`);
    }
    await pipeline.caughtUp();
    for (const [type] of types) {
      for (const what of ["whole", "rest", "alone"])
        await pipeline.expectSame(`SELECT id::text, n, big FROM ${what}_${type} ORDER BY n, big`);
    }
  });

  it("stays one row at a target that has one spelling of it", async () => {
    await begin("dsql", tableOf("sums", "numeric", "1.0"));
    await pipeline.source.query("UPDATE sums SET id = 1.00 WHERE id = 1");
    await pipeline.caughtUp();
    await pipeline.expectSame("SELECT id::float8 AS id, n, big FROM sums ORDER BY 1");
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
      await pipeline.source.query(
        `UPDATE h_${type} SET id = '${keys[type][1]}', n = 5 WHERE id = '${keys[type][0]}'`,
      );
    await pipeline.caughtUp();
    for (const type of hashed) await pipeline.expectSame(`SELECT n, big FROM h_${type} ORDER BY n`);
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
    await pipeline.source.query(
      "DELETE FROM loose WHERE a::text = '24:00:00' AND b::text = '1.00'",
    );
    await pipeline.caughtUp();
    await pipeline.expectSame("SELECT a::text, b::text FROM loose ORDER BY 1, 2");
  });
});
