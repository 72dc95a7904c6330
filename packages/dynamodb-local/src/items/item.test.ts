import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changesNothing } from "../streams/record.ts";
import { canonicalNumber, itemBytes, sameValue } from "./item.ts";
import { keyText, partitionPoint } from "./key.ts";

describe("the size of a record", () => {
  // The samples of the developer guide and of the API reference.
  it.each([
    [26, [{ Id: { N: "101" } }, { Message: { S: "New item!" }, Id: { N: "101" } }]],
    [38, [{ Id: { N: "101" } }, { Message: { S: "This item has changed" }, Id: { N: "101" } }]],
    [41, [{ ForumName: { S: "DynamoDB" }, Subject: { S: "DynamoDB Thread 1" } }]],
  ])("is the documentation's %i bytes", (bytes, parts) => {
    expect(parts.reduce((sum, part) => sum + itemBytes(part), 0)).toBe(bytes);
  });
});

describe("a number", () => {
  it.each([
    ["1.50", "15e-1"],
    ["007", "7"],
    ["-0", "0.00"],
    ["1e3", "1000"],
    ["+5", "5"],
    ["123456789012345678901234567890.12345678", "12345678901234567890123456789012345678E-8"],
  ])("%s is the same key as %s", (left, right) => {
    expect(canonicalNumber(left)).toBe(canonicalNumber(right));
    expect(keyText(["id"], { id: { N: left } })).toBe(keyText(["id"], { id: { N: right } }));
  });

  it("is another key than any other number", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (left, right) => {
        expect(canonicalNumber(String(left)) === canonicalNumber(String(right))).toBe(
          left === right,
        );
      }),
    );
  });
});

describe("two items", () => {
  it("are the same whatever the order of attributes and of sets, and not of lists", () => {
    const left = { a: { SS: ["x", "y"] }, b: { L: [{ N: "1" }, { N: "2" }] } };
    expect(sameValue(left, { b: left.b, a: { SS: ["y", "x"] } })).toBe(true);
    expect(sameValue(left, { ...left, b: { L: [{ N: "2" }, { N: "1" }] } })).toBe(false);
    expect(sameValue(left, { ...left, a: { SS: ["x"] } })).toBe(false);
    expect(sameValue({ m: { M: { SS: { S: "a" } } } }, { m: { M: { SS: { S: "b" } } } })).toBe(
      false,
    );
  });

  it("that are both absent are no change", () => {
    expect(changesNothing({ before: undefined, after: undefined })).toBe(true);
    expect(changesNothing({ before: undefined, after: {} })).toBe(false);
  });
});

describe("a key", () => {
  it("lies in its partition by its hash key alone, whatever its spelling", () => {
    const names = ["id", "at"];
    const point = partitionPoint(names, { id: { N: "1.0" }, at: { S: "a" } });
    expect(partitionPoint(names, { id: { N: "1" }, at: { S: "b" } })).toBe(point);
    expect(point).toBeGreaterThanOrEqual(0);
    expect(point).toBeLessThan(1);
  });

  it("that lacks an attribute is none", () => {
    expect(keyText(["id", "at"], { id: { S: "a" } })).toBeUndefined();
    expect(keyText(["id"], { id: { BOOL: true } })).toBeUndefined();
  });
});
