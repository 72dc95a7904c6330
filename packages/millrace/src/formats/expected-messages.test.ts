import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { UNCHANGED, type Value } from "../model/value.ts";
import { TYPE_SAMPLES } from "../testkit/sample-values.ts";
import { createFormat } from "./create-format.ts";
import { column, event, table } from "./event.fixture.ts";
import { ExpectedMessage } from "./expected-message.ts";
import { DEFAULT_FORMAT } from "./format.ts";
import { MemberLabels } from "./member-labels.ts";
import { JsonObject } from "./json-object.ts";
import { MessageReader, type ReadMessage, type ReaderOptions } from "./message-reader.ts";
import { MessageList } from "./messages.fixture.ts";
import { testRuns, timeFor } from "../../../../test/support/test-runs.ts";
import { type DrawnMessage, drawnTopic, everyValue, GONE } from "./topic-messages.fixture.ts";

const TABLE = { schema: "public", table: "all" };

afterEach(() => void vi.restoreAllMocks());

function reader(format: ReaderOptions["format"]): MessageReader {
  return new MessageReader({ format, table: TABLE, unavailable: GONE });
}

/** With a blank behind it a message says the same, and is read with care. */
function carefully({ key, value }: DrawnMessage): DrawnMessage {
  return {
    key,
    value: value === null || value.length === 0 ? value : Buffer.concat([value, Buffer.from(" ")]),
  };
}

function outcome(by: MessageReader, { key, value }: DrawnMessage): unknown {
  try {
    return plain(by.read(key, value));
  } catch (thrown) {
    if (thrown instanceof MillraceError) return thrown.code;
    throw thrown;
  }
}

function plain(read: ReadMessage): unknown {
  if (read.kind !== "tombstone") return read;
  const { key, whole } = read;
  return { ...read, key: key?.entries() ?? null, whole: whole?.members?.entries() ?? null };
}

/** Reads all of them as they are, and each with care; says how many were expected. */
function holdsAgainstCare(
  format: ReaderOptions["format"],
  messages: readonly DrawnMessage[],
): number {
  const wasExpected = watchExpected();
  let expected = 0;
  const [fast, careful] = [reader(format), reader(format)];
  for (const message of messages) {
    const shown = `${String(message.key)} ${String(message.value)}`;
    const found = outcome(fast, message);
    if (wasExpected()) expected++;
    const told = outcome(careful, carefully(message));
    expect(wasExpected(), shown).toBe(false);
    // The same at once where nothing is wrong: showing what differs takes long.
    if (!isDeepStrictEqual(found, told)) expect(found, shown).toEqual(told);
    if (!isDeepStrictEqual(fast.shapes, careful.shapes))
      expect(fast.shapes, shown).toEqual(careful.shapes);
    if (typeof told === "object") expect(fast.hasSchema).toBe(careful.hasSchema);
    holdKeys(fast, careful);
  }
  return expected;
}

/** Tells of the messages since it was asked last whether one was expected. */
function watchExpected(): () => boolean {
  vi.restoreAllMocks();
  const reading = vi.spyOn(ExpectedMessage.prototype, "read");
  return () => {
    const was = reading.mock.results.some(({ type, value }) => type === "return" && value !== null);
    reading.mockClear();
    return was;
  };
}

function holdKeys(fast: MessageReader, careful: MessageReader): void {
  for (const { id, columns, key } of careful.shapes) {
    const names = key.map((index) => columns[index]?.name ?? "");
    const members = JsonObject.of(names.map((name) => [name, "7"]));
    if (columns.every(({ type }) => type.kind === "text"))
      expect(isDeepStrictEqual(fast.rowOfKey(id, members), careful.rowOfKey(id, members))).toBe(
        true,
      );
    for (const named of ["shop.public.orders", "public.orders", null])
      expect(fast.mayBeOf(id, named)).toBe(careful.mayBeOf(id, named));
  }
}

