import { describe, expect, it } from "vitest";
import { lostConnection } from "../../bytes/byte-source.ts";
import { readingError } from "./log-errors.ts";
import { ServerError } from "./server-error.ts";

const NAMES = { slotName: "s", publicationName: "p" };
const codeOf = (error: unknown): string => readingError(error, NAMES).code;

describe("what ends a log of PostgreSQL that is being read", () => {
  it("is a fault of our own where no connection and no server says why: no other connection mends it", () => {
    expect(codeOf(new TypeError("no shape has columns"))).toBe("MR_BUG");
    expect(codeOf(new RangeError("out of bounds"))).toBe("MR_BUG");
    expect(codeOf("thrown")).toBe("MR_BUG");
  });

  it("is a lost connection, or what the server says, where they say so", () => {
    expect(codeOf(lostConnection("the server closed the connection"))).toBe(
      "MR_SOURCE_LOST_CONNECTION",
    );
    const shutdown = new ServerError("FATAL", "57P01", "terminating connection");
    expect(codeOf(shutdown)).toBe("MR_SOURCE_LOST_CONNECTION");
    const gone = new ServerError("ERROR", "42704", 'replication slot "s" does not exist');
    expect(codeOf(gone)).toBe("MR_SOURCE_SLOT_MISSING");
  });
});
