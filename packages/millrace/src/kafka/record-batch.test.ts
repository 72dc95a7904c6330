import { randomBytes } from "node:crypto";
import {
  crc32c as theirChecksum,
  createRecordsBatch,
  murmur2 as theirHash,
  NumericMap,
  Reader,
  readRecordsBatch,
} from "@platformatic/kafka";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMPRESSIONS, type Compression } from "./compression.ts";
import { crc32c, tableChecksum } from "./crc32c.ts";
import { KafkaFault } from "./kafka-fault.ts";
import { murmur2, partitionOf } from "./murmur2.ts";
import { RecordBatchBuilder, recordSizeBound } from "./record-batch.ts";
import { readBatches, RecordCursor } from "./record-reader.ts";

interface Message {
  readonly timeMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly name: string; readonly value: Buffer | null }[];
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((each) => Buffer.from(each));
const message: fc.Arbitrary<Message> = fc.record({
  timeMs: fc.integer({ min: 0, max: 253_402_300_799_999 }),
  key: fc.option(bytes(100)),
  value: fc.option(fc.oneof(bytes(300), bytes(9_000))),
  headers: fc.array(fc.record({ name: fc.string(), value: fc.option(bytes(20)) }), {
    maxLength: 3,
  }),
});
const messages = fc.array(message, { minLength: 1, maxLength: 20 });
const compression = fc.constantFrom(...COMPRESSIONS);
const stamp = { producerId: 77n, producerEpoch: 3, sequence: 12, transactional: true };

function encode(
  list: readonly Message[],
  how: Compression,
  builder = new RecordBatchBuilder(),
  /** Behind so many messages the batch is packed. */
  packed = Infinity,
): Buffer {
  const none = Buffer.alloc(0);
  for (const [i, { timeMs, key, value, headers }] of list.entries()) {
    const before = builder.bytes;
    const own = headers.map((header) => ({ ...header, nameBytes: Buffer.from(header.name) }));
    const [keyLength, valueLength] = [key?.length ?? -1, value?.length ?? -1];
    builder.append(timeMs, key ?? none, keyLength, value ?? none, valueLength, own);
    expect(builder.bytes - before).toBeLessThanOrEqual(
      recordSizeBound(keyLength, valueLength, own),
    );
    if (i === packed) builder.pack(how);
  }
  const batch = Buffer.from(builder.finish(stamp, how));
  builder.clear();
  return batch;
}

function decode(batches: Buffer): Message[] {
  const found: Message[] = [];
  for (const batch of readBatches(batches))
    for (const cursor = new RecordCursor(batch); cursor.next();)
      found.push({
        timeMs: cursor.timeMs,
        key: cursor.key(),
        value: cursor.value(),
        headers: cursor.headers(),
      });
  return found;
}

