import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns, timeFor } from "../../../../../test/support/test-runs.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED, type Value } from "../../model/value.ts";
import { RowDecoder, type RowEvent } from "./pgoutput-decoder.ts";
import * as sent from "./pgoutput-encoder.fixture.ts";
import { TOAST, type Sent } from "./pgoutput-encoder.fixture.ts";
import {
  decodeBegin,
  decodeCommit,
  decodeMessage,
  decodeRelation,
  decodeTruncate,
  skipMessage,
} from "./pgoutput-messages.ts";
import { rowPlan } from "./row-plan.ts";

const INT: LogicalType = { kind: "int", bits: 64 };
const TEXT: LogicalType = { kind: "text", maxChars: null };
const BOOL: LogicalType = { kind: "boolean" };
const BYTES: LogicalType = { kind: "bytes", maxBytes: null };

function shapeOf(types: readonly LogicalType[], key: readonly number[] = [0]): TableShape {
  return {
    id: tableId("public", "t"),
    schema: "public",
    name: "t",
    identity: "16384",
    columns: types.map((type, index) => ({
      name: `c${index}`,
      type,
      sourceType: type.kind,
      nullable: !key.includes(index),
      ordinal: index + 1,
    })),
    key,
  };
}

/** Decodes a message that lies at the end of a larger buffer, or within it, as on the wire. */
function decode(message: Buffer, shape: TableShape, maxValueBytes = 1 << 30): RowEvent {
  const behind = Buffer.alloc(message.length % 2 === 0 ? 0 : 9, 0xff);
  const around = Buffer.concat([Buffer.alloc(7, 0xff), message, behind]);
  const decoder = new RowDecoder(around, maxValueBytes);
  return decoder.decode(message[0] ?? 0, rowPlan(shape), 8, 7 + message.length);
}

function expectProtocolError(act: () => unknown): void {
  expect(act).toThrow(MillraceError);
  expect(act).toThrow(/^MR_SOURCE_PROTOCOL/);
}

