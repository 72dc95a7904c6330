import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { inflatedBytes, inflateValue } from "./compressed-value.ts";
import { EventType } from "./event-types.ts";
import { geoJson } from "./geometry.ts";
import { applyJsonDiffs } from "./json-diff.ts";
import * as events from "./log-events.ts";
import { inflateMariaDb } from "./mariadb-zlib.ts";
import { decodeQuery } from "./query-event.ts";
import { rowPieces } from "./row-pieces.ts";
import { decodeTableMap } from "./table-map.ts";

type Decoder = (bytes: Buffer, start: number, end: number) => unknown;

const DECODERS: Readonly<Record<string, Decoder>> = {
  statement: (bytes, start, end) => decodeQuery(bytes, start, end),
  "compressed statement": (bytes, start, end) =>
    decodeQuery(bytes, start, end, EventType.QUERY_COMPRESSED),
  format: (bytes, start, end) => events.decodeFormat(bytes, start, end, false),
  rotation: events.decodeRotate,
  GTID: (bytes, start, end) => events.decodeGtid(bytes, start, end, false),
  "GTID with a tag": events.decodeTaggedGtid,
  "MariaDB's GTID": (bytes, start, end) => events.decodeMariaDbGtid(bytes, start, end, 1),
  heartbeat: (bytes, start, end) => events.decodeHeartbeat(bytes, start, end, 4),
  "heartbeat of MySQL 8": events.decodeHeartbeatV2,
  "table map of MySQL": (bytes, start, end) => decodeTableMap(bytes, start, end, "mysql"),
  "table map of MariaDB": (bytes, start, end) => decodeTableMap(bytes, start, end, "mariadb"),
  geometry: geoJson,
  "compressed value": (bytes, start, end) =>
    inflatedBytes(bytes, start, end) < 1_000_000 && inflateValue(bytes, start, end),
  "differences of JSON": (bytes, start, end) =>
    applyJsonDiffs(bytes.subarray(start, end), bytes.subarray(start, end), 1_000),
};

/** What comes of it, as text; whatever is none of our errors is thrown. */
function outcome(work: () => unknown): string {
  try {
    return JSON.stringify(work(), (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
  } catch (error) {
    if (error instanceof MillraceError && error.code === "MR_SOURCE_PROTOCOL") return error.message;
    throw error;
  }
}

/** Bytes of which many are small: lengths and types that could be. */
const likely = fc
  .array(fc.oneof(fc.nat(8), fc.nat(255), fc.constant(0)), { maxLength: 120 })
  .map((bytes) => Buffer.from(bytes));

describe.each(Object.entries(DECODERS))("any bytes as a %s", (_name, decode) => {
  it("are an error or something, in the same way whatever lies around them", () => {
    fc.assert(
      fc.property(likely, (bytes) => {
        const within = (filler: number): string => {
          const around = Buffer.alloc(300, filler);
          const padded = Buffer.concat([around.subarray(0, 5), bytes, around]);
          return outcome(() => decode(padded, 5, 5 + bytes.length));
        };
        expect(within(0)).toBe(within(0xff));
      }),
      { numRuns: 300 },
    );
  });
});

const WIDTH = 3;

/** A compressed event of these bytes in the place of rows; `told` is how long it says that they are. */
function compressed(rows: Buffer, told: number): Buffer {
  const head = Buffer.from([7, 0, 0, 0, 0, 0, 1, 0, WIDTH, 0b111]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(told, 0);
  return Buffer.concat([head, Buffer.of(0x84), length, deflateSync(rows)]);
}

// oxlint-disable-next-line require-await -- the pieces of a connection come as they come
async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function inflated(body: Buffer, size: number): Promise<Buffer> {
  const type = EventType.WRITE_ROWS_COMPRESSED_V1;
  const { bodyBytes, pieces, type: plain } = await rowPieces(type, body.length, cut(body, size));
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  expect(plain).toBe(EventType.WRITE_ROWS_V1);
  const whole = Buffer.concat(all);
  expect(whole.length).toBe(bodyBytes);
  return whole.subarray(-(bodyBytes - 10));
}

const size = fc.integer({ min: 1, max: 70_000 });

describe("compressed rows in pieces", () => {
  it("are what was compressed, however they come", async () => {
    const rows = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.constant(new Uint8Array(700_000)),
    );
    await fc.assert(
      fc.asyncProperty(rows, size, async (bytes, pieceBytes) => {
        const found = await inflated(compressed(Buffer.from(bytes), bytes.length), pieceBytes);
        expect(found.equals(Buffer.from(bytes))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("are an error where they are cut, spoilt, or longer or shorter than they say", async () => {
    const rows = Buffer.from("row after row ".repeat(40));
    const failed = { code: "MR_SOURCE_PROTOCOL" };
    for (const told of [0, rows.length - 1, rows.length + 1, 0xff_ff_ff_ff])
      await expect(inflated(compressed(rows, told), 9)).rejects.toMatchObject(failed);
    const whole = compressed(rows, rows.length);
    for (let end = 0; end < whole.length - 4; end += 1)
      await expect(inflated(whole.subarray(0, end), 9), `cut at ${end}`).rejects.toMatchObject(
        failed,
      );
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, value) => {
        const spoilt = Buffer.from(whole);
        spoilt[at] = value;
        const told = await inflated(spoilt, 13).catch((error: unknown) => error);
        if (told instanceof MillraceError) expect(told).toMatchObject(failed);
        else expect(Buffer.isBuffer(told)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it("are held whole only up to a bound", () => {
    const bytes = compressed(Buffer.alloc(5_000), 5_000).subarray(10);
    expect(inflateMariaDb(bytes).length).toBe(5_000);
    expect(() => inflateMariaDb(bytes, 4_999)).toThrow(/5000 bytes/);
  });
});
