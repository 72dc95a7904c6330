import { crc32c } from "../../kafka/crc32c.ts";
import { BATCH_HEAD_BYTES } from "../../kafka/record-batch.ts";

/** A message with its place; null as key or value is Kafka's own null. */
export interface ModelRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
}

/** One batch of a partition, as a broker keeps it. Compaction takes records out and leaves offsets as they are. */
export interface ModelBatch {
  readonly first: number;
  readonly last: number;
  readonly timeMs: number;
  /** Null: it is in no transaction. */
  readonly producer: bigint | null;
  /** It ends the producer's transaction. */
  readonly control: "commit" | "abort" | null;
  readonly records: readonly ModelRecord[];
}

const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** A batch (magic 2) as it goes over the wire, written by other code than ours that is tested: records may have gaps. */
export function batchBytes({
  first,
  last,
  timeMs,
  producer,
  control,
  records,
}: ModelBatch): Buffer {
  const told = control === null ? records.map(recordBytes(first)) : [controlBytes(control)];
  const body = Buffer.concat(told);
  const batch = Buffer.alloc(BATCH_HEAD_BYTES + body.length);
  batch.writeBigInt64BE(BigInt(first), 0);
  batch.writeInt32BE(batch.length - 12, 8);
  // Under the only leader epoch there is.
  batch.writeInt32BE(0, 12);
  batch.writeInt8(2, 16);
  const attributes = (producer === null ? 0 : TRANSACTIONAL) | (control === null ? 0 : CONTROL);
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(last - first, 23);
  batch.writeBigInt64BE(BigInt(timeMs), 27);
  batch.writeBigInt64BE(BigInt(timeMs), 35);
  batch.writeBigInt64BE(producer ?? -1n, 43);
  batch.writeInt16BE(producer === null ? -1 : 0, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(told.length, 57);
  body.copy(batch, BATCH_HEAD_BYTES);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

function recordBytes(first: number): (record: ModelRecord) => Buffer {
  return ({ offset, key, value }) => {
    const parts = [Buffer.of(0), varint(0), varint(offset - first), lengthed(key), lengthed(value)];
    const body = Buffer.concat([...parts, varint(0)]);
    return Buffer.concat([varint(body.length), body]);
  };
}

/** Its key is a version and how the transaction ended. */
function controlBytes(control: "commit" | "abort"): Buffer {
  const key = Buffer.of(0, 0, 0, control === "commit" ? 1 : 0);
  const parts = [
    Buffer.of(0),
    varint(0),
    varint(0),
    varint(key.length),
    key,
    varint(-1),
    varint(0),
  ];
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(body.length), body]);
}

function lengthed(text: string | null): Buffer {
  if (text === null) return varint(-1);
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** In zigzag. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value < 0 ? -value * 2 - 1 : value * 2; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.of(...bytes, rest);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
