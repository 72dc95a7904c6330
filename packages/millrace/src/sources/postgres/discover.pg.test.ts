/** What a look at the catalogue sees while others change it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pg from "pg";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import type { Queryable } from "./catalogue.ts";
import { discoverTables } from "./discover.ts";
import { readPublished } from "./published.ts";
import { TableLooks } from "./table-looks.ts";

let postgres: SharedPostgres;
let client: pg.Client;

beforeAll(async () => {
  postgres = await sharedPostgres();
  client = new pg.Client({ connectionString: postgres.url, options: "-c search_path=" });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await postgres.release();
});

/** Between the answer that says what is published and the next question, somebody runs `ddl`. */
function meanwhile(ddl: string): Queryable {
  let isDone = false;
  return {
    query: async <R extends object>(sql: string, parameters: unknown[] = []) => {
      const answer = await client.query<R>(sql, parameters);
      if (!isDone && sql.includes("pg_publication_tables")) {
        isDone = true;
        await postgres.query(ddl);
      }
      return answer;
    },
  };
}

function namesOf(shape: TableShape | null | undefined): string[] | undefined {
  return shape?.columns.map(({ name }) => name);
}

async function discovered(asked: Queryable, publication: string, table: string) {
  const { tables } = await discoverTables(asked, {
    matches: (_, name) => name === table,
    partitions: "root",
    published: await readPublished(asked, publication),
    createPublication: true,
    publicationName: publication,
  });
  return tables.map(({ shape }) => namesOf(shape));
}

describe("columns that are changed while the catalogue is looked at", () => {
  const cases = [
    ["renamed", "RENAME n1 TO n2", ["id", "n2"]],
    ["added", "ADD n2 int", ["id", "n1", "n2"]],
  ] as const;

  it.for(cases)("%s: are none that the publication leaves out", async ([what, ddl, columns]) => {
    const table = `t_${what}`;
    await postgres.query(`CREATE TABLE ${table} (id int PRIMARY KEY, n1 int);
      CREATE PUBLICATION p_${what} FOR TABLE ${table}`);
    const asked = meanwhile(`ALTER TABLE ${table} ${ddl}`);
    expect(await discovered(asked, `p_${what}`, table)).toEqual([columns]);
  });

  it.for(cases)(
    "%s: nor in the look that comes every few seconds",
    async ([what, ddl, columns]) => {
      const table = `look_${what}`;
      await postgres.query(`CREATE TABLE ${table} (id int PRIMARY KEY, n1 int);
      CREATE PUBLICATION q_${what} FOR TABLE ${table}`);
      const { rows } = await client.query<{ oid: string }>(
        "SELECT oid::text AS oid FROM pg_class WHERE relname = $1",
        [table],
      );
      const identity = rows[0]?.oid ?? "";
      const id = tableId("public", table);
      const shape = { id, schema: "public", name: table, identity, columns: [], key: [] };
      const standing = { carrier: null, parts: null };
      const looks = new TableLooks(`q_${what}`);
      const asked = meanwhile(`ALTER TABLE ${table} ${ddl}`);
      const [look] = await looks.look(asked, [{ shape, standing }]);
      expect(namesOf(look?.shape)).toEqual(columns);
    },
  );

  it("named by the publication: are let through by their number, whatever they are called", async () => {
    await postgres.query(`CREATE TABLE listed (id int PRIMARY KEY, n1 int, secret text,
        doubled int GENERATED ALWAYS AS (id * 2) STORED);
      CREATE PUBLICATION p_listed FOR TABLE listed (id, n1)`);
    const asked = meanwhile("ALTER TABLE listed RENAME n1 TO n2");
    expect(await discovered(asked, "p_listed", "listed")).toEqual([["id", "n2"]]);
  });

  it("generated: are let through where the publication says so", async () => {
    const generated = "int GENERATED ALWAYS AS (id * 2) STORED";
    await postgres.query(`CREATE TABLE doubled (id int PRIMARY KEY, twice ${generated});
      CREATE PUBLICATION p_none FOR TABLE doubled;
      CREATE PUBLICATION p_stored FOR TABLE doubled WITH (publish_generated_columns = stored)`);
    expect(await discovered(client, "p_none", "doubled")).toEqual([["id"]]);
    expect(await discovered(client, "p_stored", "doubled")).toEqual([["id", "twice"]]);
  });
});
