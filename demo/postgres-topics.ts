// The shop of PostgreSQL in topics.
import pg from "pg";
import { exampleWith, normalisedKey } from "./example.ts";
import type { ToldShop } from "./source-shop.ts";

const KEYS = [
  ["customers", "id"],
  ["products", "sku"],
  ["orders", "id"],
  ["order_lines", "order_id, line"],
] as const;

/** A database with a shop, as it is told in topics. */
export function postgresInTopics(url: string): ToldShop {
  return {
    example(bootstrap) {
      const { hostname, port, username, password } = new URL(url);
      return exampleWith("postgres-to-kafka.yaml", [
        ["hostname: db.internal", `hostname: ${hostname}\n  port: ${port}`],
        ["username: millrace", `username: ${decodeURIComponent(username)}`],
        ["password: ${env:PGPASSWORD}", `password: ${decodeURIComponent(password)}`],
        ["localhost:9092 #", `${bootstrap} #`],
      ]);
    },
    orders: "shop.public.orders",
    tableOf: (topic) => topic.replace(/^shop\./, ""),
    async keys() {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        const keys = new Map<string, ReadonlySet<string>>();
        for (const [table, key] of KEYS) {
          const { rows } = await client.query<{ key: string }>(
            `SELECT to_jsonb(k)::text AS key FROM (SELECT ${key} FROM ${table}) k`,
          );
          keys.set(`shop.public.${table}`, new Set(rows.map((row) => normalisedKey(row.key))));
        }
        return keys;
      } finally {
        await client.end();
      }
    },
  };
}