describe("a batch of ours", () => {
  it("is read by our reader as it was, whatever its compression", () => {
    const builder = new RecordBatchBuilder();
    fc.assert(
      fc.property(messages, messages, compression, (one, other, how) => {
        const both = Buffer.concat([encode(one, how, builder), encode(other, how, builder)]);
        expect(decode(both)).toEqual([...one, ...other]);
      }),
    );
  });

  it("is the same where records were compressed before it had a stamp, and before the last ones came", () => {
    fc.assert(
      fc.property(messages, compression, fc.nat(20), (list, how, packed) => {
        const early = encode(list, how, new RecordBatchBuilder(), packed);
        expect(decode(early)).toEqual(list);
        expect(early.equals(encode(list, how))).toBe(true);
      }),
    );
  });

  it.each(COMPRESSIONS)("is never larger for its compression: %s", (how) => {
    const size = (value: Buffer, as: Compression) =>
      encode([{ timeMs: 0, key: null, value, headers: [] }], as).length;
    for (const value of [randomBytes(1_048_000), randomBytes(1), Buffer.alloc(100_000)])
      expect(size(value, how)).toBeLessThanOrEqual(size(value, "none"));
  });

  it("is read by the library's reader as it was", () => {
    fc.assert(
      fc.property(messages, compression, (list, how) => {
        const batch = readRecordsBatch(Reader.from(encode(list, how)));
        expect(batch.producerId).toBe(77n);
        expect(batch.producerEpoch).toBe(3);
        expect(batch.firstSequence).toBe(12);
        expect(batch.lastOffsetDelta).toBe(list.length - 1);
        const theirs = batch.records.map((record) => ({
          timeMs: Number(batch.firstTimestamp + record.timestampDelta),
          key: record.key ?? null,
          value: record.value ?? null,
        }));
        expect(theirs).toEqual(list.map(({ timeMs, key, value }) => ({ timeMs, key, value })));
      }),
    );
  });

  it("is byte for byte what the library makes of the same messages", () => {
    // Further apart theirs get times wrong.
    const soon = fc.integer({ min: 1_700_000_000_000, max: 1_702_000_000_000 });
    const filled = fc
      .tuple(message, soon)
      .map(([each, time]) => ({ ...each, timeMs: time }))
      .filter(({ key, value }) => key !== null && value !== null);
    fc.assert(
      fc.property(fc.array(filled, { minLength: 1, maxLength: 20 }), (list) => {
        const plain = list.map((each) => ({ ...each, headers: [] }));
        const theirs = createRecordsBatch(
          plain.map(({ timeMs, key, value }) => ({
            topic: "t",
            partition: 0,
            timestamp: BigInt(timeMs),
            key: key ?? Buffer.alloc(0),
            value: value ?? Buffer.alloc(0),
          })),
          {
            transactionalId: "x",
            compression: "none",
            producerId: 77n,
            producerEpoch: 3,
            sequences: new NumericMap([["t:0", 12]]),
            partitionLeaderEpoch: -1,
          },
        ).buffer;
        const ours = encode(plain, "none");
        // Theirs says 0 as the leader's epoch, which nobody reads.
        theirs.writeInt32BE(-1, 12);
        expect(ours.toString("hex")).toBe(theirs.toString("hex"));
      }),
    );
  });

  it("says that it belongs to a transaction, and is no control batch", () => {
    const [batch] = readBatches(
      encode([{ timeMs: 5, key: null, value: null, headers: [] }], "none"),
    );
    expect(batch).toMatchObject({
      isTransactional: true,
      isControl: false,
      count: 1,
      lastOffset: 0,
    });
  });

  it("holds little where little comes: a transaction of a thousand small tables has thousands of them", () => {
    const builder = new RecordBatchBuilder();
    builder.append(1, Buffer.from("k"), 1, Buffer.alloc(1_500), 1_500, []);
    expect(builder.capacity).toBeLessThanOrEqual(2_048);
  });
});

describe("the reader of batches", () => {
  it("leaves half a batch at the end alone", () => {
    fc.assert(
      fc.property(messages, messages, fc.nat(), (one, other, cut) => {
        const first = encode(one, "none");
        const second = encode(other, "none");
        const half = second.subarray(0, cut % second.length);
        expect(decode(Buffer.concat([first, half]))).toEqual(one);
      }),
    );
  });

  it("answers damaged bytes with an error or with records, and ends", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(messages, compression, damage, fc.boolean(), (list, how, damages, mend) => {
        const batch = encode(list, how);
        for (const [at, value] of damages) batch[at % batch.length] = value;
        // With the right checksum the damage gets past it.
        if (mend && batch.length > 61) batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
        expectRecordsOrFault(batch);
      }),
      { numRuns: 500 },
    );
  });

  it("answers any bytes likewise", () => {
    fc.assert(
      fc.property(bytes(400), (any) => expectRecordsOrFault(any)),
      { numRuns: 500 },
    );
  });
});

function expectRecordsOrFault(batch: Buffer): void {
  try {
    for (const each of decode(batch)) expect(each.timeMs).not.toBeNaN();
  } catch (error) {
    expect(error).toBeInstanceOf(KafkaFault);
    expect(error).toMatchObject({ kind: "corrupt" });
  }
}

describe("hash and checksum", () => {
  it("are those of other clients", () => {
    fc.assert(
      fc.property(bytes(200), (any) => {
        expect(murmur2(any) | 0).toBe(theirHash(any) | 0);
        expect(crc32c(any)).toBe(theirChecksum(any));
        expect(tableChecksum()(any)).toBe(theirChecksum(any));
      }),
    );
  });

  it("are those that Kafka's documents give", () => {
    // org.apache.kafka.common.utils.UtilsTest
    expect(murmur2(Buffer.from("21"))).toBe(-973_932_308);
    expect(murmur2(Buffer.from("foobar"))).toBe(-790_332_482);
    expect(murmur2(Buffer.from("a-little-bit-long-string"))).toBe(-985_981_536);
    expect(partitionOf(Buffer.from("foobar"), 6, 6)).toBe((-790_332_482 & 0x7fff_ffff) % 6);
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe306_9283);
  });
});
