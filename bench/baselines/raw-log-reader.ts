// The best raw reader we know of a replication slot: framing only, coalesced reads (a short wait after each small read,
// which walsender's one send per row asks for). It shares no code with the engine and runs in a thread of its own.
import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import pg from "pg";

const { url, slot, publication, rows } = workerData as {
  url: string;
  slot: string;
  publication: string;
  rows: number;
};
const READ_BYTES = 256 * 1024;
const SMALL_READ_BYTES = 32 * 1024;
const pause = new Int32Array(new SharedArrayBuffer(4));

let streaming = false;
let left: Buffer = Buffer.alloc(0);
let seen = 0;
let began = 0;

const socket = new Socket({
  onread: {
    buffer: Buffer.alloc(READ_BYTES),
    callback: (length: number, buffer: Uint8Array) => {
      const bytes = Buffer.from(buffer.subarray(0, length));
      if (!streaming) return socket.emit("data", bytes);
      count(bytes);
      if (length < SMALL_READ_BYTES) Atomics.wait(pause, 0, 0, 0.2);
      return true;
    },
  },
});

const client = new pg.Client({
  connectionString: url,
  replication: "database",
  stream: () => socket,
} as pg.ClientConfig & {
  replication: string;
});
await client.connect();
client.on("error", () => undefined);
void client
  .query(
    `START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names '${publication}')`,
  )
  .catch(() => undefined);
began = performance.now();
streaming = true;

function count(bytes: Buffer): void {
  const all = left.length === 0 ? bytes : Buffer.concat([left, bytes]);
  let at = 0;
  while (all.length - at >= 5) {
    const length = all.readUInt32BE(at + 1) + 1;
    if (all.length - at < length) break;
    // 'd' (copy data), 'w' (log data), then the message's own tag: I, U or D is a row.
    if (all[at] === 0x64 && all[at + 5] === 0x77) {
      const tag = all[at + 30];
      if (tag === 0x49 || tag === 0x55 || tag === 0x44) seen++;
    }
    at += length;
  }
  left = all.subarray(at);
  if (seen < rows) return;
  parentPort?.postMessage({ seconds: (performance.now() - began) / 1000 });
  socket.destroy();
  process.exit();
}
