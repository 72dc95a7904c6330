import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { MysqlSourceBlock } from "../sources/mysql/source-block.ts";
import { schemaJson } from "./connect-schema.ts";
import {
  HEARTBEAT_SCHEMAS,
  type MessageSchemas,
  schemaChangeSchemas,
  TRANSACTION_SCHEMAS,
} from "./meta-schemas.ts";

/** As Debezium 3.5's connector for MySQL wrote them, with Kafka Connect's JSON converter. */
const recorded = JSON.parse(
  readFileSync(new URL("golden/debezium-side-schemas.json", import.meta.url), "utf8"),
) as Record<"schemaChange" | "transaction" | "heartbeat", object>;

const block = new MysqlSourceBlock({ serverName: "shop", version: "1" }, () => ({
  connector: "mysql",
  logName: "binlog",
  serverId: 1,
}));

it.each([
  ["schemaChange", schemaChangeSchemas(block)],
  ["transaction", TRANSACTION_SCHEMAS],
  ["heartbeat", HEARTBEAT_SCHEMAS],
] as const)("is Debezium's: %s", (name, { key, value }: MessageSchemas) => {
  const told = { key: schemaJson(key), value: schemaJson(value) };
  expect(JSON.stringify(told)).toBe(JSON.stringify(recorded[name]));
});
