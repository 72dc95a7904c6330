import { describe, expect, it } from "vitest";
import { lostConnection } from "../../bytes/byte-source.ts";
import { logError } from "./log-errors.ts";
import { ServerError } from "./server-error.ts";

const FATAL_READING_LOG = 1236;
const place = { file: 7, at: 4_711 };

const said = (message: string) => new ServerError(FATAL_READING_LOG, "HY000", message);

describe("what ends a log of MySQL", () => {
  it("is a loss with the place where the log is needed, also where it is met while reading", () => {
    const purged = said("Could not find first log file name in binary log index file");
    expect(logError(purged, 1, place)).toMatchObject({
      code: "MR_SOURCE_LOSS",
      message: expect.stringContaining(
        "behind binlog file 7, offset 4711; it says: Could not",
      ) as unknown,
    });
    expect(logError(purged, 1, { fileName: "b.000007", at: 4 }).message).toContain(
      "from b.000007, offset 4 on",
    );
    const behind = { mariaDbPosition: "0-1-9" };
    expect(logError(purged, 1, behind).message).toContain("behind the GTIDs 0-1-9");
  });

  it("is worth waiting for where another reader has the id, and a fault of our own where nobody says why", () => {
    const clash = said("A slave with the same server_uuid/server_id as this slave has connected");
    expect(logError(clash, 99, place)).toMatchObject({ code: "MR_SOURCE_SLOT_BUSY" });
    expect(logError(new TypeError("x"), 1, place).code).toBe("MR_BUG");
    expect(logError(lostConnection("gone"), 1, place).code).toBe("MR_SOURCE_LOST_CONNECTION");
  });
});
