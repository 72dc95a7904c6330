// The shop of MySQL or MariaDB in topics.
import type { MysqlDatabase } from "../test/support/mysql-database.ts";
import { exampleWith, normalisedKey } from "./example.ts";
import type { ToldShop } from "./source-shop.ts";

const KEYS = [
  ["customers", ["id"]],
  ["products", ["sku"]],
  ["orders", ["id"]],
  ["order_lines", ["order_id", "line"]],
] as const;

/** A database with a shop, as it is told in topics. */
export function mysqlInTopics(shop: MysqlDatabase): ToldShop {
  return {
    example: (bootstrap) =>
      exampleWith("mysql-to-kafka.yaml", [
        ["hostname: db.internal", `hostname: ${shop.host}\n  port: ${shop.port}`],
        ["username: millrace", `username: ${shop.user}`],
        ["password: ${env:MYSQL_PASSWORD}", `password: ${shop.password}`],
        ["localhost:9092 #", `${bootstrap} #`],
      ]),
    orders: "mysql.shop.orders",
    tableOf: (topic) => topic.replace(/^mysql\./, ""),
    async keys() {
      const keys = new Map<string, ReadonlySet<string>>();
      for (const [table, columns] of KEYS) {
        const rows = await shop.query(`SELECT ${columns.join(", ")} FROM ${table}`);
        const texts = rows.map((row) => {
          const key = columns.map((name) => [name, keyValue(row[name])]);
          return normalisedKey(JSON.stringify(Object.fromEntries(key)));
        });
        keys.set(`mysql.shop.${table}`, new Set(texts));
      }
      return keys;
    },
  };
}

/** As messages have it: numbers of the shop are small enough for JSON's. */
function keyValue(value: unknown): unknown {
  return typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
}
