/** Sequence numbers: decimal texts of 21 and more digits that grow within a shard and its descendants. */

const EPOCH = 10n ** 20n;
const MOST_STEP = 997;
const FIRST_COUNTER = 1_000_000;

/**
 * A number is an epoch, which grows with each shard, times 10^20, plus a counter with gaps. The first shards get the last
 * epochs of one digit, so that their children's numbers are longer: who compares texts reads them out of order.
 */
export class SequenceNumbers {
  readonly #random: () => number;
  #epoch: bigint;
  #counter: bigint;

  constructor(random: () => number, firstShards: number) {
    this.#random = random;
    this.#epoch = BigInt(Math.max(0, 9 - firstShards));
    this.#counter = BigInt(Math.floor(random() * FIRST_COUNTER));
  }

  /** The epoch of a new shard. */
  openEpoch(): bigint {
    this.#epoch += 1n;
    return this.#epoch;
  }

  /** The next number in a shard of that epoch. */
  next(epoch: bigint): bigint {
    this.#counter += BigInt(1 + Math.floor(this.#random() * MOST_STEP));
    return epoch * EPOCH + this.#counter;
  }

  /** What every number to come in that epoch is not below. */
  tip(epoch: bigint): bigint {
    return epoch * EPOCH + this.#counter + 1n;
  }
}