describe("messages that look like the ones before them", () => {
  it.each(["debezium-json", "plain-json"] as const)(
    "are read as with care, or left to it, whatever they are: %s",
    (format) => {
      let [count, expected] = [0, 0];
      fc.assert(
        fc.property(drawnTopic(format === "plain-json"), (messages) => {
          count += messages.length;
          expected += holdsAgainstCare(format, messages);
        }),
        { numRuns: testRuns(40) },
      );
      expect(expected / count).toBeGreaterThan(0.15);
    },
    timeFor(60_000),
  );

  it("are read as with care whatever value stands where a usual one was expected", () => {
    for (const [format, hasSchema] of [
      ["debezium-json", true],
      ["debezium-json", false],
      ["plain-json", false],
    ] as const)
      for (const messages of everyValue(hasSchema, format === "plain-json"))
        expect(holdsAgainstCare(format, messages)).toBeGreaterThan(messages.length / 8);
  });

  it("bring every value of every type, with their schema and without", async () => {
    for (const [value, includeSchema] of [
      ["debezium-json", true],
      ["debezium-json", false],
      ["plain-json", false],
    ] as const)
      for (const { column: name, type, sourceType, values } of TYPE_SAMPLES) {
        const typed = table("s", "t", [
          column("id", { kind: "int", bits: 64 }, { nullable: false }),
          column(name, type, { sourceType }),
        ]);
        const options = { ...DEFAULT_FORMAT, value, includeSchema };
        const format = createFormat(options, {
          names: { serverName: "shop", version: "1" },
          block: null,
        });
        const encoder = await format.encoder(typed, "t");
        const output = new MessageList();
        const row = (id: number, sample: Value): readonly Value[] => [String(id), sample];
        const written = values.filter((sample) => !(name === "c_dec" && sample === "NaN"));
        for (const sample of [...written, null, ...written, ...written]) {
          const [before, after] = [row(7, sample), row(7, sample)];
          encoder.change(event(typed, { after }), 7, output);
          encoder.change(event(typed, { op: "u", before: ["7", UNCHANGED], after }), 7, output);
          encoder.change(event(typed, { op: "d", before }), 7, output);
        }
        const messages = output.messages.map(({ keyBytes, valueBytes }) => ({
          key: keyBytes === null ? null : Buffer.from(keyBytes),
          value: valueBytes === null ? null : Buffer.from(valueBytes),
        }));
        const expected = holdsAgainstCare(value, messages);
        expect(expected, `${name} ${value}`).toBeGreaterThan(0);
      }
  });

  it("are expected from the second on, and after another kind of message came between", () => {
    const wasExpected = watchExpected();
    const by = reader("debezium-json");
    const told = [
      '{"before":null,"after":{"id":1,"s":"x"},"source":{"table":"t","schema":"s"},"op":"c"}',
      '{"before":null,"after":{"id":2,"s":"y"},"source":{"table":"t","schema":"s"},"op":"c"}',
      '{"before":{"id":2,"s":"y"},"after":{"id":2,"s":null},"source":{"table":"t","schema":"s"},"op":"u"}',
      '{"before":null,"after":{"id":3,"s":"z"},"source":{"table":"t","schema":"s"},"op":"c"}',
      '{"before":{"id":2,"s":"y"},"after":null,"source":{"table":"t","schema":"s"},"op":"d"}',
      '{"before":{"id":3,"s":"y"},"after":null,"source":{"table":"t","schema":"s"},"op":"d"}',
      '{"before":null,"after":{"id":4,"s":"z"},"source":{"table":"t","schema":"s"},"op":"r"}',
    ];
    const found = told.map((value) => {
      by.read(Buffer.from('{"id":1}'), Buffer.from(value));
      return wasExpected();
    });
    expect(found).toEqual([false, true, false, true, true, true, true]);
  });

  it.each([
    ["whose key is no object", '"7"', 2],
    ["whose key is raw text", "row-7", 2],
    ["whose key names their table", '{"id":7,"TableId":"shop.s.t"}', 2],
    ["of more columns than are expected", '{"id":7}', 300],
  ])("are not tried over and over again of messages %s", (_what, key, columns) => {
    const by = reader("debezium-json");
    const names = Array.from({ length: columns }, (_, at) => `column_${at}`);
    const read = (count: number): void => {
      for (let n = 0; n < count; n++) {
        const after = { id: n, ...Object.fromEntries(names.map((name) => [name, `${n}`])) };
        const value = { before: null, after, source: { table: "t", schema: "s" }, op: "c" };
        by.read(Buffer.from(key), Buffer.from(JSON.stringify(value)));
      }
    };
    read(200);
    const tried = vi.spyOn(MemberLabels, "of");
    read(64);
    // One more is tried for so many messages.
    expect(tried.mock.calls.length).toBeLessThanOrEqual(4);
  });
});
