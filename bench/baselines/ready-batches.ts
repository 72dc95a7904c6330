// Messages that were made beforehand, sent over a plain socket for each partition, one request after the other, in no transaction:
// what a broker takes when nobody has to make anything of them. It shares no code with the engine and runs in a thread of its own.
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { workerData } from "node:worker_threads";
import { inTurn } from "./bare-turn.ts";

/** What it is given. */
export interface ReadyMessages {
  readonly host: string;
  readonly port: number;
  readonly topic: string;
  readonly partitions: number;
  readonly rows: number;
  /** Of each message, about. */
  readonly bytes: number;
  readonly batchBytes: number;
}

const PRODUCE = 0;
const VERSION = 7;
const ALL_REPLICAS = -1;
const TIMEOUT_MS = 30_000;
const KEY_BYTES = 8;
const HEAD_BYTES = 61;
const POLYNOMIAL = 0x82f63b78;
/** Behind its own length a record has some ten bytes besides key and value. */
const RECORD_BYTES = 12;

const { host, port, topic, partitions, rows, bytes, batchBytes } = workerData as ReadyMessages;
const full = Math.min(
  Math.floor(batchBytes / (bytes + RECORD_BYTES)),
  Math.ceil(rows / partitions),
);

const sockets = await Promise.all(Array.from({ length: partitions }, () => connected()));
const requests = sockets.map((_, partition) => requestOf(partition, full));
let left = rows;
await inTurn(() => Promise.all(sockets.map((socket, partition) => sendAll(socket, partition))));
for (const socket of sockets) socket.destroy();

async function sendAll(socket: Socket, partition: number): Promise<void> {
  while (left > 0) {
    const count = Math.min(left, full);
    left -= count;
    const request = count === full ? requests[partition] : requestOf(partition, count);
    await acknowledged(socket, request ?? Buffer.alloc(0));
  }
}

async function connected(): Promise<Socket> {
  const socket = createConnection({ host, port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

/** Sends a request, and reads its answer to the end. */
async function acknowledged(socket: Socket, request: Buffer): Promise<void> {
  socket.write(request);
  let answer: Buffer = Buffer.alloc(0);
  while (answer.length < 4 || answer.length < answer.readInt32BE(0) + 4) {
    const [part] = (await once(socket, "data")) as [Buffer];
    answer = Buffer.concat([answer, part]);
  }
  // Length, correlation id, one topic with its name, one partition with its number.
  const code = answer.readInt16BE(4 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4);
  if (code !== 0) throw new Error(`a broker answers Produce with ${code}`);
}

/** One batch for one partition. */
function requestOf(partition: number, count: number): Buffer {
  const batch = batchOf(count);
  const body = Buffer.concat([
    int16(PRODUCE),
    int16(VERSION),
    int32(0),
    text("bare"),
    int16(-1),
    int16(ALL_REPLICAS),
    int32(TIMEOUT_MS),
    int32(1),
    text(topic),
    int32(1),
    int32(partition),
    int32(batch.length),
    batch,
  ]);
  return Buffer.concat([int32(body.length), body]);
}

function batchOf(count: number): Buffer {
  const records = Array.from({ length: count }, (_, i) => recordOf(i));
  const batch = Buffer.concat([Buffer.alloc(HEAD_BYTES), ...records]);
  const nowMs = BigInt(Date.now());
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(nowMs, 27);
  batch.writeBigInt64BE(nowMs, 35);
  // No producer.
  batch.fill(0xff, 43, 57);
  batch.writeInt32BE(count, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

function recordOf(index: number): Buffer {
  const value = Buffer.alloc(Math.max(1, bytes - KEY_BYTES), "v");
  const key = Buffer.from(String(index).padStart(KEY_BYTES, "0"));
  const parts = [varint(0), varint(index), varint(key.length), key, varint(value.length), value];
  const body = Buffer.concat([Buffer.alloc(1), ...parts, varint(0)]);
  return Buffer.concat([varint(body.length), body]);
}

function varint(value: number): Buffer {
  const found: number[] = [];
  for (let rest = value * 2; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...found, rest]);
    found.push((rest & 0x7f) | 0x80);
  }
}

function int16(value: number): Buffer {
  const made = Buffer.alloc(2);
  made.writeInt16BE(value);
  return made;
}

function int32(value: number): Buffer {
  const made = Buffer.alloc(4);
  made.writeInt32BE(value);
  return made;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** Once per batch, before anything is measured. */
function crc32c(batch: Buffer): number {
  let crc = -1;
  for (const byte of batch) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}
