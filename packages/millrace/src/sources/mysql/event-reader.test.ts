import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ScriptedBytes } from "../../bytes/scripted-bytes.fixture.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { dumped, eventBytes, packets } from "./event-packets.fixture.ts";
import { EventReader, Framing } from "./event-reader.ts";
import { ServerError } from "./server-error.ts";

const END = packets(Buffer.of(0xfe, 0, 0, 0, 0));
const FULL = 0xff_ff_ff;

interface Read {
  readonly events: { readonly type: number; readonly body: Buffer }[];
  readonly error: unknown;
}

/** Reads to the end: types and bodies of all events, large ones put together, and how it ended. */
async function readAll(
  bytes: Buffer,
  sizes: readonly number[],
  { checksums = true } = {},
): Promise<Read> {
  const reader = new EventReader(new ScriptedBytes(bytes, sizes));
  reader.hasChecksums = checksums;
  const events: Read["events"] = [];
  try {
    for (;;) {
      const framing = reader.advance();
      if (framing === Framing.END) return { events, error: null };
      if (framing === Framing.MORE) await reader.fill();
      else events.push({ type: reader.type, body: await bodyOf(reader, framing) });
    }
  } catch (error) {
    return { events, error };
  }
}

async function bodyOf(reader: EventReader, framing: Framing): Promise<Buffer> {
  if (framing === Framing.EVENT) return taken(reader);
  const pieces: Buffer[] = [];
  while (reader.largeLeft > 0) {
    if (reader.piece()) pieces.push(taken(reader));
    else if (reader.largeLeft > 0) await reader.fill();
  }
  return Buffer.concat(pieces);
}

function taken(reader: EventReader): Buffer {
  return Buffer.from(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd));
}

/** Something long that is nowhere like itself. */
function longBody(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) body.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return body;
}

const bodies = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 250_000, max: 300_000 }).map(longBody),
  ),
  { minLength: 1, maxLength: 5 },
);
const readSizes = fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 6 });

describe("reading events", () => {
  it("gives every event, however the bytes arrive", async () => {
    await fc.assert(
      fc.asyncProperty(bodies, readSizes, fc.boolean(), async (all, sizes, checksum) => {
        const events = all.map((body) => dumped(eventBytes(30, body, { checksum })));
        const bytes = Buffer.concat([...events, END]);
        // Reads of a few bytes at a time take long where there are many.
        const least = bytes.length > 10_000 ? 20_000 : 1;
        const steps = sizes.map((size) => Math.max(size, least));
        const read = await readAll(bytes, steps, { checksums: checksum });
        expect(read.error).toBeNull();
        expect(read.events.map(({ body }, index) => body.equals(all[index] ?? body))).toEqual(
          all.map(() => true),
        );
      }),
      { numRuns: 60 },
    );
  });

  it.each([FULL - 24, FULL - 22, FULL - 20, 2 * FULL - 24])(
    "puts an event of %i bytes together that is cut into packets",
    async (size) => {
      const body = longBody(size);
      const bytes = Buffer.concat([
        dumped(eventBytes(30, body)),
        dumped(eventBytes(16, Buffer.from("after"))),
        END,
      ]);
      const { events, error } = await readAll(bytes, [700_001]);
      expect(error).toBeNull();
      expect(events.map(({ type }) => type)).toEqual([30, 16]);
      expect(events[0]?.body.equals(body)).toBe(true);
      expect(String(events[1]?.body)).toBe("after");
    },
  );

  it.each([100, 300_000])("finds damage to any part of an event of %i bytes", async (size) => {
    const event = eventBytes(30, longBody(size));
    for (const at of [20, 21 + Math.floor(size / 2), event.length - 1]) {
      const damaged = Buffer.from(event);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
      const { error } = await readAll(Buffer.concat([dumped(damaged), END]), [90_000]);
      expect(error).toBeInstanceOf(MillraceError);
      expect(String(error)).toContain("checksum");
    }
  });

  it("gives the server's own error", async () => {
    const body = Buffer.from("\u{0}\u{0}\u{0}#HY000Could not find first log file name");
    body.writeUInt8(0xff, 0);
    body.writeUInt16LE(1236, 1);
    const { error } = await readAll(packets(body), [9]);
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({ errno: 1236, sqlState: "HY000" });
    expect(String(error)).toContain("Could not find first log file name");
  });

  it("refuses an event that is longer or shorter than it says", async () => {
    const event = eventBytes(30, longBody(50), { checksum: false });
    for (const said of [event.length - 1, event.length + 1]) {
      const wrong = Buffer.from(event);
      wrong.writeUInt32LE(said, 9);
      const { error } = await readAll(dumped(wrong), [1000], { checksums: false });
      expect(String(error)).toContain("another length");
    }
  });

  it("never does anything but give events or end in an error, whatever the bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), readSizes, async (noise, sizes) => {
        const { error } = await readAll(Buffer.from(noise), sizes);
        expect(error === null || error instanceof Error).toBe(true);
      }),
    );
  });

  it("notices a connection that ends inside an event", async () => {
    const event = dumped(eventBytes(30, longBody(400_000)));
    for (const cut of [3, 12, 1_000, event.length - 2]) {
      const { error } = await readAll(event.subarray(0, cut), [100_000]);
      expect(error).toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
    }
  });
});
