import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns } from "../../../../test/support/test-runs.ts";
import { tableId } from "../model/table.ts";
import { RowItem, type LaneItem } from "./lane-item.ts";
import type { LaneQueue } from "./lane-queue.ts";
import { LaneQueues } from "./lane-queues.ts";
import { changeOf, itemOf, tableOf, transactionOf } from "./pipeline-parts.fixture.ts";

const table = tableOf();
/** Where the table goes, too. */
const other = tableOf({ ...table.shape, id: tableId("shop", "seconds"), name: "seconds" });
let position = 0;
let transaction = transactionOf("0");
const change = (key: string, of = table, at = ++position): RowItem => {
  const values = [key, "v", "b"];
  const [route] = of.routesFor(of.shape);
  if (route === undefined) throw new Error("the table has no route");
  const made = changeOf("u", { after: values }, at, { transaction });
  return new RowItem("put", of, route, key, values, at, made, 10);
};
const row = (key: string, of = table): LaneItem => itemOf(of, "put", [key, "v", "b"], null, "r");
const begins = () => void (transaction = transactionOf(String(++position)));
const passed = () => undefined;
const behind = (): LaneItem => ({ kind: "chunk-mark", key: null, rows: 0, pending: 1, passed });
const mark = (): LaneItem => ({
  kind: "mark",
  seq: 1,
  position: 0,
  acknowledge: null,
  sourceTimeMs: null,
  endsTransaction: true,
});

/** What came, and in which order it became durable. */
class Watched {
  readonly queues = new LaneQueues();
  readonly came: { readonly item: LaneItem; readonly how: Came }[] = [];
  readonly durable: LaneItem[] = [];

  push({ how, key, both, anew }: Entering): void {
    if (anew) begins();
    if (how === "change") {
      const first = change(key);
      this.#enter(first, how);
      if (both) this.#enter(change(key, other, Number(first.position)), how);
    } else if (how === "row") this.#enter(row(key, both ? other : table), how);
    else this.#enter(MARKS[how](), how);
  }

  #enter(item: LaneItem, how: Came): void {
    this.came.push({ item, how });
    if (how === "row" || how === "rows so far") this.queues.pushLoad(item);
    else this.queues.push(item);
  }

  end(queue: LaneQueue, least: number): void {
    const count = wholeAt(queue, least);
    this.durable.push(...queue.take(count));
    this.queues.drop(queue, count);
  }

  /** A lane may send loads where it cannot send changes yet. */
  choose(prefersLoads: boolean): { readonly queue: LaneQueue; readonly most: number } {
    const { changes, loads, ready } = this.queues;
    const queue = prefersLoads && ready > 0 ? loads : this.queues.next();
    return { queue, most: queue === loads ? ready : changes.length };
  }
}

/** What shares a position goes together. */
function wholeAt(queue: LaneQueue, least: number): number {
  let count = least;
  while (samePosition(queue.at(count - 1), queue.at(count))) count++;
  return count;
}

const MARKS = { mark, "rows so far": behind, "all so far": behind } as const;
type Came = "change" | "row" | keyof typeof MARKS;

const entering = fc.record({
  how: fc.constantFrom<Came>(
    "change",
    "change",
    "row",
    "row",
    "row",
    "mark",
    "rows so far",
    "all so far",
  ),
  key: fc.constantFrom("a", "b", "c", "d", "e"),
  /** A change goes to two targets, a row to the second one. */
  both: fc.boolean(),
  /** In a source transaction of its own. */
  anew: fc.boolean(),
});
type Entering = typeof entering extends fc.Arbitrary<infer E> ? E : never;

function samePosition(a: LaneItem | undefined, b: LaneItem | undefined): boolean {
  return a?.kind === "row" && b?.kind === "row" && a.position !== null && a.position === b.position;
}

const round = fc.record({
  before: fc.array(entering, { maxLength: 6 }),
  meanwhile: fc.array(entering, { maxLength: 4 }),
  prefersLoads: fc.boolean(),
  count: fc.integer({ min: 1, max: 4 }),
  /** Of those that were sent, so many are not durable yet: constraints refused them. */
  refused: fc.nat({ max: 2 }),
});

type Round = typeof round extends fc.Arbitrary<infer R> ? R : never;

