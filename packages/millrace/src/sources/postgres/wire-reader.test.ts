import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns } from "../../../../../test/support/test-runs.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { ScriptedBytes } from "../../bytes/scripted-bytes.fixture.ts";
import { copyData } from "./pgoutput-encoder.fixture.ts";
import { ServerError } from "./server-error.ts";
import { Framing, WireReader } from "./wire-reader.ts";

const message = (type: string, body: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const COPY_OUT = message("H", Buffer.from([0, 0, 0]));
const COPY_BOTH = message("W", Buffer.from([0, 0, 0]));
const READY = message("Z", Buffer.from("I"));
const ERROR = message("E", Buffer.from("SERROR\0VERROR\0C57P01\0Mgoing down\0Dsecret detail\0\0"));
const NOTICE = message("N", Buffer.from("SWARNUNG\0VWARNING\0C01000\0Mmind the gap\0\0"));

/** Reads to the end: the bodies of all messages, large ones put together, and how it ended. */
async function readAll(
  bytes: Buffer,
  sizes: readonly number[],
): Promise<{ bodies: Buffer[]; large: number; end: unknown }> {
  const reader = new WireReader(new ScriptedBytes(bytes, sizes));
  const bodies: Buffer[] = [];
  let large = 0;
  try {
    for (;;) {
      const framing = reader.advance();
      if (framing === Framing.DONE) return { bodies, large, end: "done" };
      if (framing === Framing.MORE) await reader.fill();
      if (framing === Framing.DATA) {
        bodies.push(Buffer.from(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd)));
      }
      if (framing !== Framing.LARGE) continue;
      const pieces: Buffer[] = [];
      large += 1;
      while (reader.largeLeft > 0) {
        if (reader.piece())
          pieces.push(Buffer.from(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd)));
        else await reader.fill();
      }
      bodies.push(Buffer.concat(pieces));
    }
  } catch (error) {
    return { bodies, large, end: error };
  }
}

describe("messages of a connection", () => {
  it("are the same however the bytes are cut, and large ones come in pieces", async () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.constantFrom(262_138, 262_139, 262_140, 600_000),
    );
    const body = size.map((bytes) => Buffer.alloc(bytes, `${bytes}.`));
    const cuts = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1_000, max: 262_144 })),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(body, { maxLength: 12 }), cuts, async (bodies, sizes) => {
        const atLeast = bodies.some((one) => one.length > 1_000)
          ? sizes.map((one) => one + 2_000)
          : sizes;
        const bytes = Buffer.concat([
          COPY_OUT,
          ...bodies.flatMap((one) => [NOTICE, copyData(one)]),
          READY,
        ]);
        const read = await readAll(bytes, atLeast);
        expect(read.end).toBe("done");
        expect(read.bodies.length).toBe(bodies.length);
        expect(
          read.bodies.every((one, index) => one.equals(bodies[index] ?? Buffer.alloc(1))),
        ).toBe(true);
        expect(read.large).toBe(bodies.filter((one) => one.length >= 262_140).length);
      }),
      { numRuns: testRuns(60) },
    );
  });

  it("that break off are a lost connection", async () => {
    const whole = Buffer.concat([COPY_OUT, copyData(Buffer.alloc(20)), READY]);
    for (let cut = 0; cut < whole.length; cut += 1) {
      const { end } = await readAll(whole.subarray(0, cut), [7]);
      expect(end).toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
    }
  });

  it("of any content end in a typed error, never in a hang or a crash", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (junk) => {
        const { end } = await readAll(Buffer.from(junk), [13]);
        const isTyped =
          end === "done" || end instanceof MillraceError || end instanceof ServerError;
        expect(isTyped).toBe(true);
      }),
      { numRuns: testRuns(500) },
    );
  });

  it("with lengths that cannot be are a protocol error", async () => {
    for (const [type, length] of [
      ["d", 3],
      ["d", -5],
      ["S", 2],
      ["S", 0x7fff_ffff],
    ] as const) {
      const head = Buffer.alloc(5);
      head.write(type, 0, "latin1");
      head.writeInt32BE(length, 1);
      expect((await readAll(head, [5])).end).toMatchObject({ code: "MR_SOURCE_PROTOCOL" });
    }
  });

  it("that are the server's errors say SQLSTATE and message, and no detail", async () => {
    const { end, bodies } = await readAll(
      Buffer.concat([COPY_OUT, copyData(Buffer.from("row")), ERROR]),
      [9],
    );
    expect(bodies.map(String)).toEqual(["row"]);
    expect(end).toMatchObject({
      name: "ServerError",
      code: "57P01",
      severity: "ERROR",
      message: "going down",
    });
    expect(String(end)).not.toContain("secret");
  });

  it("that are notices are told, with the severity that no language changes", async () => {
    const reader = new WireReader(new ScriptedBytes(Buffer.concat([COPY_BOTH, NOTICE]), [100]));
    const notices: string[] = [];
    reader.onNotice = (notice) =>
      notices.push(`${notice.severity} ${notice.code} ${notice.message}`);
    await reader.begun();
    expect(reader.advance()).toBe(Framing.MORE);
    expect(notices).toEqual(["WARNING 01000 mind the gap"]);
  });

  it("end replication at the server's CopyDone or CommandComplete", async () => {
    for (const end of [message("c", Buffer.alloc(0)), message("C", Buffer.from("COPY 0\0"))]) {
      expect((await readAll(Buffer.concat([COPY_BOTH, end]), [4])).end).toBe("done");
    }
  });
});
