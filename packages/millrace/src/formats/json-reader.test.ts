import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { JsonObject, MemberNames } from "./json-object.ts";
import {
  JsonDocuments,
  jsonText,
  NotJson,
  NumberText,
  readJson,
  type JsonRead,
} from "./json-reader.ts";

/** As JSON.parse has it. */
function plain(value: JsonRead): unknown {
  if (value instanceof NumberText) return Number(value.text);
  if (value instanceof JsonObject)
    return Object.fromEntries(value.entries().map(([name, held]) => [name, plain(held)]));
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

  it("reads each document by itself, whatever stood where it stands before", () => {
    const name = fc.constantFrom("a", "b", "ab", "é", '"', "a long name of a column", "");
    const members = fc.array(
      fc.tuple(name, fc.constantFrom("1", '"x"', "null", '{"a":[{"b":2}]}')),
      {
        maxLength: 5,
      },
    );
    // Names may stand twice, in any order, with escapes, and with blanks around them.
    const spelled = fc.constantFrom(
      (text: string) => JSON.stringify(text),
      (text: string) => ` ${JSON.stringify(text)} `,
      (text: string) =>
        `"${[...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`,
    );
    const document = fc.tuple(members, spelled).map(([list, spell]) => ({
      json: `{${list.map(([key, value]) => `${spell(key)}:${value}`).join(",")}}`,
      // Of a name that stands twice the last one counts, in the place of the first.
      expected: [...new Map(list.map(([key, value]) => [key, JSON.parse(value) as unknown]))],
    }));
    fc.assert(
      fc.property(fc.array(document, { maxLength: 20 }), (documents) => {
        const reader = new JsonDocuments();
        for (const { json, expected } of documents) {
          const read = reader.read(Buffer.from(json));
          if (!(read instanceof JsonObject)) throw new Error("not an object");
          expect(read.entries().map(([key, value]) => [key, plain(value)])).toEqual(expected);
          for (const [key] of expected)
            expect(read.get(key)).toBe(read.values[read.keys().indexOf(key)]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("shares the names of objects that follow one another", () => {
    const reader = new JsonDocuments();
    const names = (json: string): unknown => {
      const read = reader.read(Buffer.from(json));
      return read instanceof JsonObject ? read.names : null;
    };
    const first = names('{"a":1,"b":{"c":2}}');
    const other = names('{"a":1,"c":2}');
    expect(names('{"a":3,"b":null}')).toBe(first);
    expect(names('{"a":3,"c":null}')).toBe(other);
    expect(other).not.toBe(first);
  });

  it("keeps no long lists of names, and places of members only where objects stand", () => {
    const inner = vi.spyOn(MemberNames.prototype, "inner");
    onTestFinished(() => inner.mockRestore());
    const reader = new JsonDocuments();
    const twice = (members: readonly string[]): boolean => {
      const json = Buffer.from(`{${members.join(",")}}`);
      const [first, second] = [reader.read(json), reader.read(json)];
      expect(second).toEqual(first);
      return (
        first instanceof JsonObject && second instanceof JsonObject && first.names === second.names
      );
    };
    const short = Array.from({ length: 100 }, (_, index) => `"short${index}":${index}`);
    expect(twice(short)).toBe(true);
    expect(inner).not.toHaveBeenCalled();
    expect(twice([...short, '"list":[{"x":1},{"x":2}]'])).toBe(true);
    expect(inner).toHaveBeenCalledTimes(1);
    expect(twice(Array.from({ length: 700 }, (_, index) => `"many${index}":${index}`))).toBe(false);
    expect(twice([`"${"long".repeat(20_000)}":1`])).toBe(false);
    expect(twice([...short, '"short":1'])).toBe(true);
  });

  it("keeps every digit, and writes them back", () => {
    const json = '{"a":[18446744073709551615,-0.10,1e400,0],"b":"\\"é🚀"}';
    expect(jsonText(readJson(Buffer.from(json)))).toBe(json);
    const read = readJson(Buffer.from("9007199254740993"));
    expect(read).toEqual(new NumberText("9007199254740993", true));
  });
});
