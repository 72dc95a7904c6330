import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch, LogItem } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { SourceLog } from "../../model/source.ts";
import type { ModelLink } from "./source-link.ts";
import {
  compareModelPositions,
  modelPosition,
  type LogEvent,
  type LoggedTransaction,
  type ModelPosition,
  type SourceServer,
} from "./source-server.ts";
import type { Process } from "./world.ts";

/** What a log makes of the server's events. */
export interface LogWords {
  /** Where the server begins to send. */
  startOf(from: Position | null): ModelPosition;
  /** What is told of an event. */
  decode(tx: LoggedTransaction, event: LogEvent): readonly LogItem[];
  /** Nothing lies between what was read and this boundary: what is told there. */
  reached(boundary: ModelPosition): readonly LogItem[];
  /** Nothing at or before it is given, or it was: a boundary that comes again says no less. */
  readonly given: ModelPosition | null;
  /** Something has to be asked before more is read. */
  readonly isOpen: boolean;
  /** Asks it. */
  resolve(): Promise<readonly LogItem[]>;
}

/** One replication session: transactions from their begin, in the words of its source. */
export class ModelLog implements SourceLog {
  readonly #server: SourceServer;
  readonly #link: ModelLink;
  readonly #slot: SourceServer["slot"];
  readonly #words: LogWords;
  #transaction: number;
  #event = 0;
  #told: ModelPosition | null = null;
  #finished: ModelPosition | null = null;
  #broken: MillraceError | null = null;

  constructor(server: SourceServer, link: ModelLink, from: Position | null, words: LogWords) {
    this.#server = server;
    this.#link = link;
    this.#slot = server.slot;
    this.#words = words;
    const [commit] = words.startOf(from);
    const first = server.log.findIndex((tx) => tx.commit >= commit);
    this.#transaction = first === -1 ? server.log.length : first;
  }

  /** It still has the slot. */
  get open(): boolean {
    return this.#broken === null && !this.#link.owner.dead;
  }

  get owner(): Process {
    return this.#link.owner;
  }

  async next(): Promise<LogBatch> {
    for (;;) {
      await this.#link.call("log next");
      this.#refuseLost();
      if (this.#broken !== null) throw this.#broken;
      const batch = this.#batch();
      if (batch !== null) return this.#words.isOpen ? this.#answered(batch) : batch;
      await this.#grown();
    }
  }

  async #answered(batch: LogBatch): Promise<LogBatch> {
    const items = [...batch.items, ...(await this.#words.resolve())];
    if (this.#broken !== null) throw this.#broken;
    return { ...batch, items };
  }

  acknowledge(position: Position): void {
    const { slot } = this.#server;
    const acknowledged = modelPosition(position);
    if (slot === null || slot !== this.#slot || this.#broken !== null) return;
    this.#link.acknowledged(acknowledged);
    if (compareModelPositions(slot.acknowledged, acknowledged) < 0)
      slot.acknowledged = acknowledged;
  }

  /** Another session took the slot, or the connection is gone. */
  breakOff(): void {
    this.#broken ??= new MillraceError(
      "MR_SOURCE_LOST_CONNECTION",
      "(model) the log's connection is gone",
    );
    this.#server.nudge();
  }

  async close(): Promise<void> {
    this.breakOff();
    await this.#link.step("log close");
  }

  /** The slot was dropped under the session, or its log was taken away. */
  #refuseLost(): void {
    if (this.#server.slot === this.#slot) return;
    this.#broken ??= new MillraceError("MR_SOURCE_SLOT_LOST", "(model) the slot was lost");
  }

  async #grown(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.onGrowth(resolve));
  }

  #batch(): LogBatch | null {
    const items: LogItem[] = [];
    let position: ModelPosition | null = null;
    let timeMs: number | null = null;
    for (let left = this.#server.world.random.between(1, 4); left > 0; left--) {
      const tx = this.#server.log[this.#transaction];
      if (tx === undefined || this.#words.isOpen) break;
      timeMs = tx.timeMs;
      position = this.#advance(tx, items);
    }
    position ??= this.#idle(items);
    if (position === null) return null;
    const bytes = items.reduce((sum, item) => sum + (item.kind === "change" ? item.bytes : 0), 0);
    this.#server.largestBatch = Math.max(this.#server.largestBatch, bytes);
    return { items, position, acknowledge: this.#finished, sourceTimeMs: timeMs, bytes };
  }

  /** One event, or the end, of a transaction. */
  #advance(tx: LoggedTransaction, items: LogItem[]): ModelPosition {
    if (this.#event === 0) items.push(...this.#words.reached([tx.commit, 0]));
    const event = tx.events[this.#event++];
    if (event === undefined) {
      this.#transaction++;
      this.#event = 0;
      this.#finished = [tx.end, 0];
      return this.#reached(this.#finished, items);
    }
    items.push(...this.#words.decode(tx, event));
    return [tx.commit, event.n];
  }

  /** A keepalive: where the log ends, once. */
  #idle(items: LogItem[]): ModelPosition | null {
    const end = this.#server.logEnd;
    if (this.#told !== null && compareModelPositions(this.#told, end) === 0) return null;
    this.#told = end;
    this.#finished = end;
    return this.#reached(end, items);
  }

  /** Behind what is told at a boundary. */
  #reached(boundary: ModelPosition, items: LogItem[]): ModelPosition {
    const told = this.#words.reached(boundary);
    items.push(...told);
    const { given } = this.#words;
    return given !== null && compareModelPositions(given, boundary) > 0 ? given : boundary;
  }
}
