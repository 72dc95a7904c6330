import { describe, expect, it } from "vitest";
import type { Origin } from "../../model/source-block.ts";
import { changeAt } from "./position.ts";
import { DynamoSourceBlock } from "./source-block.ts";

const block = new DynamoSourceBlock({ serverName: "shop", version: "1" }, "eu-west-1");
const loaded: Origin = {
  schema: "public",
  table: "orders",
  op: "r",
  position: null,
  transaction: null,
  nowMs: 7,
};

function told(origin: Origin): Record<string, unknown> {
  return Object.fromEntries(block.fields.map(({ name }, i) => [name, block.value(i, origin)]));
}

describe("what messages tell of an item's origin", () => {
  it("is its region, table, shard and sequence number, and who deleted it", () => {
    const position = changeAt("shardId-1", "111100000000000000000000001");
    const transaction = { id: "1", commitTimeMs: 1_700_000_000_000, by: "ttl" } as const;
    expect(told({ ...loaded, op: "d", position, transaction })).toEqual({
      version: "1",
      connector: "dynamodb",
      name: "shop",
      ts_ms: 1_700_000_000_000,
      snapshot: "false",
      db: "eu-west-1",
      sequence: "111100000000000000000000001",
      ts_us: 1_700_000_000_000_000,
      ts_ns: "1700000000000000000",
      table: "orders",
      shard_id: "shardId-1",
      seq_no: "111100000000000000000000001",
      by: "ttl",
    });
  });

  it("has no shard where a scan read it", () => {
    expect(told(loaded)).toMatchObject({
      snapshot: "incremental",
      shard_id: null,
      seq_no: null,
      sequence: null,
      by: null,
    });
  });
});
