import fc from "fast-check";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testRuns } from "../../../../../test/support/test-runs.ts";
import { sharedPostgres } from "../../../../../test/support/postgres.ts";
import type { SharedPostgres } from "../../../../../test/support/postgres.ts";
import { columnLiteral } from "./array-literal.ts";

describe("array literals, read by PostgreSQL itself", () => {
  let postgres: SharedPostgres;
  let client: Client;

  beforeAll(async () => {
    postgres = await sharedPostgres();
    client = new Client({ connectionString: postgres.url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await postgres.release();
  });

  /** What PostgreSQL makes of a literal, element by element. */
  async function read(literal: string, type: string): Promise<(string | null)[]> {
    const text = `SELECT coalesce(json_agg(u.v::text ORDER BY n), '[]') AS values FROM unnest($1::${type}[]) WITH ORDINALITY AS u(v, n)`;
    const result = await client.query<{ values: (string | null)[] }>(text, [literal]);
    return result.rows[0]?.values ?? [];
  }

  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom(
        '"',
        "\\",
        ",",
        "{",
        "}",
        " ",
        "'",
        "\n",
        "\t",
        "N",
        "é",
        "漢",
        "😀",
        "a",
      ),
    }),
    fc.constantFrom("NULL", "null", "", " ", "{}", '""', "\\", '\\"', "\\\\", "a,b"),
  );
  // PostgreSQL's text holds neither NUL nor half a surrogate pair.
  const storable = texts.filter((text) => !text.includes("\0") && text.isWellFormed());

  it("hold every text", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(storable), { maxLength: 30 }), async (values) => {
        const rows = values.map((value) => ["other", value]);
        expect(await read(columnLiteral(rows, 1, 0, rows.length), "text")).toEqual(values);
      }),
      { numRuns: testRuns(300) },
    );
  });

  it("hold every byte", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(fc.uint8Array()), { maxLength: 10 }), async (values) => {
        const rows = values.map((value) => [value]);
        const wanted = values.map((value) => value && `\\x${Buffer.from(value).toString("hex")}`);
        expect(await read(columnLiteral(rows, 0, 0, rows.length), "bytea")).toEqual(wanted);
      }),
      { numRuns: testRuns(100) },
    );
  });

  it("hold numbers of every form, booleans, and only the rows asked for", async () => {
    const rows = [["1"], ["-9223372036854775808"], [42n], [7], [null], ["9"]];
    expect(await read(columnLiteral(rows, 0, 1, 5), "bigint")).toEqual([
      "-9223372036854775808",
      "42",
      "7",
      null,
    ]);
    expect(await read(columnLiteral([[true], [false], [null]], 0, 0, 3), "boolean")).toEqual([
      "true",
      "false",
      null,
    ]);
  });

  it("never let a value of an odd type shift its neighbours", async () => {
    const rows = [["1,2"], ["3"]];
    await expect(read(columnLiteral(rows, 0, 0, 2), "integer")).rejects.toThrow(
      /invalid input syntax/,
    );
  });
});
