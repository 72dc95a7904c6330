import { describe, expect, it } from "vitest";
import { sharedMysql } from "../../../../../test/support/mysql.ts";
import { openConnection } from "./connection.ts";
import { streamRows } from "./snapshot-rows.ts";
import { configOf } from "./told-events.fixture.ts";

const MANY =
  "SELECT TABLE_NAME, ORDINAL_POSITION, REPEAT('ä', 300) FROM information_schema.COLUMNS LIMIT 2000";

describe("an answer over TLS", () => {
  it("is read as any other, and the session goes on to serve", async () => {
    // MySQL makes itself a certificate.
    await using server = await sharedMysql("mysql");
    const session = await openConnection({ ...configOf(server), tls: { mode: "require" } });
    try {
      const [cipher] = await session.query("SHOW STATUS LIKE 'Ssl_cipher'");
      expect(cipher?.[1]).toMatch(/^TLS_/);
      for (let time = 0; time < 2; time += 1) {
        let rows = 0;
        const options = {
          doing: "reading",
          take: (row: { text(column: number): string | null }) => {
            expect(row.text(2)).toBe("ä".repeat(300));
            rows += 1;
            return rows % 100 === 0;
          },
        };
        for await (const _rows of streamRows(session, MANY, options)) continue;
        expect(rows).toBe(2_000);
        expect(await session.query("SELECT 1, NULL")).toEqual([["1", null]]);
      }
    } finally {
      await session.close();
    }
  });
});
