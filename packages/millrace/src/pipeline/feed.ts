import type { Change, LogBatch } from "../model/change.ts";
import { LoggedChange } from "../model/logged-change.ts";
import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { UNCHANGED } from "../model/value.ts";
import type { ByteAccount } from "./byte-budget.ts";
import type { Lane } from "./lane.ts";
import type { LaneChoice } from "./lane-choice.ts";
import { makeMeeting, RowItem, type Move, type RowWrite } from "./lane-item.ts";
import { hasUnchanged, type CompiledRoute } from "./routes.ts";
import type { SentTransactions } from "./sent-transactions.ts";
import { heldBy } from "./shared-bytes.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface FeedParts {
  readonly source: Pick<Source, "keyText" | "comparePositions" | "positionText" | "sees">;
  readonly lanes: readonly Lane[];
  readonly choice: LaneChoice;
  readonly tables: ReadonlyMap<string, TableRuntime>;
  readonly sent: SentTransactions;
  readonly logBytes: ByteAccount;
  /**
   * The sink takes every change of its own, in one lane ({@link SinkCapabilities.lastWriteWins} is false): halves of a key
   * change need no meeting, and a key that is spelled in another way is another one to its readers.
   */
  readonly everyChange: boolean;
  /** What the frontier row says: everything at or before it is durable, whatever a lane's own checkpoint says. */
  readonly durable: Position | null;
}

/**
 * Puts changes of the log into the lanes: key to lane, key changes in two halves, windows struck, what a lane's
 * checkpoint holds dropped. Synchronous, so that striking and entering are one step (I7).
 *
 * Hot path: called once per change. It allocates the lane's item and the key text, nothing else.
 */
export class Feed {
  readonly #parts: FeedParts;
  #shape: TableShape | null = null;
  #table: TableRuntime | null = null;
  #routes: readonly CompiledRoute[] = [];
  /** They take rows of the table as their source's log has them. */
  #takesLogged = false;
  #transaction: Change["transaction"] = null;
  /** Some lane's checkpoint lies at or after what comes next: look before entering. */
  #replaying: boolean;
  #entered = 0;

  constructor(parts: FeedParts) {
    this.#parts = parts;
    this.#replaying =
      parts.durable !== null || parts.lanes.some((lane) => lane.standing.found !== null);
  }

  /** Replay has passed every lane's checkpoint: windows may open (I7). */
  get replaying(): boolean {
    return this.#replaying;
  }

  /** Items that entered the lanes since the last call; a mark after none need not be a new one. */
  takeEntered(): number {
    const entered = this.#entered;
    this.#entered = 0;
    return entered;
  }

