import { afterAll, describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, type SharedMysql } from "../../../../test/support/mysql.ts";
import { CONNECTION_DEFAULTS } from "../sources/mysql/config.ts";
import { openConnection } from "../sources/mysql/connection.ts";
import { MYSQL_SOURCE_DEFAULTS } from "../sources/mysql/options.ts";
import { MysqlSource } from "../sources/mysql/source.ts";
import type { KitTransaction, SourceKit } from "./source-kit.ts";
import { testSource } from "./test-source.ts";

const servers = await Promise.all(mysqlFlavors.map((flavor) => sharedMysql(flavor)));
afterAll(async () => {
  for (const server of servers) await server.release();
});

function kitOf(server: SharedMysql): SourceKit {
  const { host: hostname, port, user: username, password, database } = server;
  return {
    makeSource: (context, tables) =>
      new MysqlSource(
        {
          ...MYSQL_SOURCE_DEFAULTS,
          hostname,
          port,
          username,
          password,
          matches: (schema, name) => schema === database && tables.includes(name),
          tablesText: tables.join(", "),
        },
        context,
      ),
    makeTable: async (name) => {
      await server.query(
        `CREATE TABLE ${name} (id BIGINT PRIMARY KEY, v LONGTEXT, large LONGTEXT) CHARSET utf8mb4`,
      );
    },
    begin: () => begin(server),
    truncate: async (table) => void (await server.query(`TRUNCATE ${table}`)),
    addColumn: async (table) => void (await server.query(`ALTER TABLE ${table} ADD COLUMN x TEXT`)),
    cleanUp: async (_pipeline, tables) => {
      for (const table of tables) await server.query(`DROP TABLE ${table}`);
    },
  };
}

async function begin({
  host,
  port,
  user,
  password,
  database,
}: SharedMysql): Promise<KitTransaction> {
  const session = await openConnection({ ...CONNECTION_DEFAULTS, host, port, user, password });
  await session.query(`USE ${database}`);
  await session.query("START TRANSACTION");
  const end = async (statement: string): Promise<void> => {
    await session.query(statement);
    await session.close();
  };
  const literal = (value: string | number | null): string =>
    typeof value === "string" ? session.client.escape(value) : String(value);
  return {
    insert: async (table, rows) => {
      const values = rows.map(({ id, v, large }) => `(${[id, v, large].map(literal).join(", ")})`);
      await session.query(`INSERT INTO ${table} (id, v, large) VALUES ${values.join(", ")}`);
    },
    update: async (table, id, values) => {
      const assignments = Object.entries(values).map(
        ([name, value]) => `${name} = ${literal(value)}`,
      );
      await session.query(`UPDATE ${table} SET ${assignments.join(", ")} WHERE id = ${id}`);
    },
    remove: async (table, id) => {
      await session.query(`DELETE FROM ${table} WHERE id = ${id}`);
    },
    commit: () => end("COMMIT"),
    rollback: () => end("ROLLBACK"),
  };
}

describe.each(servers.map((server) => ({ server, version: server.version })))(
  "the source $server.flavor $version",
  ({ server }) => {
    it.each(testSource(kitOf(server)))("$name", async (conformance) => {
      await expect(conformance.run()).resolves.toBeUndefined();
    });
  },
);
