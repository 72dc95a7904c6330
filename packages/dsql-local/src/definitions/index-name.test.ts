import { describe, expect, it } from "vitest";
import { indexName } from "./index-name.ts";

describe("the name of an index", () => {
  it("is made of table and columns, and counted where it is taken", () => {
    expect(indexName("t", ["v"], 0)).toBe("t_v_idx");
    expect(indexName("t", ["v", "lower", "id"], 2)).toBe("t_v_lower_id_idx2");
  });

  it("cuts the longer of the two until 63 bytes hold it, between characters", () => {
    const long = "x".repeat(60);
    expect(indexName(long, ["v"], 0)).toBe(`${"x".repeat(57)}_v_idx`);
    expect(indexName("t", [long, long], 0)).toBe(`t_${"x".repeat(57)}_idx`);
    expect(indexName(long, [long], 10)).toBe(`${"x".repeat(28)}_${"x".repeat(28)}_idx10`);
    expect(indexName("é".repeat(31), ["v"], 0)).toBe(`${"é".repeat(28)}_v_idx`);
  });
});