/** Everything becomes durable in the end. */
function play(rounds: readonly Round[]) {
  const watched = new Watched();
  for (const { before, meanwhile, prefersLoads, count, refused } of rounds) {
    for (const entered of before) watched.push(entered);
    const { queue, most } = watched.choose(prefersLoads);
    const sent = wholeAt(queue, Math.min(count, most));
    watched.queues.begin(queue, sent);
    for (const entered of meanwhile) watched.push(entered);
    watched.end(queue, Math.max(0, sent - refused));
    if (queue.inFlight > 0) watched.queues.putUp(queue);
  }
  while (watched.queues.length > 0) {
    const { queue, most } = watched.choose(true);
    watched.end(queue, Math.min(2, most));
  }
  return watched;
}

/** Whether the second must become durable behind the first, which came before it. */
function mustFollow(first: Watched["came"][number], second: Watched["came"][number]): boolean {
  if (second.how === "all so far") return true;
  if (second.how === "rows so far") return first.how === "row";
  const sameKey =
    first.item.kind === "row" &&
    second.item.kind === "row" &&
    first.item.key === second.item.key &&
    first.item.table === second.item.table;
  const bothOfLog = isOfLog(first.how) && isOfLog(second.how);
  return sameKey || bothOfLog;
}

const isOfLog = (how: Came): boolean => how === "change" || how === "mark";

function keysIn(queue: LaneQueue): string {
  return queue
    .take(queue.length)
    .map((item) => (item.kind === "row" ? item.key : "-"))
    .join("");
}

describe("the queues of a lane", () => {
  it("keep changes in order, keys in order, and marks behind what they are about", () => {
    fc.assert(
      fc.property(fc.array(round, { maxLength: 12 }), (rounds) => {
        const { came, durable } = play(rounds);
        expect(durable.length).toBe(came.length);
        const at = new Map(durable.map((item, i) => [item, i]));
        const isLate = (first: LaneItem, second: LaneItem): boolean =>
          (at.get(first) ?? Infinity) >= (at.get(second) ?? -1);
        const wrong = came.flatMap((second, i) =>
          came
            .slice(0, i)
            .filter((first) => mustFollow(first, second) && isLate(first.item, second.item)),
        );
        expect(wrong).toEqual([]);
        // A checkpoint between the two would stand for one that is not durable (I3).
        const parted = came.filter(
          ({ item }, i) =>
            samePosition(item, came[i + 1]?.item) &&
            (at.get(came[i + 1]?.item ?? item) ?? 0) - (at.get(item) ?? 0) !== 1,
        );
        expect(parted).toEqual([]);
      }),
      { numRuns: testRuns(200) },
    );
  });

  it("let changes of other keys overtake rows of a load, whatever their table", () => {
    const queues = new LaneQueues();
    for (const key of ["a", "b"]) queues.pushLoad(row(key));
    queues.push(change("c"));
    queues.push(mark());
    begins();
    expect([queues.changes.length, queues.loads.length, queues.mixed]).toEqual([2, 2, false]);
    queues.push(change("a"));
    expect([queues.changes.length, queues.loads.length, queues.mixed]).toEqual([5, 0, true]);
    queues.drop(queues.changes, 4);
    expect(queues.mixed).toBe(false);
  });

  it("hold a row back while a change that came before it waits", () => {
    const queues = new LaneQueues();
    queues.pushLoad(row("a"));
    queues.push(change("b"));
    queues.pushLoad(row("b"));
    expect(queues.ready).toBe(1);
    queues.drop(queues.changes, 1);
    expect(queues.ready).toBe(2);
  });

  it("put rows in front of the whole source transaction that they have to precede, as far as it waits", () => {
    const queues = new LaneQueues();
    queues.pushLoad(row("a"));
    begins();
    queues.push(change("x"));
    queues.push(change("b"));
    queues.pushLoad(row("c"));
    queues.push(change("c"));
    expect(keysIn(queues.changes)).toBe("axbcc");
    queues.drop(queues.changes, 1);
    queues.begin(queues.changes, 1);
    queues.pushLoad(row("d"));
    queues.push(change("d"));
    expect(keysIn(queues.changes)).toBe("xbccdd");
  });

  it("remember no key of a row that is gone", () => {
    const queues = new LaneQueues();
    queues.pushLoad(row("a"));
    queues.pushLoad(row("b"));
    queues.drop(queues.loads, 1);
    queues.push(change("a"));
    expect([queues.changes.length, queues.loads.length]).toEqual([1, 1]);
  });
});
