import { describe, expect, it } from "vitest";
import type { Origin } from "../../model/source-block.ts";
import { PostgresSourceBlock } from "./source-block.ts";

const block = new PostgresSourceBlock({ serverName: "shop", version: "1" }, "sales");

function told(origin: Origin): Record<string, unknown> {
  return Object.fromEntries(block.fields.map(({ name }, i) => [name, block.value(i, origin)]));
}

describe("PostgresSourceBlock", () => {
  const loaded = { schema: "public", table: "orders", op: "r", nowMs: 7 } as const;

  it("tells the transaction by its id, and the change by two LSNs that order it", () => {
    const transaction = { id: "4294967301@0/20CC0A0", commitTimeMs: 5 };
    const position = [34_389_280, 34_389_200, 3] as const;
    expect(told({ ...loaded, op: "c", position, transaction })).toEqual({
      version: "1",
      connector: "postgresql",
      name: "shop",
      ts_ms: 5,
      snapshot: "false",
      db: "sales",
      sequence: '["34389280","34389200"]',
      ts_us: 5_000,
      ts_ns: "5000000",
      schema: "public",
      table: "orders",
      txId: "4294967301",
      lsn: 34_389_200,
      xmin: null,
    });
  });

  it("calls a transaction by its id first, as Debezium does, and in one way for all of its events", () => {
    const commitTimeMs = 5;
    expect(block.transactionId({ id: "4294967301@0/20CC0A0", commitTimeMs })).toBe(
      "4294967301:34390176",
    );
    expect(block.transactionId({ id: "7", commitTimeMs })).toBe("7");
  });

  it("says what its sequence is around a number", () => {
    const index = block.fields.findIndex(({ name }) => name === "sequence");
    const transaction = { id: "4294967301@0/20CC0A0", commitTimeMs: 5 };
    const origin = {
      ...loaded,
      op: "u",
      position: [34_389_280, 34_389_200, 3],
      transaction,
    } as const;
    const [before, behind] = block.around(index, origin) ?? ["", ""];
    expect(`${before}${block.numberIn(index, origin)}${behind}`).toBe(block.value(index, origin));
    expect(block.around(index, { ...origin, position: null })).toBeNull();
    expect(block.around(0, origin)).toBeNull();
  });

  it("has no place for a row that was loaded", () => {
    const place = { snapshot: "incremental", sequence: null, txId: null, lsn: null, ts_ms: 7 };
    expect(told({ ...loaded, position: null, transaction: null })).toMatchObject(place);
  });
});
