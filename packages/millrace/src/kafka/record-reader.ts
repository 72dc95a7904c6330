/*
 * Hot for a source: what a broker sends, record by record, as positions in its bytes. Bytes of others: whatever they are, the
 * end is a record, the end of them or a KafkaFault, never a crash or a loop.
 */
import { decompress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { KafkaFault } from "./kafka-fault.ts";
import { BATCH_HEAD_BYTES } from "./record-batch.ts";

const LENGTH_AT = 8;
const LENGTH_END = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_DELTA_AT = 23;
const COMPRESSION_MASK = 7;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** One batch of records. */
export interface RecordBatch {
  readonly firstOffset: number;
  /** Also where records were compacted away: the next batch begins behind it. */
  readonly lastOffset: number;
  /** Under which leader's epoch it was written; −1 where its writer did not say. */
  readonly leaderEpoch: number;
  readonly firstTimeMs: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly isTransactional: boolean;
  /** Its one record says how a transaction ended. */
  readonly isControl: boolean;
  readonly count: number;
  /** Decompressed. */
  readonly records: Buffer;
}

/**
 * The batches in the answer to a Fetch. A broker cuts what it sends where the request's limit is: half a batch at the end is
 * left alone.
 * @throws KafkaFault `corrupt`
 */
export function* readBatches(bytes: Buffer): Generator<RecordBatch, void, void> {
  for (let at = 0; bytes.length - at >= LENGTH_END;) {
    const end = batchEnd(bytes, at);
    if (end > bytes.length) return;
    yield readBatch(bytes.subarray(at, end));
    at = end;
  }
}

/**
 * The last offset of the batches that {@link readBatches} would give, by their heads alone: what is wrong within one is told
 * when it is read. −1 where there is none.
 * @throws KafkaFault `corrupt`
 */
export function lastOffsetIn(bytes: Buffer): number {
  let last = -1;
  for (let at = 0; bytes.length - at >= LENGTH_END;) {
    const end = batchEnd(bytes, at);
    if (end > bytes.length) break;
    last = Math.max(last, Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + LAST_DELTA_AT));
    at = end;
  }
  return last;
}

/** First and last offset of each batch that {@link readBatches} would give, and under which leader's epoch it was written. */
export function* epochsIn(
  bytes: Buffer,
): Generator<readonly [first: number, last: number, epoch: number], void, void> {
  for (let at = 0; bytes.length - at >= LENGTH_END;) {
    const end = batchEnd(bytes, at);
    if (end > bytes.length) return;
    const first = Number(bytes.readBigInt64BE(at));
    const last = first + bytes.readInt32BE(at + LAST_DELTA_AT);
    yield [first, last, bytes.readInt32BE(at + LENGTH_END)];
    at = end;
  }
}

function batchEnd(bytes: Buffer, at: number): number {
  const length = bytes.readInt32BE(at + LENGTH_AT);
  if (length < BATCH_HEAD_BYTES - LENGTH_END) throw corrupt("a batch is shorter than its head");
  return at + LENGTH_END + length;
}

function readBatch(bytes: Buffer): RecordBatch {
  if (bytes.readInt8(MAGIC_AT) !== 2)
    throw corrupt(`a batch has magic ${bytes.readInt8(MAGIC_AT)}, and 2 is what is read`);
  if (crc32c(bytes.subarray(ATTRIBUTES_AT)) !== bytes.readUInt32BE(CRC_AT))
    throw corrupt("the checksum of a batch is wrong");
  const attributes = bytes.readInt16BE(ATTRIBUTES_AT);
  const firstOffset = Number(bytes.readBigInt64BE(0));
  const count = bytes.readInt32BE(57);
  if (count < 0) throw corrupt("a batch holds fewer than no records");
  return {
    firstOffset,
    lastOffset: firstOffset + bytes.readInt32BE(LAST_DELTA_AT),
    leaderEpoch: bytes.readInt32BE(LENGTH_END),
    firstTimeMs: Number(bytes.readBigInt64BE(27)),
    producerId: bytes.readBigInt64BE(43),
    producerEpoch: bytes.readInt16BE(51),
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    count,
    records: decompress(attributes & COMPRESSION_MASK, bytes.subarray(BATCH_HEAD_BYTES)),
  };
}

