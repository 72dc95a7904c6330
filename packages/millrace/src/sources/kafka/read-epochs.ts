import { epochsIn } from "../../kafka/record-reader.ts";

/** So many are known; leaders change seldom. */
const MAX_EPOCHS = 64;

interface ReadEpoch {
  readonly epoch: number;
  readonly from: number;
  /** The last message that was read of it. */
  to: number;
}

/** Under which leaders' epochs the messages of a partition were read: from run to run; of the process before, that of the last message. */
export class ReadEpochs {
  #topicId = "";
  #epochs: ReadEpoch[] = [];

  /** What an answer holds from an offset on was read. */
  add(topicId: string, from: number, records: Buffer): void {
    if (topicId !== this.#topicId) this.#epochs = [];
    this.#topicId = topicId;
    this.#epochs = this.#epochs.filter((known) => known.from < from).slice(-MAX_EPOCHS);
    const before = this.#epochs.at(-1);
    if (before !== undefined) before.to = Math.min(before.to, from - 1);
    for (const [first, last, epoch] of epochsIn(records)) {
      const known = this.#epochs.at(-1);
      if (known?.epoch === epoch) known.to = last;
      else this.#epochs.push({ epoch, from: Math.max(first, from), to: last });
    }
  }

  /** A process before this one has read the message before this offset, under this epoch; −1: nobody knows. */
  resume(topicId: string, offset: number, epoch: number): void {
    if (epoch < 0 || this.before(topicId, offset) >= 0) return;
    this.#topicId = topicId;
    this.#epochs = [{ epoch, from: offset - 1, to: offset - 1 }];
  }

  /** Nothing counts as read. */
  forget(): void {
    this.#epochs = [];
  }

  /** That of the message before this offset; −1 where it was not read here. */
  before(topicId: string, offset: number): number {
    if (topicId !== this.#topicId) return -1;
    const known = this.#epochs.find(({ from, to }) => from < offset && offset <= to + 1);
    return known?.epoch ?? -1;
  }
}
