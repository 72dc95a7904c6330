import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numbers } from "./items.fixture.ts";
import { plainNumber } from "./number-text.ts";

describe("numbers", () => {
  it("stay as DynamoDB spells them", () => {
    fc.assert(
      fc.property(numbers, (text) => {
        expect(plainNumber(text)).toBe(text);
      }),
    );
  });

  it.each([
    ["1e3", "1000"],
    ["1.50", "1.5"],
    ["007", "7"],
    ["-0", "0"],
    ["-0.0", "0"],
    ["+5", "5"],
    [".5", "0.5"],
    ["5.", "5"],
    ["1.25E+1", "12.5"],
    ["125e-5", "0.00125"],
    ["1E-130", `0.${"0".repeat(129)}1`],
    ["9.9E125", `99${"0".repeat(124)}`],
    ["10", "10"],
    ["100.010", "100.01"],
  ])("%s is %s", (sent, plain) => {
    expect(plainNumber(sent)).toBe(plain);
  });

  it("mean what was sent, with every digit", () => {
    const part = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 20 });
    fc.assert(
      fc.property(part, part, fc.integer({ min: -30, max: 30 }), (whole, fraction, exponent) => {
        fc.pre(whole.length + fraction.length > 0);
        const text = plainNumber(`${whole.join("")}.${fraction.join("")}e${exponent}`);
        const [left = "", right = ""] = text.split(".");
        const sent =
          BigInt(whole.concat(fraction).join("")) * 10n ** BigInt(60 + exponent - fraction.length);
        expect(BigInt(left + right) * 10n ** BigInt(60 - right.length)).toBe(sent);
        expect(text).toMatch(/^(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/);
      }),
    );
  });
});
