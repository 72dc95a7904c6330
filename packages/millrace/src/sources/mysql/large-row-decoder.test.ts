import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Value } from "../../model/value.ts";
import { type RowEventKind, rowEventKind } from "./event-types.ts";
import { LargeRowDecoder, type LargeRowLimits } from "./large-row-decoder.ts";
import { recordedRows } from "./recorded-shape.fixture.ts";
import { shown } from "./read-rows.fixture.ts";
import { RowDecoder } from "./row-decoder.ts";
import type { RowPlan } from "./row-plan.ts";

const LIMITS: LargeRowLimits = { maxValueBytes: 1 << 20, maxRowBytes: 1 << 20 };

type Images = readonly [before: unknown, after: unknown, unsure: unknown];

const imagesOf = (decoder: {
  readonly before: Value[] | null;
  readonly after: Value[] | null;
  readonly unsure: boolean;
}): Images => [decoder.before?.map(shown), decoder.after?.map(shown), decoder.unsure];

function inPieces(
  { kind, body }: { readonly kind: RowEventKind; readonly body: Buffer },
  plan: RowPlan,
  cuts: readonly number[],
  limits = LIMITS,
): Images[] {
  const decoder = new LargeRowDecoder(kind, plan, body.length, limits);
  const rows: Images[] = [];
  const ends = [...cuts.map((cut) => cut % body.length), body.length].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    decoder.push(body, start, end);
    while (decoder.next()) rows.push(imagesOf(decoder));
    start = end;
  }
  decoder.finish();
  return rows;
}

function whole(
  { kind, body }: { readonly kind: RowEventKind; readonly body: Buffer },
  plan: RowPlan,
): Images[] {
  const decoder = new RowDecoder(LIMITS.maxValueBytes);
  decoder.begin(body, kind, plan, 0, body.length);
  const rows: Images[] = [];
  while (decoder.next()) rows.push(imagesOf(decoder));
  return rows;
}

describe.each(["mysql", "mariadb"] as const)("a large row of %s", (flavor) => {
  const { plan, rows } = recordedRows(flavor);

  it("is the same in pieces of any size", () => {
    const cuts = fc.array(fc.nat(5_000), { maxLength: 20 });
    fc.assert(
      fc.property(fc.nat(rows.length - 1), cuts, (which, at) => {
        const event = rows[which];
        if (event !== undefined) expect(inPieces(event, plan, at)).toEqual(whole(event, plan));
      }),
    );
  });

  it("ends in MR_SOURCE_PROTOCOL where its bytes are not its own, and in nothing else", () => {
    const changes = fc.array(fc.tuple(fc.nat(5_000), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.nat(rows.length - 1), changes, fc.nat(5_000), (which, changed, end) => {
        const event = rows[which];
        if (event === undefined) return;
        const body = Buffer.from(event.body.subarray(0, 1 + (end % event.body.length)));
        for (const [at, value] of changed) body[at % body.length] = value;
        try {
          inPieces({ kind: event.kind, body }, plan, [7, 100]);
        } catch (error) {
          if (!(error instanceof MillraceError)) throw error;
          expect(error.code).toBe("MR_SOURCE_PROTOCOL");
        }
      }),
    );
  });
});

describe("a row with a value of 100 MB", () => {
  const { plan } = recordedRows("mysql");
  const kind = rowEventKind(31);
  if (kind === null) throw new Error("no row event");
  // Of the columns, the images have the key, a BLOB and a JSON document alone.
  const present = Buffer.from("010014", "hex");
  const [id, bytes] = [Buffer.from("0900000000000000", "hex"), 100_000_000];
  const lengths = { blob: Buffer.alloc(2), json: Buffer.alloc(4) };
  lengths.blob.writeUInt16LE(65_535);
  lengths.json.writeUInt32LE(bytes);
  const head = Buffer.concat([Buffer.from("0100000000000100020016", "hex"), present, present]);
  const filler = Buffer.alloc(65_535, 7);

  it("takes little memory, and keeps its key", () => {
    const old = [Buffer.of(0), id, lengths.blob, filler, lengths.json];
    const total = head.length + 2 * (Buffer.concat(old).length + bytes);
    const decoder = new LargeRowDecoder(kind, plan, total, {
      maxValueBytes: 65_536,
      maxRowBytes: 100_000,
    });
    const push = (piece: Buffer): void => decoder.push(piece, 0, piece.length);
    const before = process.memoryUsage().arrayBuffers;
    push(head);
    for (let image = 0; image < 2; image += 1) {
      for (const piece of old) push(piece);
      for (let left = bytes; left > 0; left -= filler.length)
        decoder.push(filler, 0, Math.min(left, filler.length));
    }
    decoder.finish();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
    expect(decoder.next()).toBe(true);
    const [row, same] = imagesOf(decoder);
    expect((row as unknown[]).filter((value) => value !== "UNCHANGED")).toEqual([
      9,
      `x${filler.toString("hex")}`,
      `skimmed ${bytes}`,
    ]);
    // Of the whole row, less is held than two such values.
    expect((same as unknown[])[18]).toBe("skimmed 65535");
    expect(decoder.next()).toBe(false);
  });
});
