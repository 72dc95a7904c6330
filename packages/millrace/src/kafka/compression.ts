import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { compressionsAlgorithms } from "@platformatic/kafka";
import { KafkaFault } from "./kafka-fault.ts";

/** How record batches may be compressed, by the names that Kafka's clients have for it. */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** One of them. Its index in {@link COMPRESSIONS} is its number in a batch. */
export type Compression = (typeof COMPRESSIONS)[number];

/** A batch that says it becomes more than this is not believed (I10), bytes. */
const MAX_BATCH_BYTES = 256 * 2 ** 20;
/** Speed first: a broker's disk is cheaper than the core that encodes. */
const GZIP_LEVEL = 1;

/** The records of a batch, smaller. */
export function compress(compression: Compression, records: Buffer): Buffer {
  switch (compression) {
    case "none":
      return records;
    case "gzip":
      return gzipSync(records, { level: GZIP_LEVEL });
    case "zstd":
      return zstdCompressSync(records);
    case "snappy":
    case "lz4":
      return compressionsAlgorithms[compression].compressSync(records);
  }
}

/**
 * The records of a batch as they were.
 * @throws KafkaFault `corrupt` where they are not what the number says, or become too large.
 */
export function decompress(number: number, bytes: Buffer): Buffer {
  try {
    return decompressed(COMPRESSIONS[number], bytes);
  } catch (error) {
    if (error instanceof KafkaFault) throw error;
    throw new KafkaFault("corrupt", "CORRUPT_BATCH", "a batch cannot be decompressed", error);
  }
}

function decompressed(compression: Compression | undefined, bytes: Buffer): Buffer {
  const maxOutputLength = MAX_BATCH_BYTES;
  switch (compression) {
    case undefined:
      throw new KafkaFault("corrupt", "CORRUPT_BATCH", "a batch is compressed in an unknown way");
    case "none":
      return bytes;
    case "gzip":
      return gunzipSync(bytes, { maxOutputLength });
    case "zstd":
      return zstdDecompressSync(bytes, { maxOutputLength });
    case "snappy":
    case "lz4":
      return compressionsAlgorithms[compression].decompressSync(bytes);
  }
}
