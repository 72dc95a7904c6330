/*
 * Hot: once per message. The hash by which Kafka's own clients choose the partition of a key, so that what we write and what
 * others write with the same key bytes lie in the same partition.
 */

const SEED = 0x9747_b28c;
const MIX = 0x5bd1_e995;

/** MurmurHash2, 32 bits, over the first `length` bytes. */
export function murmur2(bytes: Uint8Array, length = bytes.length): number {
  let hash = SEED ^ length;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let word =
      (bytes[i] ?? 0) |
      ((bytes[i + 1] ?? 0) << 8) |
      ((bytes[i + 2] ?? 0) << 16) |
      ((bytes[i + 3] ?? 0) << 24);
    word = Math.imul(word, MIX);
    word ^= word >>> 24;
    hash = Math.imul(hash, MIX) ^ Math.imul(word, MIX);
  }
  const rest = length - whole;
  if (rest > 2) hash ^= (bytes[whole + 2] ?? 0) << 16;
  if (rest > 1) hash ^= (bytes[whole + 1] ?? 0) << 8;
  if (rest > 0) hash = Math.imul(hash ^ (bytes[whole] ?? 0), MIX);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MIX);
  return hash ^ (hash >>> 15);
}

/** The partition of a key, as Kafka's default partitioner has it. */
export function partitionOf(key: Uint8Array, length: number, partitions: number): number {
  return (murmur2(key, length) & 0x7fff_ffff) % partitions;
}
