/** Messages stand in bytes that the next ones are read into: nothing that is made or kept of them may be a part of those. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns, timeFor } from "../../../../test/support/test-runs.ts";
import { MillraceError } from "../errors/millrace-error.ts";
import { MessageReader, type ReadMessage, type ReaderOptions } from "./message-reader.ts";
import { ScannedBytes } from "./scanned-bytes.ts";
import { type DrawnMessage, drawnTopic, GONE } from "./topic-messages.fixture.ts";

type Format = ReaderOptions["format"];

function reader(format: Format): MessageReader {
  const table = { schema: "public", table: "all" };
  return new MessageReader({ format, table, unavailable: GONE });
}

function outcome(read: () => ReadMessage): unknown {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof MillraceError) return thrown.code;
    throw thrown;
  }
}

/** What the messages are where each has its own bytes. */
function apart(format: Format, messages: readonly DrawnMessage[]): unknown[] {
  const by = reader(format);
  const read = messages.map(({ key, value }) => outcome(() => by.read(key, value)));
  return [...read, by.shapes];
}

/** What they are where each stands in the place of the one before; looked at once the last one is overwritten too. */
function oneOverTheOther(format: Format, messages: readonly DrawnMessage[]): unknown[] {
  const by = reader(format);
  const longest = messages.map(({ key, value }) => (key?.length ?? 0) + (value?.length ?? 0));
  const bytes = new ScannedBytes(Buffer.alloc(Math.max(0, ...longest) + 8));
  const read = messages.map(({ key, value }) => {
    const keyEnd = key?.length ?? 0;
    const valueEnd = keyEnd + (value?.length ?? 0);
    bytes.bytes.fill(0xdb);
    key?.copy(bytes.bytes, 0);
    value?.copy(bytes.bytes, keyEnd);
    return outcome(() =>
      by.readAt({
        keyBytes: bytes,
        keyStart: key === null ? -1 : 0,
        keyEnd: key === null ? -1 : keyEnd,
        bytes,
        valueStart: value === null ? -1 : keyEnd,
        valueEnd: value === null ? -1 : valueEnd,
      }),
    );
  });
  bytes.bytes.fill(0xdb);
  return [...read, by.shapes];
}

const message = (value: string): DrawnMessage => ({ key: null, value: Buffer.from(value) });

describe("messages that are read one over the other", () => {
  it.each(["debezium-json", "plain-json"] as const)(
    "are what they are apart: %s",
    (format) => {
      fc.assert(
        fc.property(drawnTopic(format === "plain-json"), (messages) => {
          expect(oneOverTheOther(format, messages)).toEqual(apart(format, messages));
        }),
        { numRuns: testRuns(30) },
      );
    },
    timeFor(60_000),
  );

  it("are not taken for others by names that stood in their place", () => {
    const messages = ['{"aa": 1, "bb": "x"}', '{"bb": 2, "aa": "y"}', '{"aa": 3, "bb": "z"}'];
    const [, second] = oneOverTheOther("plain-json", messages.map(message));
    expect(second).toMatchObject({ after: ["y", "2"] });
  });

  it("are not taken for others by a schema that stood in their place", () => {
    const withSchema = (column: string, type: string): DrawnMessage => {
      const fields = [{ field: column, type, optional: true }];
      const schema = {
        type: "struct",
        fields: [{ type: "struct", fields, optional: true, field: "after" }],
      };
      const source = { schema: "public", table: "t" };
      const payload = { before: null, after: { [column]: 1 }, source, op: "c" };
      return message(JSON.stringify({ schema, payload }));
    };
    const messages = [withSchema("aa", "int32"), withSchema("bb", "int64")];
    expect(oneOverTheOther("debezium-json", messages)[1]).toMatchObject({
      shape: { columns: [{ name: "bb", type: { kind: "int", bits: 64 } }] },
    });
  });
});
