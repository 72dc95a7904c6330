import type { Transaction } from "../model/change.ts";
import type { Position } from "../model/position.ts";
import type { TableId } from "../model/table.ts";
import type { LaneItem, RowItem } from "./lane-item.ts";
import { LaneQueue } from "./lane-queue.ts";

/** Items of a load that came one after the other. */
interface Run {
  /** They wait until so many items have left the queue of changes: all that was there before them. */
  readonly after: number;
  items: number;
}

/** What waits of the loads of one target. */
interface Waiting {
  rows: number;
  /**
   * Their keys and those of some that are gone; null until somebody asks. A map that is written for every row cost half
   * of what a load costs: it is old to the collector, and the rows are young.
   */
  keys: Set<string> | null;
}

/**
 * What waits in a lane: changes of the log in their order, and, beside them, rows of loads, which changes overtake
 * (design/005). Two rules keep the order of each key and the marks of each chunk behind its rows (I2, I3, I7): nothing of
 * a load goes before what was among the changes when it came; and a change whose key has a row among the loads takes
 * all that waits there in front of itself.
 */
export class LaneQueues {
  readonly changes = new LaneQueue();
  readonly loads = new LaneQueue();
  readonly #waiting = new Map<TableId, Waiting>();
  #runs: Run[] = [];
  /** Rows of loads that are among the changes have gone when so many have left there. */
  #loadsAmongChanges = 0;
  /** The last transaction was one of changes. */
  #loadsTurn = false;
  /** The newest change, and how many items had ever come to the changes before the first one of its position. */
  #position: Position | null = null;
  #positionFrom = 0;
  /** The same of its source transaction. */
  #transaction: Transaction | null = null;
  #transactionFrom = 0;

  get length(): number {
    return this.changes.length + this.loads.length;
  }

  /** Rows of a load wait among the changes. */
  get mixed(): boolean {
    return this.changes.dropped < this.#loadsAmongChanges;
  }

  /** How many items at the head of `loads` have nothing older before them. */
  get ready(): number {
    return this.#comeBefore(this.changes.dropped);
  }

  /** Behind everything that is in the lane, where it has to be; marks and changes of other keys overtake loads. */
  push(item: LaneItem): void {
    const place = this.#placeOf(item);
    if (this.loads.length > 0 && this.#staysBehindLoads(item)) this.#mix(place);
    this.changes.push(item);
  }

  /** A row of a load, or what says how far it has come. */
  pushLoad(item: LaneItem): void {
    const after = this.changes.pushed;
    const last = this.#runs.at(-1);
    if (last?.after === after) last.items++;
    else this.#runs.push({ after, items: 1 });
    this.loads.push(item);
    if (item.kind !== "row") return;
    const waiting = this.#waitingOf(item);
    waiting.rows++;
    waiting.keys?.add(item.key);
  }

  /** A row of a load that has to stay in line with all others (constraints bind rows of several keys: design/002). */
  pushLoadInLine(item: RowItem): void {
    this.push(item);
    this.#loadsAmongChanges = this.changes.pushed;
  }

  /**
   * Where the next transaction comes from: they take turns, so that neither starves. What was begun and refused of a load
   * goes first: a change of one of its keys may have come meanwhile and wait among the others (I2).
   */
  next(): LaneQueue {
    const { changes, loads } = this;
    if (loads.inFlight > 0) return loads;
    const wanted = this.#loadsTurn || changes.length === 0;
    return wanted && this.ready > 0 ? loads : changes;
  }

  /** The first `count` items go into a transaction. */
  begin(queue: LaneQueue, count: number): void {
    this.#loadsTurn = queue === this.changes;
    queue.inFlight = Math.max(queue.inFlight, count);
  }

  /** What is in flight did not become durable and comes again, with more behind it where it is of changes. */
  putUp(queue: LaneQueue): void {
    if (queue !== this.changes) return;
    queue.inFlight = 0;
    const loads = loadsWithin(queue);
    if (loads.size > 0) queue.bringForward(loads);
  }

  /** The first `count` items of one of the queues are durable. */
  drop(queue: LaneQueue, count: number): void {
    if (queue === this.loads) {
      for (let i = 0; i < count; i++) this.#forget(queue.at(i));
      this.#cut(count);
    }
    queue.drop(count);
  }

  /** How many items at the head of `loads` came when so many, or fewer, had come to the changes. */
  #comeBefore(pushed: number): number {
    let items = 0;
    for (const run of this.#runs) {
      if (run.after > pushed) break;
      items += run.items;
    }
    return items;
  }