  /** The log was read to this standing. False where the frontier row is further on: nothing of it has entered. */
  reached(position: Position): boolean {
    if (!this.#replaying) return true;
    const { source, durable, lanes } = this.#parts;
    const lacks = (place: Position | null) =>
      place !== null && source.comparePositions(position, place) < 0;
    const isBehind = lacks(durable);
    this.#replaying = isBehind || lanes.some(({ standing: { found } }) => lacks(found));
    return !isBehind;
  }

  /** The batch ends within a transaction. */
  splits({ position, acknowledge }: LogBatch): boolean {
    const { source } = this.#parts;
    if (acknowledge === position) return false;
    return acknowledge === null || source.comparePositions(acknowledge, position) !== 0;
  }

  /** The routes of some table have changed. */
  forgetRoutes(): void {
    this.#shape = null;
  }

  /** One change into its lanes. */
  change(change: Change): void {
    if (change.shape !== this.#shape) this.#lookUp(change.shape);
    const table = this.#table;
    if (table === null) return this.#parts.logBytes.give(change.bytes);
    if (this.#routes.length === 0) return this.#leaveOut(table, change);
    if (change.transaction !== this.#transaction) this.saw(change.transaction);
    table.changes++;
    if (!(change instanceof LoggedChange)) this.#valued(table, change);
    else if (this.#takesLogged && !table.keyless) this.#logged(table, change);
    else this.#valued(table, change.read());
  }

  #valued(table: TableRuntime, change: Change): void {
    if (table.keyless) this.#keyless(table, change);
    else if (change.movedFrom !== null) this.#moved(table, change, change.movedFrom);
    else this.#plain(table, change);
  }

  /** A change or a barrier of this transaction is passed on: snapshots of chunks must see it from now on (I7). */
  saw(transaction: Change["transaction"]): void {
    this.#transaction = transaction;
    if (transaction !== null) this.#parts.sent.add(transaction.id);
  }

  /** Seen all the same: the snapshots that bring the table back have to hold what is left out here (I7). */
  #leaveOut(table: TableRuntime, change: Change): void {
    if (table.leftOut && change.transaction !== this.#transaction) this.saw(change.transaction);
    this.#parts.logBytes.give(change.bytes);
  }

  #lookUp(shape: TableShape): void {
    this.#shape = shape;
    this.#table = this.#parts.tables.get(shape.id) ?? null;
    // A table that was made anew is loaded as it is now; what the log still has of the one before is about rows that
    // are gone with it.
    const other = this.#table !== null && this.#table.shape.identity !== shape.identity;
    // A paused table's targets stay as they were, whatever its rows look like now.
    const isLeftOut = other || this.#table?.leftOut === true;
    this.#routes = isLeftOut ? [] : (this.#table?.routesFor(shape) ?? []);
    this.#takesLogged = this.#routes.every(({ takesLines }) => takesLines);
  }

  #logged(table: TableRuntime, change: LoggedChange): void {
    if (table.windows.size > 0) table.windows.strike(change.key);
    const held = heldBy(this.#routes.length, change.bytes);
    for (const route of this.#routes) this.#enter(RowItem.ofLogged(table, route, change, held));
  }

  #plain(table: TableRuntime, change: Change): void {
    const row = change.op === "d" ? change.before : change.after;
    if (row === null) return this.#parts.logBytes.give(change.bytes);
    const key = this.#parts.source.keyText(change.shape, row);
    if (table.windows.size > 0) table.windows.strike(key);
    const held = heldBy(this.#routes.length, change.bytes);
    for (const route of this.#routes) {
      const mapped = route.map(row);
      const partial = (change.op === "u" || change.unsure || route.unsure) && hasUnchanged(mapped);
      const write: RowWrite = change.op === "d" ? "remove" : partial ? "patch" : "put";
      this.#enter(new RowItem(write, table, route, key, mapped, change.position, change, held));
    }
  }

  /** Delete of the old key, upsert of the new one, at two positions; one transaction where the log left values out. */
  #moved(table: TableRuntime, change: Change, from: Position): void {
    const { before, after, position } = change;
    if (before === null || after === null || position === null)
      return this.#parts.logBytes.give(change.bytes);
    const oldKey = this.#parts.source.keyText(change.shape, before);
    const newKey = this.#parts.source.keyText(change.shape, after);
    // Spelled in another way: it is the row that stands there. Halves would write it and then delete it.
    if (oldKey === newKey && !this.#parts.everyChange) return this.#plain(table, change);
    if (table.windows.size > 0) {
      table.windows.strike(oldKey);
      table.windows.strike(newKey);
    }
    const partial = this.#routes.some((route) => hasUnchanged(route.map(after)));
    if (partial && this.#canMeet(oldKey, newKey, position))
      return this.#meet(table, change, oldKey, newKey, position);
    const held = heldBy(2 * this.#routes.length, change.bytes);
    for (const route of this.#routes)
      this.#enter(
        new RowItem("remove", table, route, oldKey, route.map(before), from, change, held),
      );
    for (const route of this.#routes) {
      const row = route.map(after);
      const write = partial && hasUnchanged(row) ? "patch" : "put";
      this.#enter(new RowItem(write, table, route, newKey, row, position, change, held));
    }
  }

  #meet(
    table: TableRuntime,
    change: Change,
    oldKey: string,
    newKey: string,
    position: Position,
  ): void {
    const moves: Move[] = this.#routes.map((route) => ({
      table,
      route,
      fromKey: oldKey,
      from: route.map(change.before ?? []),
      toKey: newKey,
      to: route.map(change.after ?? []),
    }));
    const lanes = this.#lanesOf(oldKey, newKey);
    const indexes = lanes.map(({ index }) => index);
    const meeting = makeMeeting(change, position, moves, indexes, change.bytes);
    for (const lane of lanes) lane.push(meeting);
    this.#entered++;
  }

  /**
   * Halves in one lane need no meeting, and have to stay what they are for a batch that is refused (design/002). Where a
   * lane has passed the position while another has not, an earlier run left the change out or had it whole: a meeting
   * would take that lane's checkpoint back, and what came after it would be applied twice (I3).
   */
  #canMeet(oldKey: string, newKey: string, position: Position): boolean {
    const { choice, everyChange } = this.#parts;
    if (everyChange || this.#routes.some((route) => choice.isGrouped(route.target.id)))
      return false;
    if (!this.#replaying) return true;
    return this.#lanesOf(oldKey, newKey).every((lane) => !this.#holds(lane, position));
  }

  #lanesOf(oldKey: string, newKey: string): Lane[] {
    const indexes = this.#routes.flatMap((route) => [
      this.#laneIndex(route, oldKey),
      this.#laneIndex(route, newKey),
    ]);
    return [...new Set(indexes)]
      .map((index) => this.#parts.lanes[index])
      .filter((lane) => lane !== undefined);
  }

  /** Rows without key: one lane for the table; an update is a removal and an append. */
  #keyless(table: TableRuntime, change: Change): void {
    const position = change.position;
    if (position === null || this.#inSnapshot(table, change))
      return this.#parts.logBytes.give(change.bytes);
    const before = change.op === "c" ? null : change.before;
    const after = change.op === "d" ? null : change.after;
    const halves = (before === null ? 0 : 1) + (after === null ? 0 : 1);
    if (halves === 0) return this.#parts.logBytes.give(change.bytes);
    const held = heldBy(halves * this.#routes.length, change.bytes);
    for (const route of this.#routes) {
      if (before !== null) {
        const gone = withKey(route, before, "");
        this.#enter(new RowItem("remove-equal", table, route, "", gone, position, change, held));
      }
      if (after !== null) {
        const row = withKey(route, after, this.#parts.source.positionText(position));
        this.#enter(new RowItem("append", table, route, "", row, position, change, held));
      }
    }
  }

  /** The table's load saw this change already (design/001 "Tables without key"). */
  #inSnapshot(table: TableRuntime, change: Change): boolean {
    const { snapshot, end } = table.document;
    if (snapshot === null || change.transaction === null || change.position === null) return false;
    if (end !== null && this.#parts.source.comparePositions(end, change.position) < 0) return false;
    return this.#parts.source.sees(snapshot, change.transaction.id);
  }

  #enter(item: RowItem): void {
    const lane = this.#parts.lanes[this.#laneIndex(item.route, item.key)];
    if (lane === undefined) return this.#drop(item);
    if (this.#replaying && item.position !== null && this.#holds(lane, item.position))
      return this.#drop(item);
    lane.push(item);
    this.#entered++;
  }

  #drop(item: RowItem): void {
    const bytes = item.letGo();
    if (bytes > 0) this.#parts.logBytes.give(bytes);
  }

  #laneIndex(route: CompiledRoute, key: string): number {
    return this.#parts.choice.laneOf(route.target.id, key);
  }

  /** The lane's checkpoint, or the frontier, has this change. */
  #holds({ standing: { found } }: Lane, position: Position): boolean {
    const { source, durable } = this.#parts;
    if (durable !== null && source.comparePositions(durable, position) >= 0) return true;
    return found !== null && source.comparePositions(found, position) >= 0;
  }
}

/** Rows of tables without key carry `_millrace_key` before their columns. */
export function withKey(route: CompiledRoute, row: Row, key: string): Row {
  return [key, ...route.map(row).map((value) => (value === UNCHANGED ? null : value))];
}
