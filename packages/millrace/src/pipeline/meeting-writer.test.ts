import { describe, expect, it } from "vitest";
import type { Row } from "../model/value.ts";
import { UNCHANGED } from "../model/value.ts";
import { Committer } from "./committer.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { LaneChoice } from "./lane-choice.ts";
import { makeMeeting } from "./lane-item.ts";
import { MeetingWriter } from "./meeting-writer.ts";
import { deafObserver } from "./observer.ts";
import { changeOf, doubted, instantClock, tableOf } from "./pipeline-parts.fixture.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";
import { SourceReads } from "./source-reads.ts";

/** A source in which every row is this one. */
class OneRow extends SourceReads {
  readonly #row: Row;

  constructor(row: Row) {
    const never = () => Promise.reject(new Error("not in this test"));
    super({
      source: {} as ConstructorParameters<typeof SourceReads>[0]["source"],
      clock: instantClock(),
      random: () => 0.5,
      signal: new AbortController().signal,
      maxValueBytes: 1_000,
      writeState: never,
      currentShape: never,
    });
    this.#row = row;
  }

  override read(): Promise<(Row | null)[]> {
    return Promise.resolve([this.#row]);
  }
}

const table = tableOf();

/** What a key change from "a" to "b" that left out the last column writes. */
async function movedIn(shape = table.shape, unsure = false): Promise<unknown> {
  const sink = new ScriptedSink(2);
  const clock = instantClock();
  const observer = deafObserver;
  const signal = new AbortController().signal;
  const parts = {
    sink,
    committer: new Committer({ sink, clock, random: () => 0.5, observer, signal }, 7, sink.lanes),
    reads: new OneRow(["b", "9", "its own"]),
    book: new DeadLetterBook({ policy: "park", maxPerTable: 100, maxShare: 1 }, []),
    observer,
    clock,
    order: new ConstraintOrder(new Map(), new LaneChoice(2, {}), new Map()),
    writeTable: () => Promise.resolve(),
    putOffDone: () => undefined,
    standing: () => undefined,
  };
  const [route] = table.routesFor(shape);
  if (route === undefined) throw new Error("the table has no route");
  const from: Row = ["a", null, null];
  const to: Row = ["b", "2", UNCHANGED];
  const change = changeOf("u", { before: from, after: to }, 2, { shape, movedFrom: 1, unsure });
  const move = { table, route, fromKey: "a", from, toKey: "b", to };
  await new MeetingWriter(parts).write(makeMeeting(change, 2, [move], [0, 1], 10));
  return sink.landed[0]?.writes;
}

describe("a key change that left values out", () => {
  it("takes them from the sink's copy of the old row", async () => {
    expect(await movedIn()).toMatchObject([{ kind: "move", row: ["b", "2", UNCHANGED] }]);
  });

  it("takes them from the source where it may have changed them itself", async () => {
    expect(await movedIn(doubted(table.shape))).toMatchObject([
      { kind: "delete", keys: [["a", null, null]] },
      { kind: "upsert", rows: [["b", "2", "its own"]] },
    ]);
  });

  it("takes them from the source where the log says less than it did", async () => {
    expect(await movedIn(table.shape, true)).toMatchObject([
      { kind: "delete", keys: [["a", null, null]] },
      { kind: "upsert", rows: [["b", "2", "its own"]] },
    ]);
  });
});
