import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { int16, int32 } from "../wire/messages.ts";
import { hasLongValue } from "./long-values.ts";

/** The part of a Bind behind its names, with text parameters. */
function bindRest(values: readonly (string | null)[]): Buffer {
  const parts = values.flatMap((value) =>
    value === null ? [int32(-1)] : [int32(Buffer.byteLength(value)), Buffer.from(value)],
  );
  return Buffer.concat([int16(0), int16(values.length), ...parts, int16(0)]);
}

describe("long values in a Bind", () => {
  it("are found as parameters and as array elements", () => {
    const long = "x".repeat(101);
    expect(hasLongValue(bindRest([long]), 100, false)).toBe(true);
    expect(hasLongValue(bindRest(["a", null, `{1,${long},2}`]), 100, false)).toBe(true);
    expect(hasLongValue(bindRest([`{1,"${"a,".repeat(60)}",2}`]), 100, true)).toBe(true);
  });

  it("are not seen in long arrays of short values", () => {
    const array = `{${Array.from({ length: 500 }, (_, i) => `"v,\\"${i}"`).join()}}`;
    expect(hasLongValue(bindRest([array]), 100, true)).toBe(false);
    expect(hasLongValue(bindRest([array]), 100, false)).toBe(false);
  });

  it("are found exactly when an element is longer than the bound", () => {
    const element = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.string({ minLength: 15, maxLength: 30 }),
    );
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 20 }), (elements) => {
        const quoted = elements.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`);
        const found = quoted.some((text) => Buffer.byteLength(text) > 20);
        const rest = bindRest([`{${quoted.join()}}`]);
        // The closing brace counts as part of the last element.
        const last = Buffer.byteLength(quoted.at(-1) ?? "") === 20;
        if (!last) expect(hasLongValue(rest, 20, true)).toBe(found);
      }),
    );
  });
});
