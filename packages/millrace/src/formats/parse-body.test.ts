import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBody } from "./parse-body.ts";

const parsed = (text: string): unknown => parseBody(Buffer.from(text));
const namesOf = (text: string): readonly string[] => Object.keys(parsed(text) ?? {});

describe("the JSON of a body", () => {
  it("has its own names, whatever objects began with the same ones before", () => {
    const names = ["\\", "\n", '"', "\u0000", "ü", "京", "\\n", "\nn", "\\\\", '\\"'];
    for (const first of names)
      for (const second of names) {
        for (const form of [JSON.stringify, escaped]) {
          const beginning = `${form.name} ${names.indexOf(first)} ${names.indexOf(second)}`;
          for (const name of [first, second, first])
            expect(namesOf(`{"${beginning}":1,${form(name)}:2}`)).toEqual([beginning, name]);
        }
      }
  });

  it("is what was written", () => {
    const stringUnit = fc.constantFrom("\\", '"', "\n", "a", "_");
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit }), (value) => {
        const text = JSON.stringify(value);
        for (const each of [text, JSON.stringify(value, null, 1)])
          expect(JSON.stringify(parsed(each))).toBe(text);
      }),
    );
  });

  it("keeps texts, members that stand for others, and prototypes apart", () => {
    const text = String.raw`{"\\":"\\","name0":["\\"],"__proto__":{"\\" : {"a\"\\":1}}}`;
    expect(JSON.stringify(parsed(text))).toBe(text.replace(" : ", ":"));
  });

  it("is read whatever its size, beside a name with a backslash", () => {
    const long = "x".repeat(16_000_000);
    const value = parsed(`{"long":"${long}","b\\\\c":"\\\\"}`);
    expect(Object.keys(value ?? {})).toEqual(["long", "b\\c"]);
  });

  it("has values with backslashes, and what looks like names within them", () => {
    expect(parsed(String.raw`{"a":"C:\\temp","b":["\u005c\\\"","\\"],"c":"\\\":"}`)).toEqual({
      a: "C:\\temp",
      b: ['\\\\"', "\\"],
      c: '\\":',
    });
  });

  it("is refused where it is none", () => {
    expect(() => parsed(String.raw`{"\\":`)).toThrow(SyntaxError);
    expect(() => parsed("")).toThrow(SyntaxError);
  });
});

/** Each character as JSON may have any of them. */
function escaped(text: string): string {
  const code = (character: string): string =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `"${[...text].map(code).join("")}"`;
}
