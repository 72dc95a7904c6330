import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { eventBytes } from "./event-packets.fixture.ts";
import { payloadEvents } from "./payload.ts";

const COMPRESSION = 2;
const ZSTD = 0;
const NONE = 255;

/** The body of a TRANSACTION_PAYLOAD event: fields of type, length and value, then the payload. */
function payload(events: readonly Buffer[], compression: number): Buffer {
  const inner = Buffer.concat(events);
  const packed = compression === ZSTD ? zstdCompressSync(inner) : inner;
  const value = compression === ZSTD ? [1, ZSTD] : [3, 0xfc, NONE, 0];
  const size = Buffer.from([1, 9, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0]);
  size.writeUInt32LE(packed.length, 3);
  return Buffer.concat([Buffer.from([COMPRESSION, ...value]), size, Buffer.of(0), packed]);
}

// oxlint-disable-next-line require-await -- the pieces of a connection come as they come
async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function bodies(body: Buffer, sizes: readonly number[]): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const { buffer, bodyStart, bodyEnd } of payloadEvents(cut(body, sizes)))
    found.push(Buffer.from(buffer.subarray(bodyStart, bodyEnd)));
  return found;
}

const inner = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    fc.integer({ min: 100_000, max: 400_000 }).map((size) => Buffer.alloc(size, size)),
  ),
  { maxLength: 6 },
);
const pieceSizes = fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 4 });

describe("a compressed transaction", () => {
  it("gives its events, however its bytes come", async () => {
    await fc.assert(
      fc.asyncProperty(inner, pieceSizes, fc.constantFrom(ZSTD, NONE), async (all, sizes, how) => {
        const events = all.map((body) => eventBytes(30, body, { checksum: false }));
        const least = how === NONE ? 20_000 : 1;
        const body = payload(events, how);
        const found = await bodies(
          body,
          sizes.map((size) => Math.max(size, least)),
        );
        expect(found.map((event, index) => event.equals(all[index] ?? Buffer.of(1)))).toEqual(
          all.map(() => true),
        );
      }),
      { numRuns: 50 },
    );
  });

  it("is an error where it is damaged or cut, and never anything else", async () => {
    const events = [1, 2, 3].map((seed) =>
      eventBytes(30, Buffer.from(`row ${seed} `.repeat(50)), { checksum: false }),
    );
    const body = payload(events, ZSTD);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(body.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, flip, isCut) => {
          const damaged = Buffer.from(isCut ? body.subarray(0, at) : body);
          if (!isCut) damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at);
          const result = await bodies(damaged, [50]).catch((error: unknown) => error);
          if (isCut) expect(result).toBeInstanceOf(MillraceError);
          else expect(Array.isArray(result) || result instanceof MillraceError).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("tells of a connection that broke as of that", async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield* cut(payload([eventBytes(30, Buffer.alloc(100_000, 7))], ZSTD), [20]);
      throw new MillraceError("MR_SOURCE_LOST_CONNECTION", "gone");
    }
    const events = payloadEvents(broken());
    const all = (async () => {
      for await (const event of events) expect(event.type).toBe(30);
    })();
    await expect(all).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
  });
});
