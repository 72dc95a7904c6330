import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogicalType } from "../../model/logical-type.ts";
import { RowLine } from "../../model/row-line.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import type { Value } from "../../model/value.ts";
import { CopyLines } from "./copy-lines.ts";
import { copyColumnsOf, CopyRowParser } from "./copy-row.ts";
import { keyText } from "./keys.ts";

const MAX_VALUE_BYTES = 1_000_000;
const TEXT: LogicalType = { kind: "text", maxChars: null };
const DECIMAL: LogicalType = { kind: "decimal", precision: null, scale: null };

function shapeOf(types: readonly LogicalType[], key: readonly number[]): TableShape {
  const columns = types.map((type, i) => ({
    name: `c${i}`,
    type,
    sourceType: type.kind,
    nullable: true,
    ordinal: i + 1,
  }));
  return { id: tableId("s", "t"), schema: "s", name: "t", identity: "1", columns, key };
}

const shape = shapeOf(
  [TEXT, DECIMAL, { kind: "bytes", maxBytes: null }, { kind: "boolean" }],
  [2, 1],
);

function linesOf(
  of: TableShape,
  maxValueBytes = MAX_VALUE_BYTES,
  laneOf: (key: string) => number = () => 0,
) {
  const parser = new CopyRowParser(copyColumnsOf(of), maxValueBytes);
  return { parser, lines: new CopyLines(of, parser, laneOf) };
}

/** As the server's CopyAttributeOutText. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");
}

const field = fc.oneof(
  fc.constant("\\N"),
  fc
    .string({ unit: fc.oneof(fc.constantFrom(..."\t\n\\Nß😀"), fc.string({ maxLength: 1 })) })
    .map(escape),
);
const row = fc.tuple(
  field,
  fc.constantFrom("1.0", "1.00", "-3", "\\N"),
  fc.uint8Array({ maxLength: 4 }).map((bytes) => `\\\\x${Buffer.from(bytes).toString("hex")}`),
  fc.constantFrom("t", "f", "\\N"),
);

/** Lines of a load come, and one lane passes none: what its lines keep alive, and what they weigh. Bytes. */
function standingLane(length: number, lanes: number): { held: number; counted: number } {
  const laneOf = (key: string): number => Number(key) % lanes;
  const { lines } = linesOf(shapeOf([TEXT, TEXT], [0]), undefined, laneOf);
  const buffers = new Set<ArrayBufferLike>();
  let counted = 0;
  for (let i = 0; i < 200 * lanes; i++) {
    const text = Buffer.from(`${i}\t${"v".repeat(length)}\n`);
    const line = lines.row(text, 0, text.length);
    if (!(line instanceof RowLine)) throw new Error("no line");
    if (laneOf(line.key) !== 3) continue;
    buffers.add(line.text.buffer.buffer);
    counted += line.bytes;
  }
  return { held: [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0), counted };
}

describe("CopyLines", () => {
  it("keeps lines byte for byte, with the key and the values that a parser makes of them", () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1 }), (rows) => {
        const { parser, lines } = linesOf(shape);
        const kept = rows.map((fields) => {
          const line = Buffer.from(`${fields.join("\t")}\n`);
          const window = Buffer.concat([Buffer.from("x\n"), line, Buffer.from("y\t\n")]);
          const made = lines.row(window, 2, 2 + line.length);
          window.fill(0); // the next rows land there
          return { line, made };
        });
        for (const { line, made } of kept) {
          const values = parser.row(line, 0, line.length);
          if (!(made instanceof RowLine)) expect([made, values[1]]).toEqual([values, null]);
          else {
            expect(made.text.buffer.subarray(made.start, made.end)).toEqual(line);
            expect(made.key).toBe(keyText(shape, values));
            expect(made.read()).toMatchObject({ op: "r", after: values, bytes: made.bytes });
          }
        }
      }),
    );
  });

  it("makes rows of long lines, whose values may have to be skimmed", () => {
    const of = shapeOf([TEXT, TEXT], [0]);
    const line = Buffer.from(`key\t${"v".repeat(20)}\n`);
    expect(linesOf(of, 20).lines.row(line, 0, line.length)).not.toBeInstanceOf(RowLine);
    expect(linesOf(of).lines.row(line, 0, line.length)).toBeInstanceOf(RowLine);
    const long = Buffer.from(`key\t${"v".repeat(9_000)}\n`);
    expect(linesOf(of).lines.row(long, 0, long.length)).toEqual(["key", "v".repeat(9_000)]);
  });

  it("refuses a line that ends before its key does", () => {
    const { lines } = linesOf(shapeOf([TEXT, TEXT], [1]));
    const line = Buffer.from("only\n");
    expect(() => lines.row(line, 0, line.length)).toThrow(/1 columns, not 2/);
  });

  it("goes on in another text where one is full", () => {
    const { lines } = linesOf(shapeOf([TEXT, TEXT], [0]));
    const all = Array.from({ length: 40 }, (_, i) => `${i}\t${"v".repeat(4_000)}\n`);
    const made = all.map((text) => lines.row(Buffer.from(text), 0, text.length));
    const texts = made.map((line: Value[] | RowLine) =>
      line instanceof RowLine ? line.text.buffer.toString("utf8", line.start, line.end) : "",
    );
    expect(texts).toEqual(all);
    expect(new Set(made.map((line) => (line instanceof RowLine ? line.text : null))).size).toBe(10);
  });

  it("keeps no more alive than what its lines weigh, where one lane of many stands still", () => {
    for (const [length, lanes] of [
      [300, 8],
      [2_000, 8],
      [300, 64],
      [2_000, 64],
    ] as const) {
      const { held, counted } = standingLane(length, lanes);
      expect(held).toBeLessThan(1.1 * counted + 16_384);
    }
  });

  it("leaves little of a buffer empty, however long the lines are", () => {
    for (const length of [4_050, 6_000, 8_000]) {
      const { held, counted } = standingLane(length, 8);
      expect(held).toBeLessThan(1.1 * counted + 16_384);
    }
  });
});
