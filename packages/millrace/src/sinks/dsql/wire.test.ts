import { describe, expect, it } from "vitest";
import { RowLine } from "../../model/row-line.ts";
import { PreparedNames } from "./prepared-names.ts";
import { statement } from "./statement.ts";
import { encodeExchange } from "./wire.ts";

/** The messages in a buffer: type and body, as PostgreSQL frames them. */
function framesOf(buffer: Buffer): { type: string; body: string }[] {
  const frames: { type: string; body: string }[] = [];
  for (let at = 0; at < buffer.length;) {
    const length = buffer.readInt32BE(at + 1);
    frames.push({
      type: String.fromCharCode(buffer.readUInt8(at)),
      body: buffer.toString("latin1", at + 5, at + 1 + length),
    });
    at += 1 + length;
  }
  return frames;
}

const select = statement("SELECT $1::text");

describe("an exchange on the wire", () => {
  it("closes, parses, binds and executes in order, with one Sync at the end", () => {
    const bounds = [
      { statement: select, values: ["é", null, ""] },
      { statement: select, values: [] },
    ];
    const prepared = [
      { close: true, parse: true },
      { close: false, parse: false },
    ];
    const frames = framesOf(encodeExchange(bounds, prepared, ["old"]));
    expect(frames.map((frame) => frame.type).join("")).toBe("CCPBEBES");
    expect(frames[0]?.body).toBe("Sold\0");
    expect(frames[2]?.body).toBe(`${select.name}\0SELECT $1::text\0\0\0`);
    expect(frames[3]?.body).toBe(
      `\0${select.name}\0\0\0\0\x03\0\0\0\x02\xc3\xa9\xff\xff\xff\xff\0\0\0\0\0\0`,
    );
    expect(frames[5]?.body).toBe(`\0${select.name}\0\0\0\0\0\0\0`);
  });
});

describe("a COPY on the wire", () => {
  it("is followed by its data and its end, before what comes behind it", () => {
    const copy = { statement: select, values: [], copied: ["1\té\n", "2\t\\N\n"] };
    const known = { close: false, parse: false };
    const bounds = [copy, { statement: select, values: [] }];
    const frames = framesOf(encodeExchange(bounds, [known, known], []));
    expect(frames.map((frame) => frame.type).join("")).toBe("BEddcBES");
    expect(frames[2]?.body).toBe("1\t\xc3\xa9\n");
    expect(frames[3]?.body).toBe("2\t\\N\n");
    expect(frames[4]?.body).toBe("");
  });
});

describe("lines of a COPY on the wire", () => {
  it("are the bytes that their source sent, several in one message", () => {
    const made = () => expect.unreachable();
    const text = { buffer: Buffer.from("1\té\n2\t\\N\n3\tx\n"), read: made, value: made };
    const [first, second, third] = [
      new RowLine(text, 0, 5, "1", 1),
      new RowLine(text, 5, 10, "2", 1),
      new RowLine(text, 10, 14, "3", 1),
    ] as const;
    const other = { ...text, buffer: Buffer.from("5\ty\n6\tz\n") };
    const lines = [third, first, second, new RowLine(other, 4, 8, "6", 1)];
    const copied = [{ lines, bytes: 18 }, "4\ty\n"];
    const bounds = [{ statement: select, values: [], copied }];
    const frames = framesOf(encodeExchange(bounds, [{ close: false, parse: false }], []));
    expect(frames.map((frame) => frame.type).join("")).toBe("BEddcS");
    expect(frames[2]?.body).toBe("3\tx\n1\t\xc3\xa9\n2\t\\N\n6\tz\n");
    expect(frames[3]?.body).toBe("4\ty\n");
  });
});

describe("prepared names", () => {
  const [a, b, c] = [statement("a"), statement("b"), statement("c")];
  const fresh = { parse: true, close: false };
  const known = { parse: false, close: false };

  it("are parsed once per connection, within one exchange too", () => {
    const names = new PreparedNames(10);
    expect(names.plan([a, b, a])).toEqual({ preparations: [fresh, fresh, known], closed: [] });
    expect(names.plan([b, c])).toEqual({ preparations: [known, fresh], closed: [] });
  });

  it("are closed and parsed again when a failure left them in doubt", () => {
    const names = new PreparedNames(10);
    names.plan([a, b]);
    names.doubt([b]);
    expect(names.plan([a, b]).preparations).toEqual([known, { parse: true, close: true }]);
    expect(names.plan([b]).preparations).toEqual([known]);
  });

  it("are closed where there are too many, the least used first, never one in use (I10)", () => {
    const names = new PreparedNames(2);
    names.plan([a, b]);
    names.plan([a]);
    expect(names.plan([c]).closed).toEqual([b.name]);
    expect(names.plan([b, a, c]).closed).toEqual([]);
    expect(names.plan([b]).closed).toEqual([a.name]);
  });
});
