import { describe, expect, it } from "vitest";
import type { TableEncoder } from "../../formats/format.ts";
import { systemClock } from "../../model/ports.ts";
import type { TargetChangeEvent, Write } from "../../model/sink.ts";
import { tableId, type TargetTable } from "../../model/table.ts";
import { BatchSender } from "./batch-sender.ts";
import { MAX_AHEAD_BYTES } from "./ahead-encoder.ts";
import { partitionerOf } from "./partitioner.ts";
import type { SideTeller } from "./side-teller.ts";
import { TransactionWriter, type TransactionProducer } from "./transaction-writer.ts";

const TABLE: TargetTable = {
  id: tableId("public", "t"),
  schema: "public",
  name: "t",
  columns: [{ name: "id", type: "int", logical: { kind: "int", bits: 32 }, nullable: false }],
  key: [0],
  keyless: false,
};
const PLACE = {
  name: "topic",
  id: "the topic's",
  partitions: 1,
  maxBatchBytes: 4096,
  compacted: false,
};

type ChangesWrite = Extract<Write, { kind: "changes" }>;

/** What happens, in its order: a letter for each change that was encoded, each batch that was sent, and the end. */
class Story {
  text = "";
  /** What the end of a transaction waits for. */
  ending: () => Promise<void> = () => Promise.resolve();
  /** How often the refused row is. */
  refusals = Infinity;
  /** How many messages were sent. */
  messages = 0;
  /** What each message holds, bytes. */
  valueBytes = 900;
  place = PLACE;
  readonly #failsAt: number;
  readonly #refusedRow: string | null;
  #sent = 0;

  constructor(failsAt = Infinity, refusedRow: string | null = null) {
    this.#failsAt = failsAt;
    this.#refusedRow = refusedRow;
  }

  readonly encoder: TableEncoder = {
    change: (event, _nowMs, output) => {
      if (event.key === this.#refusedRow && this.refusals-- > 0) throw new Error("does not fit");
      this.text += "e";
      output.key.ascii(event.key);
      output.value.ascii("x".repeat(this.valueBytes));
      output.message(true, true, event.after, []);
    },
    mark: () => undefined,
  };

  readonly producer: TransactionProducer = {
    send: async (batches) => {
      this.text += "S";
      this.#sent += 1;
      for (const { builder } of batches) {
        this.messages += builder.count;
        expect(builder.bytes).toBeLessThanOrEqual(this.place.maxBatchBytes);
      }
      if (this.#sent === this.#failsAt) throw new Error("refused");
      if (this.#refusedRow === null) return;
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      this.text += "s";
    },
    renew: async () => undefined,
    commit: async () => {
      await this.ending();
      this.text += "C";
    },
    abort: async () => {
      this.text += "A";
    },
  };

  /** One writer for what follows. */
  writer(tellers: readonly SideTeller[] = []): TransactionWriter {
    const output = {
      topic: this.place,
      encoder: this.encoder,
      partitioner: partitionerOf({ kind: "hash-by-key" }, TABLE),
    };
    const { producer } = this;
    const sender = new BatchSender(producer);
    const rest = { clock: systemClock, exactlyOnce: true, tellers };
    return new TransactionWriter({
      producer,
      sender,
      tableOf: async () => output,
      notice: () => undefined,
      ...rest,
    });
  }

  write(rows: number): Promise<void> {
    return send(this.writer(), writeOf(rows));
  }
}

function writeOf(rows: number, first = 0): ChangesWrite {
  const changes = Array.from({ length: rows }, (_, n) => changeOf(String(first + n)));
  return { kind: "changes", changes };
}

/** As a commit of the pipeline: behind it comes `next`, as soon as it is asked for. */
function send(
  writer: TransactionWriter,
  write: Write | null,
  next: (() => Promise<Write | null>) | null = null,
): Promise<void> {
  const nothing = { state: [], deadLetters: [], superseded: [] };
  const writes = write === null ? [] : [write];
  const commit = next === null ? null : { fence: 1, lanes: [], writes, ...nothing, next };
  return writer.write({ writes, place: PLACE, records: [], commit });
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
    expect(story.text).toMatch(/^eeeeeSe+s(Se*s)?A$/);
  });
});

/** Long enough for everything that is to be encoded. */
async function turns(story: Story, wanted: RegExp): Promise<void> {
  while (!wanted.test(story.text)) await new Promise((resolve) => setImmediate(resolve));
}

