import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DsqlLocal } from "dsql-local";
import pg from "pg";
import { type MysqlFlavor, startMysql } from "../test/support/mysql.ts";
import { databaseAt, type MysqlDatabase } from "../test/support/mysql-database.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { type Act, POSTGRES_ACTS, type Till } from "./customers.ts";
import { DYNAMODB_ACTS, DynamodbShop } from "./dynamodb-shop.ts";
import { exampleWith } from "./example.ts";
import { fillMysqlShop, MYSQL_ACTS } from "./mysql-shop.ts";
import { mysqlInTopics } from "./mysql-topics.ts";
import { postgresInTopics } from "./postgres-topics.ts";
import { openShop } from "./shop.ts";

/** Where the shop is. */
export type ShopKind = "postgres" | "dynamodb" | MysqlFlavor;

/** A server with a shop, and the pipeline that copies it. */
export interface SourceShop {
  /** `PostgreSQL`, … */
  readonly server: string;
  /** As clients take it, so that one can look into the shop meanwhile. */
  readonly address: string;
  readonly acts: readonly Act[];
  till(): Till;
  /** As `loadPipeline` takes it. */
  pipelineTo(dsql: DsqlLocal): Promise<string | object>;
  /** The same into topics. */
  readonly inTopics: ToldShop;
  stop(): Promise<void>;
}

/** A shop as it is told in topics. */
export interface ToldShop {
  /** The text of its file of `examples/`, with the addresses of this machine's servers. */
  example(bootstrap: string): Promise<string>;
  /** The topic of its orders. */
  readonly orders: string;
  /** What the pipeline calls the table of a topic. */
  tableOf(topic: string): string;
  /** By topic, the keys that are there now (`normalisedKey`). */
  keys(): Promise<ReadonlyMap<string, ReadonlySet<string>>>;
}

/** What the servers are called. */
export const SERVERS: Readonly<Record<ShopKind, string>> = {
  postgres: "PostgreSQL 18",
  mysql: "MySQL",
  mariadb: "MariaDB",
  dynamodb: "DynamoDB",
};

/** Starts a server and opens the shop in it; `filling` is told when the server is there. */
export function openShopAt(
  kind: ShopKind,
  orders: number,
  filling: () => void,
): Promise<SourceShop> {
  if (kind === "dynamodb") return dynamodbShop(orders, filling);
  return kind === "postgres" ? postgresShop(orders, filling) : mysqlShop(kind, orders, filling);
}

async function dynamodbShop(orders: number, filling: () => void): Promise<SourceShop> {
  const shop = await DynamodbShop.open(orders, filling);
  const folder = await mkdtemp(join(tmpdir(), "millrace-shop-"));
  return {
    server: SERVERS.dynamodb,
    address: shop.url,
    acts: DYNAMODB_ACTS,
    till: () => shop.till(),
    async pipelineTo(dsql) {
      const file = join(folder, "dynamodb-to-dsql.yaml");
      await writeFile(file, await shop.example(dsql));
      return file;
    },
    inTopics: shop.inTopics,
    async stop() {
      await rm(folder, { recursive: true, force: true });
      await shop.stop();
    },
  };
}

async function postgresShop(orders: number, filling: () => void): Promise<SourceShop> {
  const server = await startPostgres();
  filling();
  const { host: hostname, port, user: username, password } = server;
  const url = await server.createDatabase("shop");
  await openShop(url, orders);
  return {
    server: "PostgreSQL",
    address: url,
    inTopics: postgresInTopics(url),
    acts: POSTGRES_ACTS,
    till: () => postgresTill(url),
    pipelineTo: async (dsql) => ({
      source: {
        type: "postgres",
        hostname,
        port,
        username,
        password,
        tables: "shop.public.\\.*",
        "slot.name": "millrace_shop",
      },
      sink: {
        type: "dsql",
        host: dsql.host,
        port: dsql.port,
        username: dsql.user,
        password: "any",
        "use-iam-auth": false,
        "ssl-ca": dsql.caFile,
      },
      pipeline: { name: "shop", parallelism: 4 },
    }),
    stop: () => server.stop(),
  };
}

function postgresTill(url: string): Till {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on("error", () => undefined); // the shop is closing
  return {
    async transact(statements) {
      const client = await pool.connect();
      try {
        await client.query("BEGIN");
        for (const sql of statements) await client.query(sql);
        await client.query("COMMIT");
      } catch (error) {
        await client.query("ROLLBACK").catch(() => undefined);
        throw error;
      } finally {
        client.release();
      }
    },
    end: () => pool.end(),
  };
}

/** The pipeline is the file of `examples/`, with the addresses of this machine's servers. */
async function mysqlShop(
  flavor: MysqlFlavor,
  orders: number,
  filling: () => void,
): Promise<SourceShop> {
  const server = await startMysql(flavor);
  filling();
  await server.query("CREATE DATABASE shop");
  const shop = databaseAt(server, "shop");
  await fillMysqlShop(shop, orders);
  const folder = await mkdtemp(join(tmpdir(), "millrace-shop-"));
  return {
    server: SERVERS[flavor],
    address: shop.url,
    acts: MYSQL_ACTS,
    till: () => mysqlTill(shop),
    async pipelineTo(dsql) {
      const file = join(folder, "mysql-to-dsql.yaml");
      await writeFile(file, await exampleFor(server, dsql));
      return file;
    },
    inTopics: mysqlInTopics(shop),
    async stop() {
      await rm(folder, { recursive: true, force: true });
      await server.stop();
    },
  };
}

function exampleFor(mysql: MysqlDatabase, dsql: DsqlLocal): Promise<string> {
  return exampleWith("mysql-to-dsql.yaml", [
    ["hostname: db.internal", `hostname: ${mysql.host}\n  port: ${mysql.port}`],
    ["username: millrace", `username: ${mysql.user}`],
    ["password: ${env:MYSQL_PASSWORD}", `password: ${mysql.password}`],
    ["host: abc123.dsql.eu-west-1.on.aws", `host: ${dsql.host}\n  port: ${dsql.port}`],
    [
      "use-iam-auth: true",
      `use-iam-auth: false\n  username: ${dsql.user}\n  password: any\n  ssl-ca: ${dsql.caFile}`,
    ],
  ]);
}

function mysqlTill(shop: MysqlDatabase): Till {
  const sessions = Array.from({ length: 4 }, () => shop.connect());
  let turn = 0;
  let last: readonly Promise<unknown>[] = sessions.map(() => Promise.resolve());
  return {
    transact(statements) {
      const at = turn++ % sessions.length;
      const work = Promise.all([sessions[at], last[at]?.catch(() => undefined)]).then(
        async ([session]) => {
          if (session === undefined) return;
          try {
            await session.query("BEGIN");
            for (const sql of statements) await session.query(sql);
            await session.query("COMMIT");
          } catch (error) {
            await session.query("ROLLBACK").catch(() => undefined);
            throw error;
          }
        },
      );
      last = last.with(at, work);
      return work;
    },
    async end() {
      for (const session of await Promise.all(sessions)) await session.end();
    },
  };
}
