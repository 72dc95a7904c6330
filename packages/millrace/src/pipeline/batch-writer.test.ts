import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import type { Commit, SinkCapabilities } from "../model/sink.ts";
import type { Row } from "../model/value.ts";
import { Skimmed, UNCHANGED } from "../model/value.ts";
import { BatchWriter } from "./batch-writer.ts";
import { Committer } from "./committer.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { LaneChoice } from "./lane-choice.ts";
import { ReplayItem, RowItem } from "./lane-item.ts";
import { deafObserver } from "./observer.ts";
import {
  changeOf,
  doubted,
  instantClock,
  itemOf,
  shapeOf,
  tableOf,
  standingOf,
} from "./pipeline-parts.fixture.ts";
import { refused, ScriptedSink, type Answer } from "./scripted-sink.fixture.ts";
import { SourceReads, type WantedRow } from "./source-reads.ts";
import type { TaskEvent } from "./status.ts";

/** A source that has these rows, by key. */
class KnownRows extends SourceReads {
  readonly asked: string[] = [];
  readonly #rows: ReadonlyMap<string, Row>;

  constructor(rows: Readonly<Record<string, Row>>) {
    const never = () => Promise.reject(new Error("not in this test"));
    const source = {} as ConstructorParameters<typeof SourceReads>[0]["source"];
    const signal = new AbortController().signal;
    super({
      source,
      clock: instantClock(),
      random: () => 0.5,
      signal,
      maxValueBytes: 1_000,
      writeState: never,
      currentShape: never,
    });
    this.#rows = new Map(Object.entries(rows));
  }

