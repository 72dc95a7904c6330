/*
 * Hot: every message goes through `append`. Records of one batch (magic 2) are written one behind the other into one growing
 * buffer, without an object per record; the head in front of them when the batch is finished.
 *
 *     base offset 8 · length 4 · leader epoch 4 · magic 1 · crc 4 · attributes 2 · last offset delta 4 · first time 8 ·
 *     last time 8 · producer id 8 · producer epoch 2 · first sequence 4 · number of records 4 · records
 */
import { COMPRESSIONS, compress, type Compression } from "./compression.ts";
import { crc32c } from "./crc32c.ts";

/** What stands in front of the records, bytes. */
export const BATCH_HEAD_BYTES = 61;
const LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_DELTA_AT = 23;
const FIRST_TIME_AT = 27;
const LAST_TIME_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const SEQUENCE_AT = 53;
const COUNT_AT = 57;

const MAGIC = 2;
const TRANSACTIONAL = 0x10;
const FIRST_BYTES = 2_048;
/** Bytes up to this many are copied by a loop; a call into the engine costs more than they do. */
const SHORT_BYTES = 40;
const MAX_VARINT_BYTES = 10;

/** A header of a record. A null value is Kafka's own null. */
export interface RecordHeader {
  readonly nameBytes: Uint8Array;
  readonly value: Uint8Array | null;
}

/** Who writes a batch. Id −1, epoch −1 and sequence −1: nobody in particular. */
export interface BatchStamp {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly sequence: number;
  readonly transactional: boolean;
}

/** One batch after another, in one buffer. */
export class RecordBatchBuilder {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = BATCH_HEAD_BYTES;
  #count = 0;
  #firstTimeMs = 0;
  #lastTimeMs = 0;
  /** Its records, compressed; null where there are others since, or nobody has asked. */
  #packed: Buffer | null = null;

  /** How many records it holds. */
  get count(): number {
    return this.#count;
  }

  /** Size of the batch as it stands, uncompressed, bytes. */
  get bytes(): number {
    return this.#at;
  }

  /** What it holds however little is in it, bytes. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** Begins the next batch. What the last one gave out is no more. */
  clear(): void {
    this.#at = BATCH_HEAD_BYTES;
    this.#count = 0;
    this.#packed = null;
  }

