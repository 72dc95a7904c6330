import { describe, expect, it } from "vitest";
import { sameType, typeFits } from "./type-compatibility.ts";

describe("typeFits", () => {
  it.each([
    ["bigint", "integer"],
    ["numeric(19,0)", "bigint"],
    ["numeric", "bigint"],
    ["double precision", "real"],
    ["numeric(12,4)", "numeric(10,2)"],
    ["numeric", "numeric(76,38)"],
    ["character varying(50)", "text"],
    ["timestamp without time zone", "timestamp(3)"],
    ["timestamp(3) without time zone", "timestamp(3)"],
    ["timestamp with time zone", "timestamptz"],
    ["time(6) without time zone", "time"],
    ["boolean", "boolean"],
  ])("%s takes every %s", (actual, wanted) => {
    expect(typeFits(actual, wanted)).toBe(true);
  });

  it.each([
    ["integer", "bigint"],
    ["numeric(18,0)", "bigint"],
    ["real", "double precision"],
    ["numeric(10,2)", "numeric(10,3)"],
    ["numeric(10,2)", "numeric"],
    ["character(10)", "text"],
    ["jsonb", "json"],
    ["timestamp(0) without time zone", "timestamp(3)"],
    ["timestamp without time zone", "timestamptz"],
    ["text", "integer"],
    ["uuid", "text"],
  ])("%s does not take every %s", (actual, wanted) => {
    expect(typeFits(actual, wanted)).toBe(false);
  });
});

describe("sameType", () => {
  it("knows spellings apart from types", () => {
    expect(sameType("timestamp(3) with time zone", "timestamptz(3)")).toBe(true);
    expect(sameType("int8", "bigint")).toBe(true);
    expect(sameType("numeric(10,2)", "numeric(10,3)")).toBe(false);
  });
});