describe("the transaction behind the one under way", () => {
  it("is encoded while that one is being ended, and sent when its own turn has come", async () => {
    const story = new Story();
    const writer = story.writer();
    const [first, second] = [writeOf(2), writeOf(6)];
    story.ending = () => turns(story, /(?:S*e){8}$/); // all eight rows, whatever was sent between them
    await send(writer, first, async () => second);
    expect(story.text).toBe("eeSeeeeeeC");
    story.ending = () => Promise.resolve();
    await send(writer, second);
    // Nothing of it is encoded again: its full batch, then the rest.
    expect(story.text).toBe("eeSeeeeeeCSSC");
  });

  it("keeps nothing for a commit that brings another write", async () => {
    const story = new Story();
    const writer = story.writer();
    story.ending = () => turns(story, /Se{6}$/);
    await send(writer, writeOf(2), async () => writeOf(6));
    story.ending = () => Promise.resolve();
    await send(writer, writeOf(1));
    expect(story.text).toBe("eeSeeeeeeCeSC");
  });

  it("stays ready behind a commit that has no rows", async () => {
    const story = new Story();
    const writer = story.writer();
    const second = writeOf(3);
    story.ending = () => turns(story, /Se{3}/);
    await send(writer, writeOf(2), async () => second);
    await send(writer, null);
    await send(writer, second);
    expect(story.text).toBe("eeSeeeCCSC");
  });

  it("outlives the failure of the one before it, which is encoded anew, in front of it", async () => {
    const story = new Story();
    const writer = story.writer();
    const [first, second] = [writeOf(2), writeOf(3)];
    story.ending = async () => {
      await turns(story, /Se{3}$/);
      throw new Error("refused");
    };
    await expect(send(writer, first, async () => second)).rejects.toThrow("refused");
    story.ending = () => Promise.resolve();
    await send(writer, first);
    await send(writer, second);
    expect(story.text).toBe("eeSeeeAeeSCeeeSC");
  });

  it("says itself that a row does not fit, and not before", async () => {
    const story = new Story(Infinity, "7");
    const writer = story.writer();
    const second = writeOf(3, 5);
    story.ending = () => turns(story, /e.*e.*e/);
    await send(writer, writeOf(1), async () => second);
    await expect(send(writer, second)).rejects.toThrow("does not fit");
    expect(story.text.replaceAll("s", "")).toBe("eSeeCee");
  });

  it("is encoded anew, each row once, where only a part of it could be made ready", async () => {
    const story = new Story(Infinity, "7");
    story.refusals = 1;
    const writer = story.writer();
    const second = writeOf(3, 5);
    story.ending = async () => {
      while (story.refusals > 0) await new Promise((resolve) => setImmediate(resolve));
    };
    await send(writer, writeOf(1), async () => second);
    await send(writer, second);
    expect(story.messages).toBe(4);
  });

  it("is ready up to a bound, and its rest is encoded when it begins", async () => {
    const story = new Story();
    const writer = story.writer();
    const rows = Math.ceil(MAX_AHEAD_BYTES / 900) + 1_000;
    const second = writeOf(rows);
    story.ending = async () => {
      for (let seen = ""; seen !== story.text || !seen.endsWith("e");) {
        seen = story.text;
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await send(writer, writeOf(1), async () => second);
    const ready = story.text.length - "eSC".length;
    expect(ready).toBeGreaterThan(rows / 2);
    expect(ready * 900).toBeLessThan(MAX_AHEAD_BYTES + 256 * 900);
    story.ending = () => Promise.resolve();
    await send(writer, second);
    expect(story.text.match(/e/g)).toHaveLength(rows + 1);
  });

  it("is ready up to that bound where messages are large too, a few of them each turn", async () => {
    const story = new Story();
    story.valueBytes = 250_000;
    story.place = { ...PLACE, maxBatchBytes: 1_048_576 };
    const writer = story.writer();
    const second = writeOf(200);
    let most = 0;
    story.ending = async () => {
      for (let idle = 0; idle < 5;) {
        const before = story.text.length;
        await new Promise((resolve) => setImmediate(resolve));
        const made = story.text.length - before;
        most = Math.max(most, made);
        idle = made === 0 && story.text.endsWith("e") ? idle + 1 : 0;
      }
    };
    await send(writer, writeOf(1), async () => second);
    const ready = story.text.length - "eSC".length;
    expect(ready).toBe(Math.ceil(MAX_AHEAD_BYTES / 250_000));
    expect(most).toBe(2);
    story.ending = () => Promise.resolve();
    await send(writer, second);
    expect(story.messages).toBe(201);
  });

  it("waits for its turn where somebody counts each change", async () => {
    const story = new Story();
    let counted = 0;
    const counts: SideTeller = {
      change: () => void (counted += 1),
      done: () => undefined,
      undone: () => undefined,
    };
    const writer = story.writer([counts]);
    const second = writeOf(3);
    await send(writer, writeOf(2), async () => second);
    expect(counted).toBe(2);
    await send(writer, second);
    expect(story.text).toBe("eeSCeeeSC");
  });

  it("does not hold a commit up that nobody has anything behind", async () => {
    const story = new Story();
    const writer = story.writer();
    await send(writer, writeOf(1), () => new Promise(() => undefined));
    await send(writer, writeOf(1), async () => null);
    await send(writer, writeOf(1));
    expect(story.text).toBe("eSCeSCeSC");
  });
});