/** Goes over the records of a batch; what it shows is that of the record that {@link next} came to last. */
export class RecordCursor {
  readonly bytes: Buffer;
  offset = 0;
  timeMs = 0;
  /** −1: null. */
  keyStart = -1;
  keyEnd = -1;
  /** −1: null (a tombstone). */
  valueStart = -1;
  valueEnd = -1;
  readonly #batch: RecordBatch;
  #at = 0;
  #end = 0;
  #left: number;
  #headersAt = 0;

  constructor(batch: RecordBatch) {
    this.#batch = batch;
    this.#left = batch.count;
    this.bytes = batch.records;
  }

  /**
   * Whether there is another record.
   * @throws KafkaFault `corrupt`
   */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    this.#at = this.#end;
    this.#end = this.bytes.length;
    const length = this.#varint();
    if (length < 0 || length > this.bytes.length - this.#at)
      throw corrupt("a record is longer than its batch");
    this.#end = this.#at + length;
    // Attributes.
    this.#at++;
    this.timeMs = this.#batch.firstTimeMs + this.#long();
    this.offset = this.#batch.firstOffset + this.#varint();
    const keyLength = this.#length();
    this.keyStart = keyLength < 0 ? -1 : this.#at;
    this.#at += Math.max(0, keyLength);
    this.keyEnd = keyLength < 0 ? -1 : this.#at;
    const valueLength = this.#length();
    this.valueStart = valueLength < 0 ? -1 : this.#at;
    this.#at += Math.max(0, valueLength);
    this.valueEnd = valueLength < 0 ? -1 : this.#at;
    this.#headersAt = this.#at;
    return true;
  }

  /** The key's bytes, a view; null where there is none. */
  key(): Buffer | null {
    return this.keyStart < 0 ? null : this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  /** The value's bytes, a view; null where there is none. */
  value(): Buffer | null {
    return this.valueStart < 0 ? null : this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  /** The headers, in their order; a name may stand twice. */
  headers(): readonly { readonly name: string; readonly value: Buffer | null }[] {
    this.#at = this.#headersAt;
    const count = this.#varint();
    const found: { name: string; value: Buffer | null }[] = [];
    for (let i = 0; i < count; i++) {
      const name = this.#slice() ?? Buffer.alloc(0);
      found.push({ name: name.toString("utf8"), value: this.#slice() });
    }
    return found;
  }

  #slice(): Buffer | null {
    const length = this.#length();
    if (length < 0) return null;
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  /** A length that the record has room for. */
  #length(): number {
    const length = this.#varint();
    if (length < -1 || length > this.#end - this.#at)
      throw corrupt("a field is longer than its record");
    return length;
  }

  #varint(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (result >>> 1) ^ -(result & 1);
    }
    throw corrupt("a number has too many bytes");
  }

  /** Up to 2^53; times are no larger. */
  #long(): number {
    let result = 0;
    for (let factor = 1; factor < 2 ** 63; factor *= 0x80) {
      const byte = this.#byte();
      result += (byte & 0x7f) * factor;
      if (byte < 0x80) return result % 2 === 0 ? result / 2 : -(result + 1) / 2;
    }
    throw corrupt("a number has too many bytes");
  }

  #byte(): number {
    if (this.#at >= this.#end) throw corrupt("a record ends within a field");
    return this.bytes[this.#at++] ?? 0;
  }
}

function corrupt(what: string): KafkaFault {
  return new KafkaFault("corrupt", "CORRUPT_BATCH", what);
}