  /**
   * The next record: the first `keyLength` bytes of `key`, and of `value` likewise; −1 is null.
   * `timeMs` is in milliseconds since 1970, a whole number.
   */
  append(
    timeMs: number,
    key: Buffer,
    keyLength: number,
    value: Buffer,
    valueLength: number,
    headers: readonly RecordHeader[],
  ): void {
    if (this.#count === 0) this.#firstTimeMs = this.#lastTimeMs = timeMs;
    else if (timeMs > this.#lastTimeMs) this.#lastTimeMs = timeMs;
    const delta = timeMs - this.#firstTimeMs;
    const body =
      1 +
      longSize(delta) +
      varintSize(this.#count) +
      sizeOf(keyLength) +
      sizeOf(valueLength) +
      headersSize(headers);
    this.#reserve(body + MAX_VARINT_BYTES);
    const buffer = this.#buffer;
    let at = writeVarint(buffer, this.#at, body);
    // Attributes of a record: none are known.
    buffer[at++] = 0;
    at = writeLong(buffer, at, delta);
    at = writeVarint(buffer, at, this.#count);
    at = writeBytes(buffer, at, key, keyLength);
    at = writeBytes(buffer, at, value, valueLength);
    this.#at =
      headers.length === 0 ? writeVarint(buffer, at, 0) : writeHeaders(buffer, at, headers);
    this.#count++;
    this.#packed = null;
  }

  /** Compresses the records that there are, so that {@link finish} has less to do; it may wait for the batch's stamp. */
  pack(compression: Compression): void {
    if (compression !== "none") this.#packed ??= compress(compression, this.#records());
  }

  /** The batch, whole. A view of this builder's buffer where it is not compressed, which it is only where that makes it smaller: good until {@link clear}. */
  finish(stamp: BatchStamp, compression: Compression): Buffer {
    if (compression === "none") return this.#sealed(this.#buffer.subarray(0, this.#at), stamp, 0);
    const records = this.#records();
    const smaller = this.#packed ?? compress(compression, records);
    // Random bytes grow: a row would be too large for its topic that is not, and each reader does work for nothing.
    if (smaller.length >= records.length)
      return this.#sealed(this.#buffer.subarray(0, this.#at), stamp, 0);
    const batch = Buffer.allocUnsafe(BATCH_HEAD_BYTES + smaller.length);
    batch.set(smaller, BATCH_HEAD_BYTES);
    return this.#sealed(batch, stamp, COMPRESSIONS.indexOf(compression));
  }

  #records(): Buffer {
    return this.#buffer.subarray(BATCH_HEAD_BYTES, this.#at);
  }

  #sealed(batch: Buffer, stamp: BatchStamp, compression: number): Buffer {
    batch.writeBigInt64BE(0n, 0);
    batch.writeInt32BE(batch.length - LEADER_EPOCH_AT, LENGTH_AT);
    batch.writeInt32BE(-1, LEADER_EPOCH_AT);
    batch.writeInt8(MAGIC, MAGIC_AT);
    batch.writeInt16BE(compression | (stamp.transactional ? TRANSACTIONAL : 0), ATTRIBUTES_AT);
    batch.writeInt32BE(this.#count - 1, LAST_DELTA_AT);
    batch.writeBigInt64BE(BigInt(this.#firstTimeMs), FIRST_TIME_AT);
    batch.writeBigInt64BE(BigInt(this.#lastTimeMs), LAST_TIME_AT);
    batch.writeBigInt64BE(stamp.producerId, PRODUCER_ID_AT);
    batch.writeInt16BE(stamp.producerEpoch, PRODUCER_EPOCH_AT);
    batch.writeInt32BE(stamp.sequence, SEQUENCE_AT);
    batch.writeInt32BE(this.#count, COUNT_AT);
    batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
    return batch;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const next = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(next, 0, 0, this.#at);
    this.#buffer = next;
  }
}

/** The most that a record of these lengths takes in a batch, bytes. */
export function recordSizeBound(
  keyLength: number,
  valueLength: number,
  headers: readonly RecordHeader[],
): number {
  return 3 * MAX_VARINT_BYTES + sizeOf(keyLength) + sizeOf(valueLength) + headersSize(headers);
}

/** Length and bytes. */
function sizeOf(length: number): number {
  return length < 0 ? 1 : varintSize(length) + length;
}

/** Of a number from 0 to 2^30, in zigzag. */
function varintSize(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x10_0000) return 3;
  return value < 0x800_0000 ? 4 : 5;
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value * 2;
  while (rest >= 0x80) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}

/** Of any whole number up to 2^52 either way. */
function longSize(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

function writeLong(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = zigzag(value);
  while (rest >= 0x80) {
    buffer[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  buffer[at++] = rest;
  return at;
}

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function writeBytes(buffer: Buffer, start: number, bytes: Buffer, length: number): number {
  // −1 in zigzag.
  if (length < 0) {
    buffer[start] = 1;
    return start + 1;
  }
  let at = writeVarint(buffer, start, length);
  if (length > SHORT_BYTES) {
    bytes.copy(buffer, at, 0, length);
    return at + length;
  }
  for (let i = 0; i < length; i++) buffer[at++] = bytes[i] ?? 0;
  return at;
}

function headersSize(headers: readonly RecordHeader[]): number {
  let size = varintSize(headers.length);
  for (const { nameBytes, value } of headers)
    size += sizeOf(nameBytes.length) + sizeOf(value === null ? -1 : value.length);
  return size;
}

function writeHeaders(buffer: Buffer, start: number, headers: readonly RecordHeader[]): number {
  let at = writeVarint(buffer, start, headers.length);
  for (const { nameBytes, value } of headers) {
    at = writeVarint(buffer, at, nameBytes.length);
    buffer.set(nameBytes, at);
    at += nameBytes.length;
    if (value === null) buffer[at++] = 1;
    else {
      at = writeVarint(buffer, at, value.length);
      buffer.set(value, at);
      at += value.length;
    }
  }
  return at;
}
