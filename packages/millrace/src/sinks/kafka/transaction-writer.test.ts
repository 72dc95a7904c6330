import { describe, expect, it } from "vitest";
import type { TableEncoder } from "../../formats/format.ts";
import { systemClock } from "../../model/ports.ts";
import type { TargetChangeEvent } from "../../model/sink.ts";
import { tableId, type TargetTable } from "../../model/table.ts";
import { BatchSender } from "./batch-sender.ts";
import { partitionerOf } from "./partitioner.ts";
import { TransactionWriter, type TransactionProducer } from "./transaction-writer.ts";

const TABLE: TargetTable = {
  id: tableId("public", "t"),
  schema: "public",
  name: "t",
  columns: [{ name: "id", type: "int", logical: { kind: "int", bits: 32 }, nullable: false }],
  key: [0],
  keyless: false,
};
const PLACE = { name: "topic", partitions: 1, maxBatchBytes: 4096, compacted: false };

/** What happens, in its order: a letter for each change that was encoded, each batch that was sent, and the end. */
class Story {
  text = "";
  readonly #failsAt: number;
  readonly #refusedRow: string | null;
  #sent = 0;

  constructor(failsAt = Infinity, refusedRow: string | null = null) {
    this.#failsAt = failsAt;
    this.#refusedRow = refusedRow;
  }

  readonly encoder: TableEncoder = {
    change: (event, _nowMs, output) => {
      if (event.key === this.#refusedRow) throw new Error("does not fit");
      this.text += "e";
      output.key.ascii(event.key);
      output.value.ascii("x".repeat(900));
      output.message(true, true, event.after, []);
    },
    mark: () => undefined,
  };

  readonly producer: TransactionProducer = {
    send: async (batches) => {
      this.text += "S";
      this.#sent += 1;
      for (const { builder } of batches)
        expect(builder.bytes).toBeLessThanOrEqual(PLACE.maxBatchBytes);
      if (this.#sent === this.#failsAt) throw new Error("refused");
      if (this.#refusedRow === null) return;
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      this.text += "s";
    },
    commit: async () => {
      this.text += "C";
    },
    abort: async () => {
      this.text += "A";
    },
  };

  write(rows: number): Promise<void> {
    const output = {
      topic: PLACE,
      encoder: this.encoder,
      partitioner: partitionerOf({ kind: "hash-by-key" }, TABLE),
    };
    const { producer } = this;
    const sender = new BatchSender(producer);
    const rest = { clock: systemClock, exactlyOnce: true, tellers: [] };
    const writer = new TransactionWriter({
      producer,
      sender,
      tableOf: async () => output,
      notice: () => undefined,
      ...rest,
    });
    const changes = Array.from({ length: rows }, (_, n) => changeOf(String(n)));
    const writes = [{ kind: "changes", changes } as const];
    return writer.write({ writes, place: PLACE, records: [], commit: null });
  }
}

function changeOf(key: string): TargetChangeEvent {
  const nothing = { before: null, position: null, transaction: null, counterpart: null };
  return { table: TABLE, op: "c", key, after: [key], source: TABLE.id, ...nothing };
}

describe("a transaction of several batches", () => {
  it("is under way while the rest of it is encoded", async () => {
    const story = new Story();
    await story.write(12);
    // Four fit a batch; it leaves with the fifth.
    expect(story.text).toBe("eeeeeSeeeeSeeeSC");
  });

  it("is taken back where one of them was refused, and never ended", async () => {
    const story = new Story(2);
    await expect(story.write(12)).rejects.toThrow("refused");
    expect(story.text).toMatch(/^eeeeeSeeeeS[^C]*A$/);
  });

  it("is taken back once nothing of it is under way, where a row does not fit", async () => {
    const story = new Story(Infinity, "11");
    await expect(story.write(12)).rejects.toThrow("does not fit");
    // What comes to a broker behind the end would be of the next transaction.
    expect(story.text).toMatch(/^eeeeeSe+sA$/);
  });
});