  override async read(wanted: readonly WantedRow[]): Promise<(Row | null)[]> {
    const keys = wanted.map(({ change }) => String((change.after ?? change.before)?.[0]));
    this.asked.push(...keys);
    return keys.map((key) => this.#rows.get(key) ?? null);
  }
}

interface Setting {
  readonly compaction?: boolean;
  readonly rows?: Readonly<Record<string, Row>>;
  readonly capabilities?: Partial<SinkCapabilities>;
  readonly maxLetters?: number;
  readonly maxShare?: number;
}

function setUp({
  compaction = true,
  rows = {},
  capabilities = {},
  maxLetters = 100,
  maxShare = 1,
}: Setting = {}) {
  const sink = new ScriptedSink(2, capabilities);
  const clock = instantClock();
  const events: TaskEvent[] = [];
  const observer = { ...deafObserver, event: (event: TaskEvent) => void events.push(event) };
  const parts = { sink, clock, random: () => 0.5, observer, signal: new AbortController().signal };
  const committer = new Committer(parts, 7, sink.lanes);
  const book = new DeadLetterBook({ policy: "park", maxPerTable: maxLetters, maxShare }, []);
  const reads = new KnownRows(rows);
  const order = new ConstraintOrder(new Map(), new LaneChoice(2, {}), new Map());
  const shared = {
    sink,
    committer,
    book,
    reads,
    observer,
    clock,
    compaction,
    order,
    writeTable: () => Promise.resolve(),
    putOffDone: () => undefined,
    ride: () => null,
  };
  const writer = new BatchWriter({ index: 1, standing: standingOf() }, shared);
  return { sink, book, reads, writer, events };
}

/** Refuses every commit that puts a row with this value. */
function poison(sink: ScriptedSink, value: string, times = 50): void {
  const answer = (commit: Commit): Answer => {
    const rows = commit.writes.flatMap((write) => ("rows" in write ? write.rows : []));
    return rows.some((row) => row.includes(value)) ? { land: false, error: refused } : {};
  };
  for (let i = 0; i < times; i++) sink.script.push(answer);
}

const table = tableOf();
const put = (key: string, v: string, at: number | null, on = table): RowItem =>
  itemOf(on, "put", [key, v, "b"], at);

const skimmed = { code: "MR_VALUE_TOO_LARGE", reason: "large", column: "v" };

/** The row of a letter, as a replay has read it. */
function replayOf(of: typeof table, row: Row): ReplayItem {
  const { route, key, change } = itemOf(of, "put", row, null, "r");
  return new ReplayItem("put", of, route, key, row, null, change, 0);
}

describe("BatchWriter", () => {
  it("commits rows with the position of the last change as the lane's checkpoint", async () => {
    const { sink, writer } = setUp();
    await writer.write([put("a", "1", 10), put("b", "1", 11), put("c", "1", null)]);
    expect(sink.landed.map(({ state }) => state)).toEqual([
      [{ key: "checkpoint/log/1", value: 11 }],
    ]);
  });

  it("rows of chunks alone leave the checkpoint where it is", async () => {
    const { sink, writer } = setUp();
    await writer.write([put("a", "1", null)]);
    expect(sink.landed[0]?.state).toEqual([]);
  });

  it("finds the one poisoned row, parks it and applies all others, in order", async () => {
    const { sink, book, writer } = setUp();
    poison(sink, "bad");
    const items = Array.from({ length: 9 }, (_, i) => put(`k${i}`, i === 5 ? "bad" : "good", i));
    await writer.write(items);
    const rows = sink.landed.flatMap(({ writes }) =>
      writes.flatMap((write) => ("rows" in write ? write.rows.map((row) => row[0]) : [])),
    );
    expect(rows).toEqual(["k0", "k1", "k2", "k3", "k4", "k6", "k7", "k8"]);
    expect(
      sink.landed.flatMap(({ deadLetters }) => deadLetters.map((l) => [l.key, l.code, l.position])),
    ).toEqual([["k5", "MR_SINK_ROW_REFUSED", 5]]);
    const reasons = sink.landed.flatMap(({ deadLetters }) => deadLetters.map((l) => l.reason));
    expect(reasons.filter((reason) => reason.includes("MR_"))).toEqual([]);
    const checkpoints = sink.landed.map(({ state }) => Number(state[0]?.value));
    expect(checkpoints).toEqual([...checkpoints].sort((a, b) => a - b));
    expect(book.has(table.targets[0]?.target.id ?? table.id, "k5")).toBe(true);
  });

  it("never cuts what shares a position, and parks it together", async () => {
    const { sink, writer } = setUp();
    poison(sink, "bad");
    const position = { both: true };
    const items = [
      itemOf(table, "put", ["a", "good", "b"], position),
      itemOf(table, "put", ["b", "bad", "b"], position),
    ];
    await writer.write(items);
    expect(sink.landed.flatMap(({ deadLetters }) => deadLetters.map((l) => l.key))).toEqual([
      "a",
      "b",
    ]);
  });

  it("cuts what its sink is too slow for, and sends again what cannot be cut: no row is to blame", async () => {
    const { sink, book, writer } = setUp();
    const slow = (commit: Commit): Answer =>
      commit.divisible === true
        ? { land: false, error: new MillraceError("MR_SINK_TOO_SLOW", "a quota") }
        : {};
    sink.script.push(slow, slow, slow, slow, slow);
    await writer.write([put("a", "good", 1), put("b", "good", 2)]);
    expect(sink.landed).toHaveLength(2);
    expect(sink.landed.flatMap(({ deadLetters }) => deadLetters)).toEqual([]);
    expect(book.list()).toEqual([]);
  });

  it("stops where too many rows are refused", async () => {
    const { sink, writer } = setUp({ maxLetters: 2 });
    poison(sink, "bad");
    const items = Array.from({ length: 4 }, (_, i) => put(`k${i}`, "bad", i));
    await expect(writer.write(items)).rejects.toMatchObject({ code: "MR_DEAD_LETTER_LIMIT" });
    expect(sink.landed).toHaveLength(2);
  });

  it("counts rows and refusals once, however often their batch is cut", async () => {
    const { sink, book, writer } = setUp({ maxShare: 0.0003 });
    book.passed(table.id, 10_000);
    poison(sink, "bad");
    const items = Array.from({ length: 16 }, (_, i) =>
      itemOf(table, "put", i === 3 ? [`k${i}`, new Skimmed(9), "b"] : [`k${i}`, "1", "b"], i),
    );
    await writer.write([...items.slice(0, 15), put("x", "bad", 16)]);
    expect(book.size).toBe(2);
    expect(() => book.admit(table.id, skimmed)).not.toThrow();
    expect(() => book.admit(table.id, skimmed, 1)).toThrow("MR_DEAD_LETTER_LIMIT");
  });

  it("a key that is parked already is none more, even at the limit", async () => {
    const { sink, book, writer } = setUp({ maxLetters: 1 });
    await writer.write([itemOf(table, "put", ["a", new Skimmed(5_000), "b"], 1)]);
    await writer.write([itemOf(table, "put", ["a", new Skimmed(6_000), "b"], 2)]);
    expect(sink.landed[1]?.deadLetters).toMatchObject([{ key: "a", attempts: 2, position: 2 }]);
    expect(book.size).toBe(1);
  });

  it("a replay that is refused again leaves the letter, whatever the limits say", async () => {
    const { sink, book, writer } = setUp({ maxLetters: 1 });
    await writer.write([itemOf(table, "put", ["a", new Skimmed(5_000), "b"], 1)]);
    await writer.write([replayOf(table, ["a", new Skimmed(7_000), "b"])]);
    expect(sink.landed[1]?.deadLetters).toMatchObject([{ key: "a", attempts: 2, position: 1 }]);
    expect(sink.landed[1]?.state).toEqual([]);
    await writer.write([replayOf(table, ["a", "1", "b"])]);
    expect(sink.landed[2]).toMatchObject({
      superseded: [{ key: "a" }],
      writes: [{ kind: "upsert", rows: [["a", "1", "b"]] }],
    });
    expect(book.size).toBe(0);
  });

  it("gives up a letter in a commit of its lane, once", async () => {
    const { sink, book, writer } = setUp();
    await writer.write([itemOf(table, "put", ["a", new Skimmed(5_000), "b"], 1)]);
    const target = table.targets[0]?.target.id ?? table.id;
    expect(await writer.discard({ target, key: "a" })).toMatchObject({ key: "a" });
    expect(sink.landed[1]).toMatchObject({ lanes: [{ lane: 1 }], superseded: [{ key: "a" }] });
    expect([book.size, await writer.discard({ target, key: "a" })]).toEqual([0, null]);
    expect(sink.landed).toHaveLength(2);
  });

  it("a value larger than the sink takes becomes a letter without being sent", async () => {
    const { sink, writer } = setUp();
    await writer.write([itemOf(table, "put", ["a", new Skimmed(5_000), "b"], 1), put("b", "1", 2)]);
    expect(sink.sent).toHaveLength(1);
    expect(sink.landed[0]?.deadLetters).toMatchObject([{ key: "a", code: "MR_VALUE_TOO_LARGE" }]);
    expect(JSON.stringify(sink.landed[0]?.writes)).not.toContain('"a"');
  });

  it("counts the letters of one batch against the limit before any of them is durable", async () => {
    const { sink, writer } = setUp({ maxLetters: 2 });
    const items = Array.from({ length: 3 }, (_, i) =>
      itemOf(table, "put", [`k${i}`, new Skimmed(5_000), "b"], i),
    );
    await expect(writer.write(items)).rejects.toMatchObject({ code: "MR_DEAD_LETTER_LIMIT" });
    expect(sink.sent).toEqual([]);
  });

  it("a later full change takes a letter away, a later partial one stays behind it", async () => {
    const { sink, book, writer } = setUp();
    await writer.write([itemOf(table, "put", ["a", new Skimmed(5_000), "b"], 1)]);
    await writer.write([itemOf(table, "patch", ["a", "2", UNCHANGED], 2)]);
    expect(sink.landed[1]).toMatchObject({ writes: [], superseded: [] });
    await writer.write([put("a", "3", 3)]);
    expect(sink.landed[2]).toMatchObject({
      superseded: [{ key: "a" }],
      writes: [{ kind: "upsert" }],
    });
    expect(book.size).toBe(0);
  });

  it("does so within one transaction too, where nothing is compacted", async () => {
    const { sink, book, writer } = setUp({ compaction: false });
    await writer.write([
      itemOf(table, "put", ["a", new Skimmed(5_000), "b"], 1),
      itemOf(table, "patch", ["a", "2", UNCHANGED], 2),
      put("b", "1", 3),
      itemOf(table, "put", ["b", new Skimmed(5_000), "b"], 4),
      put("b", "2", 5),
    ]);
    expect(sink.landed[0]?.deadLetters.map((l) => l.key)).toEqual(["a"]);
    expect(sink.landed[0]?.writes.map((write) => write.kind)).toEqual(["upsert", "upsert"]);
    expect(book.size).toBe(1);
  });

  it("leaves it to the sink's copy as soon as all is loaded, so that its reads do not move the end on for ever", async () => {
    const loaded = tableOf(shapeOf(), { state: "INIT_SYNC" });
    const { sink, reads, writer } = setUp();
    await writer.write([itemOf(loaded, "patch", ["a", "2", UNCHANGED], 1)]);
    expect(reads.asked).toEqual([]);
    expect(sink.landed[0]?.writes).toMatchObject([{ kind: "update", columns: [1] }]);
  });

  it("reads the source for what the log left out until the table is loaded", async () => {
    const early = tableOf(shapeOf(), { state: "INIT_SYNC", allPlanned: false });
    const { sink, reads, writer } = setUp({ rows: { a: ["a", "9", "large"] } });
    await writer.write([
      itemOf(early, "patch", ["a", "2", UNCHANGED], 1),
      itemOf(early, "patch", ["gone", "2", UNCHANGED], 2),
    ]);
    expect(reads.asked).toEqual(["a", "gone"]);
    expect(sink.landed[0]?.writes).toMatchObject([
      { kind: "delete", keys: [["gone", "2", UNCHANGED]] },
      { kind: "upsert", rows: [["a", "2", "large"]] },
    ]);
  });

  it("reads the source for what an unproven column left out, though all is SYNC and proven by now", async () => {
    for (const lastWriteWins of [true, false]) {
      const { sink, reads, writer } = setUp({
        rows: { a: ["a", "9", "its own"] },
        capabilities: { lastWriteWins },
      });
      const shape = doubted(table.shape);
      await writer.write([itemOf(table, "patch", ["a", "2", UNCHANGED], 1, "u", shape)]);
      expect(reads.asked).toEqual(["a"]);
      const row = ["a", "2", "its own"];
      const wanted = lastWriteWins ? { rows: [row] } : { changes: [{ after: row }] };
      expect(sink.landed[0]?.writes).toMatchObject([wanted]);
    }
  });

  it("leaves it to the sink's copy in SYNC, and asks the source only for rows that are missing there", async () => {
    const { sink, reads, writer } = setUp({ rows: { b: ["b", "9", "large"] } });
    sink.script.push(() => ({ result: { outcome: "missing", rows: [{ write: 0, row: 1 }] } }));
    await writer.write([
      itemOf(table, "patch", ["a", "2", UNCHANGED], 1),
      itemOf(table, "patch", ["b", "3", UNCHANGED], 2),
    ]);
    expect(reads.asked).toEqual(["b"]);
    expect(sink.landed[0]?.writes).toMatchObject([
      { kind: "upsert", rows: [["b", "3", "large"]] },
      { kind: "update", rows: [["a", "2", UNCHANGED]], columns: [1] },
    ]);
  });

  it("a sink that cannot keep old values never gets a partial row", async () => {
    const { sink, writer } = setUp({
      rows: { a: ["a", "9", "large"] },
      capabilities: { partialUpdates: false, lastWriteWins: false },
    });
    await writer.write([itemOf(table, "patch", ["a", "2", UNCHANGED], 1)]);
    expect(sink.landed[0]?.writes).toMatchObject([
      { kind: "changes", changes: [{ after: ["a", "2", "large"] }] },
    ]);
  });

  it("a sink for which every change matters gets each, and never one that it could not hold", async () => {
    const { sink, writer } = setUp({ capabilities: { lastWriteWins: false } });
    await writer.write([
      put("a", "1", 1),
      itemOf(table, "put", ["a", new Skimmed(5_000), "b"], 2),
      put("a", "3", 3),
    ]);
    expect(sink.landed[0]?.writes).toMatchObject([
      { changes: [{ after: ["a", "1", "b"] }, { after: ["a", "3", "b"] }] },
    ]);
    // The full row that came last took its place.
    expect(sink.landed[0]?.deadLetters).toEqual([]);
    await writer.write([itemOf(table, "put", ["a", new Skimmed(5_000), "b"], 4)]);
    await writer.write([put("a", "5", 5)]);
    expect(sink.landed[2]).toMatchObject({ superseded: [{ key: "a" }] });
  });
});

describe("BatchWriter, rows without key", () => {
  const bag = tableOf(shapeOf(undefined, []));

  it("appends and removes in their own order, and parks each row that does not fit by itself", async () => {
    const { sink, writer } = setUp();
    await writer.write([
      itemOf(bag, "append", ["p1", "a", "1", "b"], 1),
      itemOf(bag, "append", ["p2", "a", new Skimmed(5_000), "b"], 2),
      itemOf(bag, "append", ["p3", "a", new Skimmed(5_000), "b"], 3),
      itemOf(bag, "remove-equal", ["", "a", "1", "b"], 4),
      itemOf(bag, "append", ["p5", "a", "1", "b"], 5),
    ]);
    expect(sink.landed[0]?.writes.map((write) => write.kind)).toEqual([
      "insert",
      "delete-equal",
      "insert",
    ]);
    const keys = sink.landed[0]?.deadLetters.map((letter) => letter.key) ?? [];
    expect(new Set(keys).size).toBe(2);
  });

  it("an update is one change for a sink that takes each, and a delete where its row is parked", async () => {
    const { sink, writer } = setUp({ capabilities: { lastWriteWins: false } });
    const [route] = bag.routesFor(bag.shape);
    if (route === undefined) throw new Error("the table has no route");
    const update = (after: Row, at: number): RowItem[] => {
      const change = changeOf("u", { before: ["a", "1", "b"], after }, at, { shape: bag.shape });
      return [
        new RowItem("remove-equal", bag, route, "", ["", "a", "1", "b"], at, change, 10),
        new RowItem("append", bag, route, "", [`p${at}`, ...after], at, change, 10),
      ];
    };
    await writer.write([
      ...update(["a", "2", "b"], 1),
      ...update(["a", new Skimmed(5_000), "b"], 2),
    ]);
    expect(sink.landed[0]?.writes).toMatchObject([
      {
        changes: [
          { op: "u", before: [UNCHANGED, "a", "1", "b"], after: ["p1", "a", "2", "b"] },
          { op: "d", before: ["", "a", "1", "b"], after: null },
        ],
      },
    ]);
    expect(sink.landed[0]?.deadLetters).toHaveLength(1);
  });

  it("goes on where the row to remove is not there", async () => {
    const { sink, writer } = setUp();
    sink.script.push(() => ({ result: { outcome: "missing", rows: [{ write: 0, row: 0 }] } }));
    await writer.write([
      itemOf(bag, "remove-equal", ["", "a", "1", "b"], 4),
      itemOf(bag, "append", ["p5", "a", "1", "b"], 5),
    ]);
    expect(sink.landed[0]?.writes.map((write) => write.kind)).toEqual(["insert"]);
  });

  it("tells once how many rows to remove were not there, but of a table that is still to be emptied and loaded", async () => {
    const absent: Answer = {
      result: { outcome: "missing", rows: [0, 1].map((write) => ({ write, row: 0 })) },
    };
    const eventsOf = async (of: typeof bag) => {
      const { sink, writer, events } = setUp();
      sink.script.push(() => absent);
      await writer.write(
        [1, 2].map((at) => itemOf(of, "remove-equal", ["", "a", `${at}`, "b"], at)),
      );
      return events;
    };
    const message = "2 rows without key that the source removed were not at the sink";
    expect(await eventsOf(bag)).toEqual([{ type: "notice", table: bag.id, message }]);
    const unloaded = { state: "INIT_SYNC", allPlanned: false } as const;
    expect(await eventsOf(tableOf(shapeOf(undefined, []), unloaded))).toEqual([]);
  });

  it("says it is broken where rows are missing that nothing needs", async () => {
    const { sink, writer } = setUp();
    const missing = () =>
      ({ result: { outcome: "missing", rows: [{ write: 0, row: 0 }] } }) as const;
    sink.script.push(missing, missing);
    await expect(writer.write([put("a", "1", 1)])).rejects.toThrow(MillraceError);
  });
});
