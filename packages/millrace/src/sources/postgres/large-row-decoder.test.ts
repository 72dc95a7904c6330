import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { LargeRowDecoder, type LargeRowLimits } from "./large-row-decoder.ts";
import { RowDecoder, type RowEvent } from "./pgoutput-decoder.ts";
import * as sent from "./pgoutput-encoder.fixture.ts";
import { TOAST, type Sent } from "./pgoutput-encoder.fixture.ts";
import { rowPlan } from "./row-plan.ts";

const TYPES = [
  { kind: "int", bits: 64 },
  { kind: "text", maxChars: null },
  { kind: "bytes", maxBytes: null },
  { kind: "boolean" },
] as const satisfies readonly LogicalType[];

const shape: TableShape = {
  id: tableId("public", "t"),
  schema: "public",
  name: "t",
  identity: "1",
  columns: TYPES.map((type, index) => ({
    name: `c${index}`,
    type,
    sourceType: type.kind,
    nullable: true,
    ordinal: index + 1,
  })),
  key: [0],
};
const plan = rowPlan(shape);
const UNLIMITED: LargeRowLimits = { maxValueBytes: 1 << 30, maxRowBytes: 1 << 30 };

/** Decodes a message in pieces of the given sizes, over and over. */
function decodeInPieces(message: Buffer, sizes: readonly number[], limits = UNLIMITED): RowEvent {
  const decoder = new LargeRowDecoder(message[0] ?? 0, plan, message.length - 5, limits);
  let at = 5;
  for (let turn = 0; at < message.length; turn += 1) {
    const end = Math.min(message.length, at + (sizes[turn % sizes.length] ?? 1));
    decoder.push(message, at, end);
    at = end;
  }
  return decoder.finish();
}

const row: fc.Arbitrary<Sent[]> = fc.tuple(
  fc.integer().map(String),
  fc.oneof(
    fc.string({ unit: "binary" }).map((s) => s.toWellFormed()),
    fc.constant(null),
    fc.constant(TOAST),
  ),
  fc.oneof(
    fc.uint8Array().map((b) => `\\x${Buffer.from(b).toString("hex")}`),
    fc.constant(TOAST),
  ),
  fc.constantFrom("t", "f", null),
);
const message = fc.oneof(
  row.map((r) => sent.insert(1, r)),
  fc.tuple(row, row).map(([r, old]) => sent.update(1, r, { kind: "O", row: old })),
  row.map((r) => sent.update(1, r, { kind: "K", row: ["7", null, null, null] })),
  row.map((r) => sent.update(1, r)),
  row.map((r) => sent.remove(1, "O", r)),
);

describe("a large row", () => {
  it("is the same as when decoded at once, however it is cut", () => {
    fc.assert(
      fc.property(
        message,
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (bytes, sizes) => {
          const whole = new RowDecoder(bytes, 1 << 30).decode(bytes[0] ?? 0, plan, 1, bytes.length);
          expect(decodeInPieces(bytes, sizes)).toEqual(whole);
        },
      ),
    );
  });

  it("keeps its key and its small values, and lets go of values that no sink takes", () => {
    const bytes = sent.insert(1, ["42", "x".repeat(2_000_000), `\\x${"00".repeat(100_000)}`, "t"]);
    const event = decodeInPieces(bytes, [65_536], {
      maxValueBytes: 1_000_000,
      maxRowBytes: 1 << 30,
    });
    expect(event.new).toEqual(["42", new Skimmed(2_000_000), new Uint8Array(100_000), true]);
  });

  it("measures bytea by its bytes", () => {
    const bytes = sent.insert(1, ["42", null, `\\x${"00".repeat(1_001)}`, null]);
    const limits = { maxValueBytes: 1_000, maxRowBytes: 1 << 30 };
    expect(decodeInPieces(bytes, [100], limits).new?.[2]).toEqual(new Skimmed(1_001));
  });

  it("that as a whole is too large is skimmed from there on, short values excepted", () => {
    const bytes = sent.insert(1, ["42", "x".repeat(90_000), `\\x${"00".repeat(10_000)}`, "f"]);
    const limits = { maxValueBytes: 100_000, maxRowBytes: 100_000 };
    expect(decodeInPieces(bytes, [7_777], limits).new).toEqual([
      "42",
      "x".repeat(90_000),
      new Skimmed(10_000),
      false,
    ]);
  });

  it("never holds what it skims", () => {
    const bytes = sent.insert(1, ["1", "x".repeat(500_000), null, null]);
    const limits = { maxValueBytes: 1_000, maxRowBytes: 1_000 };
    const decoder = new LargeRowDecoder(0x49, plan, bytes.length - 5, limits);
    decoder.push(bytes, 5, bytes.length);
    expect(decoder.heldBytes).toBe(1);
    expect(decoder.finish().new?.[1]).toEqual(new Skimmed(500_000));
  });

  it("of an old key has UNCHANGED beside the key", () => {
    const bytes = sent.update(1, ["2", TOAST, TOAST, null], {
      kind: "K",
      row: ["1", null, null, null],
    });
    expect(decodeInPieces(bytes, [1])).toEqual({
      old: ["1", UNCHANGED, UNCHANGED, UNCHANGED],
      new: ["2", UNCHANGED, UNCHANGED, null],
    });
  });

  it("never allocates a value that its message cannot hold", () => {
    const bytes = sent.insert(1, ["1", null, null, null]);
    bytes.writeUInt32BE(0xffff_fff0, 9);
    expect(() => decodeInPieces(bytes, [100])).toThrow(/MR_SOURCE_PROTOCOL/);
  });

  it("that ends early, goes on too long, or is nonsense is a typed error", () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), (bytes, where, byte) => {
        const cut = 5 + (where % (bytes.length - 5));
        expect(() => decodeInPieces(bytes.subarray(0, cut), [9])).toThrow(/MR_SOURCE_PROTOCOL/);
        expect(() => decodeInPieces(Buffer.concat([bytes, Buffer.from([byte])]), [9])).toThrow(
          /MR_SOURCE_PROTOCOL/,
        );
        const changed = Buffer.from(bytes);
        changed[cut] = byte;
        try {
          decodeInPieces(changed, [9]);
        } catch (error) {
          if (!(error instanceof MillraceError) || error.code !== "MR_SOURCE_PROTOCOL") throw error;
        }
      }),
    );
  });
});
