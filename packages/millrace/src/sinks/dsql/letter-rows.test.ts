import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOfStored, storedKey } from "./letter-rows.ts";

describe("keys of dead letters in the state tables", () => {
  it("are any text, told apart, without the character that the server refuses", () => {
    const key = fc
      .array(fc.constantFrom("\u0000", "\\", "0", "a", "\u0000null"))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(keyOfStored(storedKey(a))).toBe(a);
        expect(storedKey(a)).not.toContain("\u0000");
        expect(storedKey(a) === storedKey(b)).toBe(a === b);
      }),
    );
  });

  it("are themselves where they are plain", () => {
    expect(storedKey("42")).toBe("42");
    expect(storedKey("a\u0000b")).toBe("a\\0b");
  });
});
