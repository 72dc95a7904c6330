/** `node record-batch.bench.ts`: messages of 19 and 230 bytes into batches of 1 MB, millions a second, best of ten. */
import { COMPRESSIONS, type Compression } from "./compression.ts";
import { RecordBatchBuilder } from "./record-batch.ts";

const MESSAGES = 200_000;
const BATCH_BYTES = 1_000_000;
const key = Buffer.from('{"id":1234567890123');
const value = Buffer.from(
  JSON.stringify({
    id: 1,
    name: "a customer's name",
    note: "x".repeat(120),
    at: 1_700_000_000,
  }).padEnd(230),
);
const stamp = { producerId: 1n, producerEpoch: 1, sequence: 0, transactional: true };

function measure(builder: RecordBatchBuilder, compression: Compression, count: number): number {
  let bytes = 0;
  const startMs = performance.now();
  for (let i = 0; i < count; i++) {
    if (builder.bytes > BATCH_BYTES) {
      bytes += builder.finish(stamp, compression).length;
      builder.clear();
    }
    builder.append(1_700_000_000_000 + (i & 1023), key, key.length, value, value.length, []);
  }
  bytes += builder.finish(stamp, compression).length;
  builder.clear();
  return bytes === 0 ? 0 : count / (performance.now() - startMs) / 1000;
}

const builder = new RecordBatchBuilder();
for (const compression of COMPRESSIONS) {
  const count = compression === "none" ? MESSAGES : MESSAGES / 4;
  const runs = Array.from({ length: 10 }, () => measure(builder, compression, count));
  process.stdout.write(`${compression.padEnd(8)} ${Math.max(...runs).toFixed(2)} M messages/s\n`);
}
