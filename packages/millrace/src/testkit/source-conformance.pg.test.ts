import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { sharedPostgres } from "../../../../test/support/postgres.ts";
import { POSTGRES_SOURCE_DEFAULTS } from "../sources/postgres/options.ts";
import { SOURCES } from "../sources/registry.ts";
import type { KitRow, KitTransaction, SourceKit } from "./source-kit.ts";
import { testSource } from "./test-source.ts";

// The oldest and the newest server that Millrace reads from.
const servers = await Promise.all([sharedPostgres(13), sharedPostgres(18)]);
afterAll(async () => {
  for (const server of servers) await server.release();
});

function kitOf(server: (typeof servers)[number]): SourceKit {
  const { host: hostname, port, user: username, password, database } = server;
  return {
    makeSource: (context, tables) =>
      SOURCES.postgres(
        {
          ...POSTGRES_SOURCE_DEFAULTS,
          hostname,
          port,
          username,
          password,
          database,
          matches: (schema, name) => schema === "public" && tables.includes(name),
          tablesText: tables.join(", "),
          slotName: context.pipeline,
          publicationName: context.pipeline,
        },
        context,
      ),
    makeTable: async (name) => {
      await server.query(`CREATE TABLE ${name} (id bigint PRIMARY KEY, v text, large text)`);
      await server.query(`ALTER TABLE ${name} ALTER COLUMN large SET STORAGE EXTERNAL`);
    },
    begin: () => begin(server.url),
    truncate: async (table) => void (await server.query(`TRUNCATE ${table}`)),
    addColumn: async (table) => void (await server.query(`ALTER TABLE ${table} ADD COLUMN x text`)),
    loseLog: (pipeline) => dropSlot(server, pipeline),
    cleanUp: async (pipeline, tables) => {
      await dropSlot(server, pipeline);
      await server.query(`DROP PUBLICATION IF EXISTS ${pipeline}`);
      for (const table of tables) await server.query(`DROP TABLE ${table}`);
    },
  };
}

/** The server notices a moment later that a slot's reader has gone. */
async function dropSlot(server: (typeof servers)[number], name: string): Promise<void> {
  const slots = "FROM pg_replication_slots WHERE slot_name = $1";
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const left = await server.query(`SELECT active ${slots}`, [name]);
    if (left.length === 0) return;
    await server.query(`SELECT pg_drop_replication_slot(slot_name) ${slots} AND NOT active`, [
      name,
    ]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Slot ${name} is still being read`);
}

async function begin(url: string): Promise<KitTransaction> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("BEGIN");
  const end = async (statement: string): Promise<void> => {
    await client.query(statement);
    await client.end();
  };
  return {
    insert: async (table, rows) => {
      const columns = [
        rows.map(({ id }) => id),
        rows.map(({ v }) => v),
        rows.map(({ large }) => large),
      ];
      await client.query(
        `INSERT INTO ${table} SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])`,
        columns,
      );
    },
    update: async (table, id, values) => {
      const entries = Object.entries(values) as [keyof KitRow, KitRow[keyof KitRow]][];
      const assignments = entries.map(([name], index) => `${name} = $${index + 2}`).join(", ");
      const parameters = [id, ...entries.map(([, value]) => value)];
      await client.query(`UPDATE ${table} SET ${assignments} WHERE id = $1`, parameters);
    },
    remove: async (table, id) => {
      await client.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
    },
    commit: () => end("COMMIT"),
    rollback: () => end("ROLLBACK"),
  };
}

describe.each(servers.map((server) => ({ server, version: server.version })))(
  "the source PostgreSQL $version",
  ({ server }) => {
    it.each(testSource(kitOf(server)).map((each) => [each.name, each] as const))(
      "%s",
      async (_, conformance) => {
        await expect(conformance.run()).resolves.toBeUndefined();
      },
    );
  },
);
