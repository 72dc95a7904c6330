/** A shard: a range of partitions, open for some hours, with the records that were written meanwhile. */

/** A record as it is kept. */
export interface KeptRecord {
  readonly sequence: bigint;
  readonly writtenMs: number;
  readonly bytes: number;
  /** As GetRecords gives it. */
  readonly wire: Readonly<Record<string, unknown>>;
}

/** What a shard is opened with. */
export interface ShardOpening {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly epoch: bigint;
  readonly startsWith: bigint;
  readonly openedMs: number;
  /** Partition points from here … */
  readonly from: number;
  /** … to below here. */
  readonly to: number;
}

/** One shard. */
export class Shard {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly epoch: bigint;
  readonly startsWith: bigint;
  readonly openedMs: number;
  readonly from: number;
  readonly to: number;
  #records: KeptRecord[] = [];
  #endsWith: bigint | undefined;
  #closedMs: number | undefined;
  #trimmedThrough: bigint | undefined;

  constructor(opening: ShardOpening) {
    this.id = opening.id;
    this.parentId = opening.parentId;
    this.epoch = opening.epoch;
    this.startsWith = opening.startsWith;
    this.openedMs = opening.openedMs;
    this.from = opening.from;
    this.to = opening.to;
  }

  get endsWith(): bigint | undefined {
    return this.#endsWith;
  }

  get closedMs(): number | undefined {
    return this.#closedMs;
  }

  /** The last number that is trimmed; undefined where nothing is. */
  get trimmedThrough(): bigint | undefined {
    return this.#trimmedThrough;
  }

  get isOpen(): boolean {
    return this.#endsWith === undefined;
  }

  get recordCount(): number {
    return this.#records.length;
  }

  /** Whether records of a partition point go here. */
  covers(point: number): boolean {
    return this.isOpen && point >= this.from && point < this.to;
  }

  append(record: KeptRecord): void {
    this.#records.push(record);
  }

  /** Closes it; the ending number is at or behind the last record. */
  close(endsWith: bigint, closedMs: number): void {
    this.#endsWith = endsWith;
    this.#closedMs = closedMs;
  }

  /** Forgets what is older. */
  trim(olderThanMs: number): void {
    const kept = this.#records.findIndex((record) => record.writtenMs >= olderThanMs);
    const gone = kept === -1 ? this.#records.length : kept;
    const last = this.#records[gone - 1];
    if (last === undefined) return;
    this.#trimmedThrough = last.sequence;
    this.#records = this.#records.slice(gone);
  }

  /** The oldest number that can be read, or where it would be. */
  horizon(): bigint {
    return this.#records[0]?.sequence ?? (this.#trimmedThrough ?? this.startsWith - 1n) + 1n;
  }

  /** Records from a number on, up to a count and a size; one is given whatever its size. */
  read(from: bigint, limit: number, mostBytes: number): readonly KeptRecord[] {
    const first = this.#indexOf(from);
    let bytes = 0;
    let last = first;
    for (; last < this.#records.length && last - first < limit; last += 1) {
      bytes += this.#records[last]?.bytes ?? 0;
      if (bytes > mostBytes && last > first) break;
    }
    return this.#records.slice(first, last);
  }

  /** Whether nothing is left to be read from a number on. */
  isReadFrom(from: bigint): boolean {
    return this.#indexOf(from) === this.#records.length;
  }

  #indexOf(from: bigint): number {
    let [low, high] = [0, this.#records.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const record = this.#records[middle];
      if (record !== undefined && record.sequence < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
