import { expect, it } from "vitest";
import { RecordBatchBuilder } from "../../kafka/record-batch.ts";
import { ReadEpochs } from "./read-epochs.ts";

/** A batch of `count` messages from `first` on, as a leader of this epoch has written it. */
function batch(first: number, count: number, epoch: number): Buffer {
  const builder = new RecordBatchBuilder();
  for (let n = 0; n < count; n++) builder.append(0, Buffer.from("k"), 1, Buffer.from("v"), 1, []);
  const stamp = { producerId: -1n, producerEpoch: -1, sequence: -1, transactional: false };
  const bytes = Buffer.from(builder.finish(stamp, "none"));
  bytes.writeBigInt64BE(BigInt(first), 0);
  bytes.writeInt32BE(epoch, 12);
  return bytes;
}

it("an epoch is known of what was read, and of nothing else", () => {
  const epochs = new ReadEpochs();
  epochs.add("id", 5, Buffer.concat([batch(0, 10, 3), batch(10, 10, 4), batch(30, 10, 7)]));
  const known = (offset: number): number => epochs.before("id", offset);
  expect([5, 6, 10, 11, 20].map(known)).toEqual([-1, 3, 3, 4, 4]);
  // What stood there was compacted away, whoever led then.
  expect([21, 30, 31, 40, 41].map(known)).toEqual([-1, -1, 7, 7, -1]);
  expect(epochs.before("another", 10)).toBe(-1);
});

it("what a process before has read is known by its last message, until more is read here", () => {
  const epochs = new ReadEpochs();
  epochs.resume("id", 10, -1);
  expect(epochs.before("id", 10)).toBe(-1);
  epochs.resume("id", 10, 3);
  epochs.add("id", 10, batch(10, 5, 4));
  expect([9, 10, 11, 15].map((offset) => epochs.before("id", offset))).toEqual([-1, 3, 4, 4]);
  // It knows better than what is kept.
  epochs.resume("id", 15, 2);
  expect(epochs.before("id", 15)).toBe(4);
});

it("what is read again counts as it was read last", () => {
  const epochs = new ReadEpochs();
  epochs.add("id", 0, Buffer.concat([batch(0, 10, 3), batch(10, 10, 4)]));
  epochs.add("id", 5, batch(0, 15, 6));
  expect([5, 6, 15, 16].map((offset) => epochs.before("id", offset))).toEqual([3, 6, 6, -1]);
  epochs.add("other", 0, batch(0, 5, 1));
  expect([epochs.before("id", 5), epochs.before("other", 5)]).toEqual([-1, 1]);
  epochs.forget();
  expect(epochs.before("other", 5)).toBe(-1);
});
