import { describe, expect, it } from "vitest";
import type { StateEntry, Write } from "../model/sink.ts";
import { shapeOf, targetOf } from "./pipeline-parts.fixture.ts";
import type { CommitContent } from "./committer.ts";
import { MAX_STATE_ENTRIES, StateWriter, type LiveDocument } from "./state-writer.ts";

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** A committer whose transactions go when they are let. */
class Gate {
  readonly written: (readonly StateEntry[])[] = [];
  readonly marks: (readonly Write[])[] = [];
  readonly failures: unknown[] = [];
  #waiting: (() => void)[] = [];
  fails: Error | null = null;
  sendsRows = false;
  readonly writer = new StateWriter({
    committer: { commit: (_lanes, content) => this.#commit(content) },
    sendsRows: () => this.sendsRows,
    failed: (error) => this.failures.push(error),
  });

  async #commit(content: CommitContent) {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.fails !== null) throw this.fails;
    this.marks.push(content.marks?.() ?? []);
    this.written.push(content.state());
    return { outcome: "done", deletedSome: 0 } as const;
  }

  async open(): Promise<void> {
    this.#waiting.shift()?.();
    await tick();
  }
}

const live = (key: string, read: () => object | null): LiveDocument => ({ key, read });

describe("StateWriter", () => {
  it("writes a document as it is when its transaction goes", async () => {
    const gate = new Gate();
    let value = 1;
    const written = gate.writer.write([live("table/a", () => ({ value }))]);
    value = 2;
    await gate.open();
    await written;
    expect(gate.written).toEqual([[{ key: "table/a", value: { value: 2 } }]]);
  });

  it("what waits at the same time leaves together, each document once", async () => {
    const gate = new Gate();
    const first = gate.writer.write([live("a", () => ({ n: 1 }))]);
    const second = gate.writer.write([live("b", () => null), live("a", () => ({ n: 2 }))]);
    await gate.open();
    await Promise.all([first, second]);
    expect(gate.written).toEqual([
      [
        { key: "a", value: { n: 2 } },
        { key: "b", value: null },
      ],
    ]);
  });

  it("tells marks once, with the last of the documents that wait with them", async () => {
    const gate = new Gate();
    const mark: Write = { kind: "delete-some", table: targetOf(shapeOf()), maxRows: 1 };
    const many = Array.from({ length: MAX_STATE_ENTRIES }, (_, i) => live(`d${i}`, () => null));
    const written = [
      gate.writer.write(many),
      gate.writer.write([live("table/a", () => ({}))], [mark]),
    ];
    await gate.open();
    await gate.open();
    await Promise.all(written);
    expect(gate.marks).toEqual([[], [mark]]);
    const rest = gate.writer.write([live("b", () => ({}))]);
    await gate.open();
    await rest;
    expect(gate.marks.at(-1)).toEqual([]);
  });

  it("what comes while a transaction is under way goes with the next one", async () => {
    const gate = new Gate();
    const first = gate.writer.write([live("a", () => ({ n: 1 }))]);
    await gate.open();
    await first;
    const second = gate.writer.write([live("a", () => ({ n: 2 }))]);
    await gate.open();
    await second;
    expect(gate.written).toHaveLength(2);
  });

  it("over the limit, chunks come before the tables that planned them, and go after the end they raised", async () => {
    const gate = new Gate();
    const tables = Array.from({ length: MAX_STATE_ENTRIES }, (_, i) =>
      live(`table/${i}`, () => ({})),
    );
    const written = gate.writer.write([
      live("chunk/1/x", () => null),
      ...tables,
      live("chunk/2/x", () => ({ n: 2 })),
    ]);
    await gate.open();
    await gate.open();
    await written;
    const keys = gate.written.map((entries) => entries.map((e) => e.key));
    expect(keys[0]?.[0]).toBe("chunk/2/x");
    expect(keys[0]).toHaveLength(MAX_STATE_ENTRIES);
    expect(keys[1]?.at(-1)).toBe("chunk/1/x");
  });

  it("a transaction that fails for good fails everybody, and later ones at once", async () => {
    const gate = new Gate();
    const written = gate.writer.write([live("a", () => ({}))]);
    gate.fails = new Error("fenced");
    await Promise.all([gate.open(), expect(written).rejects.toThrow("fenced")]);
    await expect(gate.writer.write([live("b", () => ({}))])).rejects.toThrow("fenced");
    expect(gate.failures).toEqual([gate.fails]);
  });

  describe("what may go with rows", () => {
    /** A writer beside rows that go, and whether its last document is durable. */
    const beside = (key: string, value: number) => {
      const gate = new Gate();
      gate.sendsRows = true;
      const durable: string[] = [];
      const add = (name: string, n: number) =>
        void gate.writer.writeWithRows([live(name, () => ({ n }))]).then(
          () => durable.push(name),
          () => durable.push(`${name} rejected`),
        );
      add(key, value);
      return { gate, durable, add };
    };

    it("waits for them, goes with them once, and is durable with them", async () => {
      const { gate, durable } = beside("a", 1);
      await gate.open();
      expect(gate.written).toEqual([]);
      const ride = gate.writer.ride([]);
      expect(ride?.entries).toEqual([{ key: "a", value: { n: 1 } }]);
      expect([gate.writer.ride([]), durable]).toEqual([null, []]);
      ride?.landed();
      await tick();
      expect(durable).toEqual(["a"]);
    });

    it("goes by itself where no rows go, or go any more", async () => {
      const { gate, durable } = beside("a", 1);
      gate.sendsRows = false;
      gate.writer.rested();
      await gate.open();
      const alone = gate.writer.writeWithRows([live("b", () => null)]);
      await gate.open();
      await alone;
      expect([gate.written.length, durable]).toEqual([2, ["a"]]);
    });

    it("waits on where those were refused, less what is older than what came meanwhile", async () => {
      const { gate, durable, add } = beside("a", 1);
      add("b", 1);
      const refused = gate.writer.ride([]);
      add("a", 2);
      refused?.stayed();
      const again = gate.writer.ride([]);
      expect(again?.entries).toEqual([
        { key: "a", value: { n: 2 } },
        { key: "b", value: { n: 1 } },
      ]);
      again?.landed();
      await tick();
      expect(durable).toEqual(["a", "b", "a"]);
    });

    it("leaves with what does not wait, and its marks: no rows take it from them", async () => {
      const { gate, durable } = beside("table/a", 1);
      const mark: Write = { kind: "delete-some", table: targetOf(shapeOf()), maxRows: 1 };
      const whole = gate.writer.write([live("table/a", () => ({ n: 2 }))], [mark]);
      expect(gate.writer.ride([])).toBeNull();
      await gate.open();
      await whole;
      expect([gate.marks, gate.written]).toEqual([
        [[mark]],
        [[{ key: "table/a", value: { n: 2 } }]],
      ]);
      expect(durable).toEqual(["table/a"]);
    });

    it("is left out where the rows bring a document of its name, which is newer", () => {
      const { gate } = beside("chunk/a/1", 1);
      expect(gate.writer.ride([{ key: "chunk/a/1", value: {} }])).toBeNull();
      expect(gate.writer.ride([{ key: "chunk/a/2", value: {} }])?.entries).toHaveLength(1);
    });

    it("waits no more when the run ends, also with rows under way", async () => {
      const { gate, durable, add } = beside("a", 1);
      const ride = gate.writer.ride([]);
      add("b", 1);
      gate.writer.end(new Error("the run ended"));
      ride?.stayed();
      add("c", 1);
      await tick();
      expect(durable).toEqual(["a rejected", "b rejected", "c rejected"]);
    });
  });

  it("nobody waits for ever when the run ends, also not for what is under way", async () => {
    const gate = new Gate();
    const written = gate.writer.write([live("a", () => ({}))]);
    gate.writer.end(new Error("the run ended"));
    await expect(written).rejects.toThrow("the run ended");
  });
});
