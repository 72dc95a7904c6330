import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import type { LogicalType } from "../../model/logical-type.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { decimalKey } from "../../model/key-text.ts";
import { keyText } from "./keys.ts";

function shapeOf(...types: LogicalType[]): TableShape {
  const columns = types.map((type, index) => ({
    name: `k${index}`,
    type,
    sourceType: type.kind,
    nullable: false,
    ordinal: index + 1,
  }));
  return {
    id: tableId("s", "t"),
    schema: "s",
    name: "t",
    identity: "1",
    columns,
    key: columns.map((_, index) => index),
  };
}

const text: LogicalType = { kind: "text", maxChars: null };
const decimal: LogicalType = { kind: "decimal", precision: null, scale: null };

describe("keyText", () => {
  it("is the text itself for a single text or integer key", () => {
    expect(keyText(shapeOf(text), ["a\tb"])).toBe("a\tb");
    expect(keyText(shapeOf({ kind: "int", bits: 64 }), ["-42"])).toBe("-42");
  });

  it("gives numerically equal decimals one text and different ones different texts", () => {
    const scaled = fc.record({ digits: fc.bigInt(), zeros: fc.nat(5), places: fc.nat(5) });
    const print = (digits: bigint, places: number): string => {
      const sign = digits < 0n ? "-" : "";
      const all = (digits < 0n ? -digits : digits).toString().padStart(places + 1, "0");
      const whole = all.slice(0, all.length - places);
      return places === 0 ? sign + whole : `${sign}${whole}.${all.slice(all.length - places)}`;
    };
    fc.assert(
      fc.property(scaled, scaled, (a, b) => {
        const plain = print(a.digits, a.places);
        const padded = print(a.digits * 10n ** BigInt(a.zeros), a.places + a.zeros);
        expect(decimalKey(padded)).toBe(decimalKey(plain));
        const equal = a.digits * 10n ** BigInt(b.places) === b.digits * 10n ** BigInt(a.places);
        expect(decimalKey(print(b.digits, b.places)) === decimalKey(plain)).toBe(equal);
      }),
    );
  });

  it.each([
    ["10.50", "10.5"],
    ["10.00", "10"],
    ["100", "100"],
    ["0.00", "0"],
    ["-0.0", "0"],
    ["-0", "0"],
    ["NaN", "NaN"],
    ["-Infinity", "-Infinity"],
    ["0.010", "0.01"],
  ])("writes the decimal %s as %s", (given, expected) => {
    expect(keyText(shapeOf(decimal), [given])).toBe(expected);
  });

  it("holds floats' negative zero to be zero", () => {
    const shape = shapeOf({ kind: "float", bits: 64 });
    expect(keyText(shape, ["-0"])).toBe(keyText(shape, ["0"]));
    expect(keyText(shape, ["NaN"])).toBe("NaN");
  });

  it("compares char(n) without its padding and varchar with its blanks", () => {
    expect(keyText(shapeOf({ kind: "text", maxChars: 5, fixed: true }), ["ab   "])).toBe("ab");
    expect(keyText(shapeOf(text), ["ab "])).not.toBe(keyText(shapeOf(text), ["ab"]));
  });

  it("keeps composite keys apart whatever their parts hold", () => {
    const shape = shapeOf(text, text);
    const part = fc.string({ unit: "binary" }).map((s) => s.replaceAll("\u0000", ""));
    const key = fc.tuple(part, part);
    fc.assert(
      fc.property(key, key, (a, b) => {
        const equal = a[0] === b[0] && a[1] === b[1];
        expect(keyText(shape, a) === keyText(shape, b)).toBe(equal);
      }),
    );
    expect(keyText(shape, ["a", "bc"])).not.toBe(keyText(shape, ["ab", "c"]));
  });

  it("writes booleans and bytes as the server would", () => {
    expect(keyText(shapeOf({ kind: "boolean" }), [true])).toBe("t");
    expect(keyText(shapeOf({ kind: "bytes", maxBytes: null }), [Uint8Array.of(0, 255)])).toBe(
      "\\x00ff",
    );
  });

  it("tells NULL from every text", () => {
    expect(keyText(shapeOf(text), [null])).not.toBe(keyText(shapeOf(text), ["null"]));
  });

  it("refuses a key that was left out, skimmed, or does not exist", () => {
    expect(() => keyText(shapeOf(text), [UNCHANGED])).toThrow("MR_BUG");
    expect(() => keyText(shapeOf(decimal), [UNCHANGED])).toThrow("MR_BUG");
    expect(() => keyText(shapeOf(text), [new Skimmed(9)])).toThrow("MR_BUG");
    expect(() => keyText({ ...shapeOf(text), key: [] }, ["a"])).toThrow("MR_BUG");
  });
});
