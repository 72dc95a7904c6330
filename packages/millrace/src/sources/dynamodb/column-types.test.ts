import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnType } from "../../schema/document-columns.ts";
import type { Value } from "../../model/value.ts";
import type { AttributeValue } from "./api.ts";
import { reading } from "./column-types.ts";
import { numbers } from "./items.fixture.ts";

function read(word: string, value: AttributeValue): Value | undefined {
  const type = columnType(word);
  if (type === null) throw new Error(`no type ${word}`);
  return reading(type)(value);
}

describe("a column", () => {
  it.each<[string, AttributeValue, Value | undefined]>([
    ["text", { S: "" }, ""],
    ["text", { N: "1" }, undefined],
    ["decimal", { N: "1e2" }, "100"],
    ["decimal", { S: "1" }, undefined],
    ["decimal(5,2)", { N: "-999.99" }, "-999.99"],
    ["decimal(5,2)", { N: "1000" }, undefined],
    ["decimal(5,2)", { N: "0.001" }, undefined],
    ["decimal(2,2)", { N: "0.5" }, "0.5"],
    ["decimal(2,2)", { N: "1" }, undefined],
    ["integer", { N: "2147483647" }, "2147483647"],
    ["integer", { N: "2147483648" }, undefined],
    ["integer", { N: "-2147483648" }, "-2147483648"],
    ["integer", { N: "-2147483649" }, undefined],
    ["integer", { N: "1.5" }, undefined],
    ["bigint", { N: "9223372036854775807" }, "9223372036854775807"],
    ["bigint", { N: "9223372036854775808" }, undefined],
    ["bigint", { N: "-9223372036854775808" }, "-9223372036854775808"],
    ["bigint", { N: "-9223372036854775809" }, undefined],
    ["double", { N: "0.1" }, "0.1"],
    ["double", { N: "9007199254740993" }, undefined],
    ["double", { N: "1E100" }, `1${"0".repeat(100)}`],
    ["double", { N: "0.1000000000000000055511151231257827" }, undefined],
    ["boolean", { BOOL: false }, false],
    ["boolean", { S: "true" }, undefined],
    ["bytes", { B: "AP8=" }, Buffer.from([0, 255])],
    ["bytes", { B: "" }, Buffer.from([])],
    ["bytes", { S: "AP8=" }, undefined],
    ["uuid", { S: "6B6A1F0E-0000-4000-8000-00000000000A" }, "6b6a1f0e-0000-4000-8000-00000000000a"],
    ["uuid", { S: "6B6A1F0E" }, undefined],
    ["date", { S: "2024-02-29" }, "2024-02-29"],
    ["date", { S: "2023-02-29" }, undefined],
    ["date", { S: "0001-01-01" }, "0001-01-01"],
    ["date", { S: "0000-01-01" }, undefined],
    ["timestamptz", { S: "2026-11-22T10:00:00Z" }, "2026-11-22 10:00:00+00"],
    ["timestamptz", { S: "2026-11-22T10:00:00.120Z" }, "2026-11-22 10:00:00.12+00"],
    ["timestamptz", { S: "2026-11-22T00:30:00.000001+0100" }, "2026-11-21 23:30:00.000001+00"],
    ["timestamptz", { S: "2026-11-22T10:00:00" }, undefined],
    ["timestamptz", { S: "2026-11-22T10:00:00.1234567Z" }, undefined],
    ["timestamptz", { S: "2026-02-30T10:00:00Z" }, undefined],
    ["timestamptz", { S: "9999-12-31T23:59:59-01:00" }, undefined],
    ["jsonb", { L: [{ N: "1" }, { S: "x" }] }, '[1,"x"]'],
    ["jsonb", { SS: ["a"] }, '["a"]'],
  ])("of type %s takes %j as %j", (word, value, expected) => {
    expect(read(word, value)).toEqual(expected);
  });

  it("of numbers holds each digit, or nothing", () => {
    fc.assert(
      fc.property(numbers, (N) => {
        expect(read("decimal", { N })).toBe(N);
        for (const word of ["bigint", "integer", "decimal(20,5)"])
          expect([N, undefined]).toContain(read(word, { N }));
        const double = read("double", { N });
        if (double !== undefined) expect(double).toBe(N);
      }),
    );
  });
});
