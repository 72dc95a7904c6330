import { describe, expect, it } from "vitest";
import { BIGINT, TEXT, shapeOf } from "./sink-servers.fixture.ts";
import { DSQL, POSTGRES } from "./profile.ts";
import { mapTargetTable } from "./table-mapping.ts";
import { TableStatements } from "./table-statements.ts";

const options = { profile: DSQL, unconstrainedNumeric: "numeric" } as const;
const pairs = mapTargetTable(
  shapeOf(
    "pairs",
    {
      a: BIGINT,
      'b"': { kind: "timestamptz", precision: 3 },
      n: { kind: "decimal", precision: 10, scale: 2 },
      j: { kind: "json" },
    },
    2,
  ),
  { schema: "shop", name: "my pairs" },
  options,
);
const ids = mapTargetTable(
  shapeOf("ids", { id: BIGINT }),
  { schema: "public", name: "ids" },
  options,
);
const loose = mapTargetTable(
  { ...shapeOf("loose", { n: TEXT }), key: [] },
  { schema: "public", name: "loose" },
  options,
);

describe("the statements of a table", () => {
  const sql = new TableStatements(pairs, true);

  it("quote every name and cast every column to its full type", () => {
    expect(sql.upsert("arrays").text).toMatchInlineSnapshot(
      `"INSERT INTO "shop"."my pairs" ("a","b""","n","j") SELECT unnest($1::bigint[]),unnest($2::timestamptz(3)[]),unnest($3::numeric(10,2)[]),unnest($4::json[]) ON CONFLICT ("a","b""") DO UPDATE SET "n"=EXCLUDED."n","j"=EXCLUDED."j""`,
    );
    expect(sql.insert(2).text).toMatchInlineSnapshot(
      `"INSERT INTO "shop"."my pairs" ("a","b""","n","j") SELECT u.c0,u.c1,u.c2,u.c3 FROM (VALUES ($1::bigint,$2::timestamptz(3),$3::numeric(10,2),$4::json),($5::bigint,$6::timestamptz(3),$7::numeric(10,2),$8::json)) AS u(c0,c1,c2,c3)"`,
    );
  });

  it("have nothing to update where every column is key", () => {
    expect(new TableStatements(ids, true).upsert("arrays").text).toMatchInlineSnapshot(
      `"INSERT INTO "public"."ids" ("id") SELECT unnest($1::bigint[]) ON CONFLICT ("id") DO NOTHING"`,
    );
  });

  it("delete by an array of keys, or by a join where the key has several columns", () => {
    expect(new TableStatements(ids, true).deleteByKey("arrays").text).toMatchInlineSnapshot(
      `"DELETE FROM "public"."ids" WHERE "id"=ANY($1::bigint[])"`,
    );
    expect(sql.deleteByKey("arrays").text).toMatchInlineSnapshot(
      `"DELETE FROM "shop"."my pairs" AS t USING unnest($1::bigint[],$2::timestamptz(3)[]) AS u(c0,c1) WHERE t."a"=u.c0 AND t."b"""=u.c1"`,
    );
  });

  it("update some columns and tell which rows they found", () => {
    expect(sql.update([3], "arrays").text).toMatchInlineSnapshot(
      `"UPDATE "shop"."my pairs" AS t SET "j"=u.c2 FROM unnest($1::bigint[],$2::timestamptz(3)[],$3::json[]) WITH ORDINALITY AS u(c0,c1,c2,n) WHERE t."a"=u.c0 AND t."b"""=u.c1 RETURNING u.n"`,
    );
  });

  it("write the key too where it may be spelled in another way, and the server lets it be written", () => {
    const spelled = mapTargetTable(
      shapeOf("sums", { id: { kind: "decimal", precision: null, scale: null } }),
      { schema: "public", name: "sums" },
      { ...options, profile: POSTGRES },
    );
    const may = new TableStatements(spelled, true);
    expect(may.upsert("arrays").text).toMatch(/DO UPDATE SET "id"=EXCLUDED\."id"$/);
    expect(may.update([], "arrays").text).toContain('SET "id"=u.c0 FROM');
    expect(may.updatesAny([])).toBe(true);
    const mayNot = new TableStatements(spelled, false);
    expect(mayNot.upsert("arrays").text).toMatch(/DO NOTHING$/);
    expect(mayNot.updatesAny([])).toBe(false);
  });

  it("copy what the log left out", () => {
    expect(sql.copy([2]).text).toMatchInlineSnapshot(
      `"INSERT INTO "shop"."my pairs" ("a","b""","n","j") SELECT $3::bigint,$4::timestamptz(3),o."n",$5::json FROM "shop"."my pairs" AS o WHERE o."a"=$1::bigint AND o."b"""=$2::timestamptz(3) ON CONFLICT ("a","b""") DO UPDATE SET "n"=EXCLUDED."n","j"=EXCLUDED."j""`,
    );
  });

  it("find one equal row, null-safe, json by its text", () => {
    expect(new TableStatements(loose, true).deleteEqual.text).toMatchInlineSnapshot(
      `"DELETE FROM "public"."loose" WHERE ("_millrace_key")=(SELECT "_millrace_key" FROM "public"."loose" WHERE "n" IS NOT DISTINCT FROM $1::text LIMIT 1)"`,
    );
    expect(sql.deleteEqual.text).toMatchInlineSnapshot(
      `"DELETE FROM "shop"."my pairs" WHERE ("a","b""")=(SELECT "a","b""" FROM "shop"."my pairs" WHERE "n" IS NOT DISTINCT FROM $1::numeric(10,2) AND "j"::text IS NOT DISTINCT FROM $2::text LIMIT 1)"`,
    );
  });

  it("delete some rows by their keys", () => {
    expect(sql.deleteSome.text).toMatchInlineSnapshot(
      `"DELETE FROM "shop"."my pairs" WHERE ("a","b""") IN (SELECT "a","b""" FROM "shop"."my pairs" ORDER BY "a","b""" LIMIT $1::bigint)"`,
    );
  });

  it("are named after their text", () => {
    const again = new TableStatements({ ...pairs }, true);
    expect(again.upsert("arrays")).toEqual(sql.upsert("arrays"));
    expect(sql.upsert("arrays").name).toMatch(/^mr_[\w-]{22}$/);
    expect(sql.upsert("arrays").name).not.toBe(sql.insert("arrays").name);
  });
});
