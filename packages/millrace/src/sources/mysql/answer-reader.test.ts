import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ScriptedBytes } from "../../bytes/scripted-bytes.fixture.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { Answered, AnswerReader } from "./answer-reader.ts";
import { answer, EOF, sent, type TextRow } from "./answers.fixture.ts";
import { ServerError } from "./server-error.ts";

const refusal = Buffer.concat([Buffer.of(0xff, 0x25, 0x05), Buffer.from("#70100was interrupted")]);

interface Read {
  readonly rows: TextRow[];
  readonly error: unknown;
}

async function readAll(bytes: Buffer, width: number, sizes: readonly number[]): Promise<Read> {
  const reader = new AnswerReader(new ScriptedBytes(bytes, sizes));
  const rows: TextRow[] = [];
  try {
    for (;;) {
      const answered = reader.advance();
      if (answered === Answered.END) return { rows, error: null };
      if (answered === Answered.MORE) await reader.fill();
      else rows.push(Array.from({ length: width }, (_, column) => reader.text(column)));
    }
  } catch (error) {
    return { rows, error };
  }
}

const values = fc.option(
  fc.oneof(
    { weight: 8, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
    fc.nat(700).map((length) => "x".repeat(length)),
    fc.nat(300).map((length) => "ä".repeat(length)),
    fc.nat(3).map((more) => `${"long ".repeat(60_000)}${more}`),
  ),
);

describe("the answer to a SELECT", () => {
  it("is the rows that were sent, however the bytes arrive", async () => {
    const answers = fc
      .integer({ min: 1, max: 6 })
      .chain((width) =>
        fc.tuple(
          fc.constant(width),
          fc.array(fc.array(values, { minLength: width, maxLength: width }), { maxLength: 12 }),
        ),
      );
    const sizes = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(answers, sizes, async ([width, rows], pieces) => {
        expect(await readAll(answer(width, rows), width, pieces)).toEqual({ rows, error: null });
      }),
      { numRuns: 60 },
    );
  });

  it("has rows of more than a packet holds", async () => {
    const row = ["before", "é".repeat(9_000_000), null, "x".repeat(20_000_000)];
    const { rows, error } = await readAll(answer(4, [row, row]), 4, [65_536]);
    expect(error).toBe(null);
    expect(rows.length).toBe(2);
    for (const read of rows) expect(read.map((text, at) => text === row[at])).not.toContain(false);
  });

  it("has whole numbers as such where they are exact", async () => {
    const texts = ["0", "-7", "00042", "999999999999999", "-999999999999999", "9007199254740993"];
    const reader = new AnswerReader(new ScriptedBytes(answer(7, [[...texts, null]]), [64]));
    while (reader.advance() === Answered.MORE) await reader.fill();
    const read = Array.from({ length: 7 }, (_, column) => reader.integer(column));
    expect(read).toEqual([
      0,
      -7,
      42,
      999_999_999_999_999,
      -999_999_999_999_999,
      "9007199254740993",
      null,
    ]);
  });

  it("ends in the server's own words where it is refused, before its rows and between them", async () => {
    expect((await readAll(sent(refusal), 1, [7])).error).toMatchObject({ errno: 1317 });
    const { rows, error } = await readAll(answer(1, [["a"]], refusal), 1, [7]);
    expect(rows).toEqual([["a"]]);
    expect(error).toBeInstanceOf(ServerError);
  });

  it("is an error that says nothing of its bytes where it is none", async () => {
    const broken = fc
      .uint8Array({ minLength: 1, maxLength: 60 })
      .map((bytes) => sent(Buffer.of(2), Buffer.of(3), Buffer.of(3), EOF, bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof(broken, fc.uint8Array({ maxLength: 80 })), async (bytes) => {
        const { error } = await readAll(Buffer.from(bytes), 2, [9]);
        if (error !== null && !(error instanceof ServerError))
          expect(error).toBeInstanceOf(MillraceError);
      }),
    );
  });
});
