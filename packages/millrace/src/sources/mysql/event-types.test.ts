import { describe, expect, it } from "vitest";
import { fixedTables } from "./fixed-tables.fixture.ts";
import { boundary } from "./position.ts";
import { TransactionAssembler } from "./transaction-assembler.ts";

/** Of which no server is known that writes it. */
const UNKNOWN_TYPE = 150;

describe("an event of an unknown type", () => {
  it("is refused, unless its server says that it may be passed by", () => {
    const assembler = new TransactionAssembler({
      reader: { hasChecksums: true },
      from: boundary({ file: 1, at: 4, era: 1, n: 1, hash: 0 }),
      tables: fixedTables(() => null),
      flavor: "mariadb",
      limits: { maxValueBytes: 100, maxRowBytes: 100 },
    });
    const event = {
      buffer: Buffer.alloc(0),
      type: UNKNOWN_TYPE,
      timestampSeconds: 1_700_000_000,
      serverId: 7,
      eventBytes: 19,
      endsAt: 0,
      bodyStart: 0,
      bodyEnd: 0,
    };
    expect(() => assembler.feed({ ...event, flags: 0x80 })).not.toThrow();
    expect(() => assembler.feed({ ...event, flags: 0x08 })).toThrow(
      expect.objectContaining({ code: "MR_SOURCE_UNREADABLE" }),
    );
  });
});
