import { describe, expect, it } from "vitest";
import { ensureStateTables } from "./state-tables.ts";
import { stateStatements } from "./state-statements.ts";
import type { SinkConnection } from "./sink-connection.ts";

const statements = stateStatements("kept");

/** A server that has these tables of the schema; what it was asked. */
function serverWith(names: readonly string[]) {
  const asked: string[] = [];
  const query = (text: string): Promise<(string | null)[][]> => {
    asked.push(text);
    if (text === statements.readVersion) return Promise.resolve([["1"]]);
    if (text.includes("c.oid::text"))
      return Promise.resolve(names.map((name, i) => ["kept", name, String(20_000 + i)]));
    return Promise.resolve([]);
  };
  return { asked, connection: { query } as SinkConnection };
}

describe("the tables of the state", () => {
  it("are asked for once where all of them are there: each start does so, and each share of a topic", async () => {
    const { asked, connection } = serverWith(statements.tables.map(({ name }) => name));
    await ensureStateTables(connection, statements);
    expect(asked).toHaveLength(2);
  });

  it("are made as far as they are missing", async () => {
    const { asked, connection } = serverWith(["version", "lane", "state"]);
    await ensureStateTables(connection, statements);
    expect(asked.filter((text) => text.startsWith("CREATE"))).toMatchObject([
      expect.stringContaining('"kept".dead_letter '),
      expect.stringContaining('"kept".owner '),
    ]);
  });
});
