import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonText, NotJson, NumberText, readJson, type JsonRead } from "./json-reader.ts";

/** As JSON.parse has it. */
function plain(value: JsonRead): unknown {
  if (value instanceof NumberText) return Number(value.text);
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, held]) => [name, plain(held as JsonRead)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

describe("readJson", () => {
  it("reads what JSON.parse reads, and refuses what it refuses", () => {
    const text = fc.oneof(
      fc.json(),
      fc.json().map((json) => JSON.stringify(JSON.parse(json), null, 2)),
      fc.string({ unit: "grapheme" }).map((value) => JSON.stringify(value)),
      fc.tuple(fc.json(), fc.nat(20)).map(([json, cut]) => json.slice(0, -cut)),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(text, (json) => {
        let expected: unknown;
        try {
          expected = JSON.parse(json);
        } catch {
          expect(() => readJson(Buffer.from(json))).toThrow(NotJson);
          return;
        }
        expect(plain(readJson(Buffer.from(json)))).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeps every digit, and writes them back", () => {
    const json = '{"a":[18446744073709551615,-0.10,1e400,0],"b":"\\"é🚀"}';
    expect(jsonText(readJson(Buffer.from(json)))).toBe(json);
    const read = readJson(Buffer.from("9007199254740993"));
    expect(read).toEqual(new NumberText("9007199254740993"));
  });
});