  #staysBehindLoads(item: LaneItem): boolean {
    if (item.kind === "mark") return false;
    if (item.kind !== "row" || item.position === null) return true;
    const waiting = this.#waiting.get(item.route.target.id);
    if (waiting === undefined || waiting.rows === 0) return false;
    waiting.keys ??= this.#keysOf(item.route.target.id);
    return waiting.keys.has(item.key);
  }

  /** Behind how many items, of all that ever came to the changes, rows may still go that belong in front of this one. */
  #placeOf(item: LaneItem): number {
    const { pushed } = this.changes;
    if (item.kind !== "row" || item.position === null) return pushed;
    const { position, change } = item;
    if (position !== this.#position) {
      this.#position = position;
      this.#positionFrom = pushed;
    }
    const { transaction } = change;
    if (transaction === null || transaction.id !== this.#transaction?.id)
      this.#transactionFrom = this.#positionFrom;
    this.#transaction = transaction;
    return this.#positionFrom;
  }

  /**
   * All that waits of loads goes to the changes, in front of `place`: what shares a position is never parted, or a
   * checkpoint would stand for items that are not durable (I3). What was here before the newest source transaction goes in
   * front of that, which stays whole. What is in flight is done before anything else is.
   */
  #mix(place: number): void {
    const { changes, loads } = this;
    if (loads.waiting === 0) return;
    const before = Math.min(this.#transactionFrom, place);
    const older = Math.max(0, this.#comeBefore(before) - loads.inFlight);
    const moved = loads.takeWaiting();
    for (const item of moved) this.#forget(item);
    this.#runs = loads.inFlight === 0 ? [] : [{ after: 0, items: loads.inFlight }];
    changes.insert(moved.slice(older), changes.pushed - place);
    // The beginning of a transaction that does not fit may be in flight, or gone.
    changes.insert(moved.slice(0, older), Math.min(changes.waiting, changes.pushed - before));
    this.#loadsAmongChanges = changes.pushed;
  }

  #waitingOf({ route }: RowItem): Waiting {
    const { id } = route.target;
    const known = this.#waiting.get(id);
    if (known !== undefined) return known;
    const none: Waiting = { rows: 0, keys: null };
    this.#waiting.set(id, none);
    return none;
  }

  #keysOf(target: TableId): Set<string> {
    const keys = new Set<string>();
    for (let i = 0; i < this.loads.length; i++) {
      const item = this.loads.at(i);
      if (item?.kind === "row" && item.route.target.id === target) keys.add(item.key);
    }
    return keys;
  }

  /** Keys of rows that are gone only make a change take all in front of itself; they are let go of when they are half. */
  #forget(item: LaneItem | undefined): void {
    if (item?.kind !== "row") return;
    const waiting = this.#waitingOf(item);
    waiting.rows--;
    if (waiting.keys !== null && waiting.keys.size > 2 * waiting.rows) waiting.keys = null;
  }

  /** Takes so many items off the runs. */
  #cut(count: number): void {
    let left = count;
    for (let run = this.#runs[0]; run !== undefined && left > 0; run = this.#runs[0]) {
      const taken = Math.min(left, run.items);
      run.items -= taken;
      left -= taken;
      if (run.items === 0) this.#runs.shift();
    }
  }
}

/**
 * Rows of loads between rows of the source transaction at a queue's head: it is refused for the sake of its own rows, and
 * there may be more of the others than a transaction takes. Not those of a key that it has before them (I2).
 */
function loadsWithin(queue: LaneQueue): Set<LaneItem> {
  const head = queue.at(0);
  const loads = new Set<LaneItem>();
  if (head?.kind !== "row" || head.position === null) return loads;
  const keys = new Set<string>();
  for (let i = 0; i < queue.length; i++) {
    const item = queue.at(i);
    if (item === undefined || item.kind === "meeting" || item.kind === "discard") break;
    if (item.kind === "mark" && item.endsTransaction) break;
    if (item.kind !== "row") continue;
    const { position, route, key, change } = item;
    if (position !== null && change.transaction?.id !== head.change.transaction?.id) break;
    const name = `${route.target.id}\u0000${key}`;
    if (position !== null) keys.add(name);
    else if (!keys.has(name)) loads.add(item);
  }
  return loads;
}
