import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { namesFromBytes, namesToBytes } from "./group-wire.ts";

describe("what members of a group tell one another", () => {
  it("comes back as it was", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (names) => {
        expect(namesFromBytes(namesToBytes(names))).toEqual(names);
      }),
    );
  });

  it("is nothing where somebody else wrote it", () => {
    expect(namesFromBytes(Buffer.alloc(0))).toEqual([]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(Array.isArray(namesFromBytes(Buffer.from(bytes)))).toBe(true);
      }),
    );
  });
});
