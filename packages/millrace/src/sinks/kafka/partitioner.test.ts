import { describe, expect, it } from "vitest";
import { tableId, type TargetTable } from "../../model/table.ts";
import { UNCHANGED } from "../../model/value.ts";
import { lineOf } from "../../pipeline/pipeline-parts.fixture.ts";
import { partitionerOf } from "./partitioner.ts";

const column = (name: string) => ({
  name,
  type: "int",
  logical: { kind: "int", bits: 32 } as const,
  nullable: false,
});
const orders: TargetTable = {
  id: tableId("public", "orders"),
  schema: "public",
  name: "orders",
  columns: ["tenant", "id", "total"].map(column),
  key: [0, 1],
  keyless: false,
};

describe("a message's partition", () => {
  it("by its key's bytes is that of Kafka's own clients", () => {
    const { choose } = partitionerOf({ kind: "hash-by-key" }, orders);
    const key = Buffer.from("foobar and more");
    // murmur2("foobar") is −790332482 (Kafka's own test).
    expect(choose(key, 6, ["1", "2", "3"], 7)).toBe((-790_332_482 & 0x7fff_ffff) % 7);
  });

  it("by columns of the key is the same for all changes of a row, and for all rows with these values", () => {
    const { choose } = partitionerOf({ kind: "columns", columns: ["tenant"] }, orders);
    const whole = choose(null, -1, ["7", "1", "9.5"], 100);
    expect(choose(null, -1, ["7", "1", UNCHANGED], 100)).toBe(whole);
    expect(choose(null, -1, ["7", "2", null], 100)).toBe(whole);
    expect(choose(null, -1, lineOf(["7", "3", "1"]), 100)).toBe(whole);
    const others = Array.from({ length: 50 }, (_, i) => choose(null, -1, [`${i}`, "1", null], 100));
    expect(new Set(others).size).toBeGreaterThan(20);
  });

  it("by columns outside of the key is refused: a row's changes would be in two partitions", () => {
    const wrong = { kind: "columns", columns: ["tenant", "total"] } as const;
    expect(() => partitionerOf(wrong, orders)).toThrow(/column total, which is not of the key/);
  });

  it("is one for the whole table without a key, with strategy table, and with all-to-zero", () => {
    const keyless = { ...orders, key: [0], keyless: true };
    for (const partitioner of [
      partitionerOf({ kind: "hash-by-key" }, keyless),
      partitionerOf({ kind: "columns", columns: ["tenant"] }, keyless),
      partitionerOf({ kind: "table" }, orders),
    ]) {
      expect(partitioner.isOne).toBe(true);
      const chosen = ["1", "2", "3"].map((id) => partitioner.choose(null, -1, [id, id, id], 64));
      expect(new Set(chosen).size).toBe(1);
    }
    expect(partitionerOf({ kind: "all-to-zero" }, orders).choose(null, -1, [], 64)).toBe(0);
  });
});
