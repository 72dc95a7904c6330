import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import { intervalKey } from "../../model/key-text.ts";

let postgres: SharedPostgres;

beforeAll(async () => {
  postgres = await sharedPostgres();
});

afterAll(() => postgres.release());

describe("keys of type interval", () => {
  it("have one text exactly where PostgreSQL holds them to be equal", async () => {
    const texts = [
      "1 day",
      "24:00:00",
      "-1 days +48:00:00",
      "1 mon",
      "30 days",
      "1 year",
      "12 mons",
      "360 days",
      "1 year 2 mons -3 days 04:05:06.789",
      "00:00:00",
      "-00:00:01",
      "-00:00:01.5",
      "00:00:01.500000",
      "1 mon -30 days",
      "23:59:59.999999",
      "-1 years -2 mons +3 days -04:05:06.7",
    ];
    const rows = await postgres.query(
      `SELECT a::text AS a, b::text AS b, a = b AS equal FROM unnest($1::interval[]) a, unnest($1::interval[]) b`,
      [texts],
    );
    expect(rows.length).toBe(texts.length ** 2);
    for (const { a, b, equal } of rows)
      expect([a, b, intervalKey(String(a)) === intervalKey(String(b))]).toEqual([a, b, equal]);
  });
});