const anyType = fc.constantFrom(INT, TEXT, BOOL, BYTES);
/** A value of a type, and how the server sends it. */
function valueOf(type: LogicalType): fc.Arbitrary<{ sent: Sent; value: Value }> {
  if (type === INT) return fc.bigInt().map((n) => ({ sent: String(n), value: String(n) }));
  if (type === BOOL) return fc.boolean().map((b) => ({ sent: b ? "t" : "f", value: b }));
  if (type === BYTES) {
    const hex = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString("hex")}`;
    return fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ sent: hex(bytes), value: bytes }));
  }
  const text = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({ minLength: 4_000, maxLength: 5_000 }),
  );
  return text
    .map((value) => value.toWellFormed().replaceAll("\0", ""))
    .map((value) => ({ sent: value, value }));
}
const cell = (type: LogicalType): fc.Arbitrary<{ sent: Sent; value: Value }> =>
  fc.oneof(
    { weight: 6, arbitrary: valueOf(type) },
    { weight: 1, arbitrary: fc.constant({ sent: null, value: null }) },
    { weight: 1, arbitrary: fc.constant({ sent: TOAST, value: UNCHANGED }) },
  );
const table = fc.array(anyType, { minLength: 1, maxLength: 12 }).chain((types) =>
  fc.record({
    types: fc.constant(types),
    row: fc.tuple(...types.map(cell)),
    old: fc.tuple(...types.map(valueOf)),
  }),
);

describe("rows", () => {
  it("come back as they were sent, whatever the values", { timeout: timeFor(120_000) }, () => {
    fc.assert(
      fc.property(table, ({ types, row }) => {
        const event = decode(
          sent.insert(
            1,
            row.map((c) => c.sent),
          ),
          shapeOf(types),
        );
        expect(event).toEqual({ old: null, new: row.map((c) => c.value) });
      }),
    );
  });

  it("of an update with the full old row have its values where the new row says unchanged", () => {
    fc.assert(
      fc.property(table, ({ types, row, old }) => {
        const message = sent.update(
          1,
          row.map((c) => c.sent),
          {
            kind: "O",
            row: old.map((c) => c.sent),
          },
        );
        const event = decode(message, shapeOf(types));
        expect(event.old).toEqual(old.map((c) => c.value));
        expect(event.new).toEqual(
          row.map((c, index) => (c.value === UNCHANGED ? old[index]?.value : c.value)),
        );
      }),
    );
  });

  it("of an old key have UNCHANGED, not null, beside the key", () => {
    const shape = shapeOf([INT, TEXT, TEXT]);
    const event = decode(
      sent.update(1, ["2", TOAST, null], { kind: "K", row: ["1", null, null] }),
      shape,
    );
    expect(event).toEqual({ old: ["1", UNCHANGED, UNCHANGED], new: ["2", UNCHANGED, null] });
    const deleted = decode(sent.remove(1, "K", ["1", null, null]), shape);
    expect(deleted).toEqual({ old: ["1", UNCHANGED, UNCHANGED], new: null });
  });

  it("of a toasted key that did not change have it from the old key", () => {
    const event = decode(
      sent.update(1, [TOAST, "new"], { kind: "K", row: ["long key", null] }),
      shapeOf([TEXT, TEXT]),
    );
    expect(event.new).toEqual(["long key", "new"]);
  });

  it("of a full old row have null where it was null", () => {
    const event = decode(sent.remove(1, "O", ["1", null]), shapeOf([INT, TEXT]));
    expect(event.old).toEqual(["1", null]);
  });
});

describe("values beyond the sink's limit", () => {
  it("are skimmed, and the key and the other columns kept", () => {
    const event = decode(
      sent.insert(1, ["1", "x".repeat(101), "y".repeat(100)]),
      shapeOf([INT, TEXT, TEXT]),
      100,
    );
    expect(event.new).toEqual(["1", new Skimmed(101), "y".repeat(100)]);
  });

  it("are measured in bytes, not characters", () => {
    const event = decode(sent.insert(1, ["1", "é".repeat(51)]), shapeOf([INT, TEXT]), 100);
    expect(event.new?.[1]).toEqual(new Skimmed(102));
  });

  it("are measured by the bytes of bytea, not by its text", () => {
    const shape = shapeOf([INT, BYTES]);
    const hex = (bytes: number): string => `\\x${"ab".repeat(bytes)}`;
    expect(decode(sent.insert(1, ["1", hex(100)]), shape, 100).new?.[1]).toHaveLength(100);
    expect(decode(sent.insert(1, ["1", hex(101)]), shape, 100).new?.[1]).toEqual(new Skimmed(101));
  });

  it("of the key are never skimmed", () => {
    const event = decode(sent.insert(1, ["k".repeat(500)]), shapeOf([TEXT]), 100);
    expect(event.new).toEqual(["k".repeat(500)]);
  });
});

describe("bytes that are not a message", () => {
  it("cut short anywhere are an error", () => {
    fc.assert(
      fc.property(table, fc.nat(), ({ types, row, old }, cut) => {
        const oldRow = old.map((c) => c.sent);
        const newRow = row.map((c) => c.sent);
        for (const message of [
          sent.insert(1, newRow),
          sent.update(1, newRow, { kind: "O", row: oldRow }),
          sent.remove(1, "K", oldRow),
        ]) {
          const short = message.subarray(0, 1 + (cut % (message.length - 1)));
          expectProtocolError(() => decode(short, shapeOf(types)));
        }
      }),
    );
  });

  it("with anything behind are an error", () => {
    expectProtocolError(() =>
      decode(Buffer.concat([sent.insert(1, ["1"]), Buffer.from([0])]), shapeOf([INT])),
    );
  });

  it("of any content are a row or a typed error, and never a crash or a hang", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("I", "U", "D", "X"),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(anyType, { maxLength: 5 }),
        (tag, bytes, types) => {
          try {
            decode(Buffer.concat([Buffer.from(tag), bytes]), shapeOf(types, []));
          } catch (error) {
            if (!(error instanceof MillraceError) || error.code !== "MR_SOURCE_PROTOCOL")
              throw error;
          }
        },
      ),
      { numRuns: testRuns(2_000) },
    );
  });

  it("changed in one place are a row or a typed error", () => {
    fc.assert(
      fc.property(table, fc.nat(), fc.nat(255), ({ types, row, old }, where, byte) => {
        const message = sent.update(
          1,
          row.map((c) => c.sent),
          { kind: "O", row: old.map((c) => c.sent) },
        );
        message[1 + (where % (message.length - 1))] = byte;
        try {
          decode(message, shapeOf(types));
        } catch (error) {
          if (!(error instanceof MillraceError) || error.code !== "MR_SOURCE_PROTOCOL") throw error;
        }
      }),
    );
  });

  it("that would be binary values, strange booleans or bytea are an error", () => {
    const binary = sent.insert(1, ["1"]);
    binary[binary.indexOf("t", 6, "latin1")] = 0x62;
    expectProtocolError(() => decode(binary, shapeOf([INT])));
    expectProtocolError(() => decode(sent.insert(1, ["yes"]), shapeOf([BOOL])));
    expectProtocolError(() => decode(sent.insert(1, [""]), shapeOf([BOOL])));
    for (const bad of ["", "\\", "\\x0", "\\xzz", "abc"]) {
      expectProtocolError(() => decode(sent.insert(1, [bad]), shapeOf([BYTES])));
    }
    expectProtocolError(() => decode(sent.insert(1, ["1", "2"]), shapeOf([INT])));
  });

  it("never show values in the error", () => {
    try {
      decode(sent.insert(1, ["secret"]), shapeOf([BOOL]));
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain("secret");
    }
  });
});

describe("messages that are not rows", () => {
  it("are read as they were sent", () => {
    const begin = sent.begin(0x1_0000_0010, 4_000_000_000, 1_500_000);
    expect(decodeBegin(begin, 1, begin.length)).toEqual({
      commitLsn: 0x1_0000_0010,
      commitTimeMs: 946_684_801_500,
      xid: 4_000_000_000,
    });
    const commit = sent.commit(100, 148);
    expect(decodeCommit(commit, 1, commit.length)).toEqual({ commitLsn: 100, endLsn: 148 });
    const relation = sent.relation({
      oid: 77,
      schema: "",
      name: "täble",
      replicaIdentity: "f",
      columns: [
        { name: "id", typeOid: 20, isKey: true },
        { name: "v", typmod: 14 },
      ],
    });
    expect(decodeRelation(relation, 1, relation.length)).toEqual({
      oid: 77,
      schema: "pg_catalog",
      name: "täble",
      replicaIdentity: "f",
      columns: [
        { isKey: true, name: "id", typeOid: 20, typmod: -1 },
        { isKey: false, name: "v", typeOid: 25, typmod: 14 },
      ],
    });
    const truncate = sent.truncate([1, 4_000_000_000]);
    expect(decodeTruncate(truncate, 1, truncate.length)).toEqual({ oids: [1, 4_000_000_000] });
  });

  it("before 2000 have their time too", () => {
    const begin = sent.begin(1, 1, -1_000);
    expect(decodeBegin(begin, 1, begin.length).commitTimeMs).toBe(946_684_799_999);
  });

  it("that do not matter are read past, and unknown ones are an error", () => {
    for (const message of [sent.origin(1, "elsewhere"), sent.typeMessage(1, "public", "mood")]) {
      skipMessage(message[0] ?? 0, message, 1, message.length);
      expectProtocolError(() => skipMessage(message[0] ?? 0, message, 1, message.length - 1));
    }
    expectProtocolError(() => skipMessage(0x53, Buffer.from("S"), 1, 1));
  });

  it("that somebody wrote have prefix, content, and whether they belong to a transaction", () => {
    const message = sent.logicalMessage(77, "prefix", "content");
    const { content, ...rest } = decodeMessage(message, 1, message.length);
    expect(rest).toEqual({ isTransactional: (message[1] ?? 0) === 1, lsn: 77, prefix: "prefix" });
    expect(content.toString()).toBe("content");
  });

  it("cut short or of any content are a typed error", () => {
    const whole = [
      { bytes: sent.begin(1, 1), read: decodeBegin },
      { bytes: sent.commit(1, 2), read: decodeCommit },
      {
        bytes: sent.relation({ oid: 1, name: "t", columns: [{ name: "a" }] }),
        read: decodeRelation,
      },
      { bytes: sent.truncate([1, 2]), read: decodeTruncate },
      { bytes: sent.logicalMessage(1, "prefix", "content"), read: decodeMessage },
    ];
    for (const { bytes, read } of whole) {
      for (let cut = 1; cut < bytes.length; cut += 1)
        expectProtocolError(() => read(bytes, 1, cut));
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 64 }), (junk) => {
          try {
            read(Buffer.from(junk), 0, junk.length);
          } catch (error) {
            if (!(error instanceof MillraceError) || error.code !== "MR_SOURCE_PROTOCOL")
              throw error;
          }
        }),
      );
    }
  });
});
