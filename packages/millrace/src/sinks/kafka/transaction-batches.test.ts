import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { BatchSender } from "./batch-sender.ts";
import { BuilderPool } from "./transaction-batches.ts";

const PLACE = { name: "topic", id: "the topic's", maxBatchBytes: 1_000 };
const KEY = Buffer.from("k");
const VALUE = Buffer.from("v".repeat(300));
const STAMP = { producerId: 1n, producerEpoch: 0, sequence: 0, transactional: true };

/** Batches wait here until they are let go. */
class Gate {
  readonly sent: { readonly partition: number; readonly bytes: number }[] = [];
  /** Each batch as it goes to its socket, and as it was when it was sent. */
  readonly underWay: { readonly bytes: Buffer; readonly copy: Buffer }[] = [];
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  readonly #sender = new BatchSender({
    send: async (batches) => {
      for (const { partition, builder } of batches) {
        const bytes = builder.finish(STAMP, "none");
        this.sent.push({ partition, bytes: bytes.length });
        this.underWay.push({ bytes, copy: Buffer.from(bytes) });
      }
      const gate = Promise.withResolvers<void>();
      this.#waiting.push(gate);
      return gate.promise;
    },
  });

  batches = this.#sender.begin();

  /** How many are under way. */
  get open(): number {
    return this.#waiting.length;
  }

  add(partition: number, value = VALUE): boolean {
    return this.batches.add(PLACE, partition, 1, KEY, KEY.length, value, value.length, []);
  }

  /** The oldest is taken, or refused. */
  async answer(error?: Error): Promise<void> {
    const gate = this.#waiting.shift();
    if (error === undefined) gate?.resolve();
    else gate?.reject(error);
    await turn();
  }
}

describe("batches of a transaction", () => {
  it("of one partition are under way one at a time, those of several together", async () => {
    const gate = new Gate();
    for (let i = 0; i < 7; i++) gate.add(0);
    for (let i = 0; i < 3; i++) gate.add(1);
    await turn();
    expect(gate.sent.map(({ partition }) => partition)).toEqual([0, 1]);
    await gate.answer();
    expect(gate.sent.map(({ partition }) => partition)).toEqual([0, 1, 0]);
    expect(gate.open).toBe(2);
  });

  it("are not touched before they are answered: a socket may not have all of their bytes", async () => {
    const gate = new Gate();
    for (let i = 0; i < 3; i++) gate.add(0);
    await turn();
    for (let i = 0; i < 6; i++) gate.add(1, Buffer.alloc(250, 65 + i));
    await turn();
    expect(gate.underWay).toHaveLength(2);
    for (const { bytes, copy } of gate.underWay) expect(bytes.equals(copy)).toBe(true);
  });

  it("are never larger than their topic takes, and what is so by itself is not taken", async () => {
    const gate = new Gate();
    expect(gate.add(0, Buffer.alloc(PLACE.maxBatchBytes))).toBe(false);
    for (let i = 0; i < 9; i++) expect(gate.add(0)).toBe(true);
    const finished = gate.batches.finish();
    for (let i = 0; i < 6; i++) {
      await turn();
      await gate.answer();
    }
    await finished;
    expect(gate.sent.length).toBeGreaterThan(3);
    for (const { bytes } of gate.sent) expect(bytes).toBeLessThanOrEqual(PLACE.maxBatchBytes);
  });

  it("end with the first that is refused: no later one of that transaction goes", async () => {
    const gate = new Gate();
    for (let i = 0; i < 9; i++) gate.add(0);
    const finished = expect(gate.batches.finish()).rejects.toThrow("refused");
    await turn();
    await gate.answer(new Error("refused"));
    for (let i = 0; i < 4; i++) await gate.answer();
    await finished;
    expect(gate.sent).toHaveLength(1);
    await gate.batches.clear();
    expect(gate.batches.hasSent).toBe(false);
  });
});

describe("builders that are kept for the next transaction", () => {
  it("hold no more bytes together than one needs, however large they have become", () => {
    const pool = new BuilderPool();
    const large = Array.from({ length: 40 }, () => {
      const builder = pool.take();
      builder.append(1, KEY, KEY.length, Buffer.alloc(1_000_000), 1_000_000, []);
      return builder;
    });
    for (const builder of large) pool.give(builder);
    expect(pool.keptBytes).toBeGreaterThan(10 * 2 ** 20);
    expect(pool.keptBytes).toBeLessThanOrEqual(16 * 2 ** 20);
    const small = pool.take();
    expect(pool.keptBytes).toBeLessThanOrEqual(15 * 2 ** 20);
    pool.give(small);
  });
});
