import { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter } from "../model/dead-letter.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Clock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { CommitResult, Sink, StateEntry, Write } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { addEvents } from "./batch-events.ts";
import { BatchContent } from "./batch-content.ts";
import { middle } from "./batch-cuts.ts";
import { CarefulWriter } from "./careful-writer.ts";
import type { Committer } from "./committer.ts";
import {
  compact,
  needsSource,
  overlay,
  runsOfDistinctKeys,
  type KeyOutcome,
} from "./compaction.ts";
import type { ConstraintOrder } from "./constraint-order.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { Discard, RowItem } from "./lane-item.ts";
import { refusalOf } from "./letter.ts";
import type { TaskObserver } from "./observer.ts";
import { PuttingOff } from "./put-off.ts";
import { ReadyContent } from "./ready-content.ts";
import type { SourceReads } from "./source-reads.ts";
import type { LaneStanding } from "./standing.ts";
import { stateKey } from "./state-documents.ts";
import type { StateRide } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { ToldLoads } from "./told-loads.ts";

/** What lanes share. */
export interface WriterParts {
  readonly sink: Sink;
  readonly committer: Committer;
  readonly book: DeadLetterBook;
  readonly reads: SourceReads;
  readonly observer: TaskObserver;
  readonly clock: Clock;
  readonly compaction: boolean;
  readonly order: ConstraintOrder;
  /** Makes a table's document durable. */
  readonly writeTable: (table: TableRuntime) => Promise<void>;
  /** See {@link PuttingOff}. */
  readonly putOffDone: (table: TableRuntime) => void;
  /** What of the run's documents goes with rows of lane 0, beside those that these have themselves. */
  readonly ride: (own: readonly StateEntry[]) => StateRide | null;
}

/** The rows that will most likely be written next, once all of them are there; null where what is being written ends before. */
export type NextRows = () => Promise<readonly RowItem[] | null>;

const DIVISIBLE = { divisible: true } as const;

/** `divisible`: what the sink is too slow for is cut here. */
interface HowToCommit extends Partial<typeof DIVISIBLE> {
  readonly ends?: boolean;
  readonly next?: NextRows;
}

/** Turns a run of items of one lane into durable transactions: compaction, UNCHANGED, poison rows. */
export class BatchWriter {
  readonly #parts: WriterParts;
  readonly #lane: number;
  readonly #standing: LaneStanding;
  readonly #careful: CarefulWriter;
  readonly #puttingOff: PuttingOff;
  readonly #ready: ReadyContent;

  constructor(
    lane: { readonly index: number; readonly standing: LaneStanding },
    parts: WriterParts,
  ) {
    this.#lane = lane.index;
    this.#standing = lane.standing;
    this.#parts = parts;
    this.#puttingOff = new PuttingOff(parts);
    this.#ready = new ReadyContent(parts);
    this.#careful = new CarefulWriter({
      order: parts.order,
      content: () => new BatchContent(parts),
      commit: (items, content) => this.#commit(items, content),
      sendWhole: (items) => this.#writeOnce(items),
      complete: (targets, known) => this.#completePatches(targets, known),
      read: (items) => this.#readRows(items),
      readsRows: () => parts.reads.possible,
      putOff: (table, target) => this.#puttingOff.prepare(table, target),
      refuseNewer: (target) => this.#puttingOff.refuseNewer(target),
      missing: (content, { rows }, known) => this.#missing(content, rows, known),
    });
  }

  /**
   * How many items are durable or parked: all of them; only where `patient`, fewer, from the front: the next one's
   * transaction is refused for the sake of other rows, and is to come again when more of it, or of other lanes, is there.
   * `ends`: behind them no source transaction is open. `next`: see {@link NextRows}.
   */
  async write(
    items: readonly RowItem[],
    patient = false,
    ends = false,
    next?: NextRows,
  ): Promise<number> {
    try {
      await this.#writeOnce(items, ends, next);
    } catch (thrown) {
      if (
        !(thrown instanceof MillraceError) ||
        (thrown.class !== "row" && thrown.class !== "too-large")
      )
        throw thrown;
      if (this.#careful.isFor(items, thrown)) return this.#writeCarefully(items, { patient, ends });
      const cut = middle(items);
      if (cut === 0) await this.#parkOrInsist(items, thrown, ends);
      else {
        const done = await this.write(items.slice(0, cut), patient);
        return done < cut ? done : cut + (await this.write(items.slice(cut), patient, ends));
      }
    }
    return items.length;
  }

  async #writeCarefully(
    items: readonly RowItem[],
    prospect: { readonly patient: boolean; readonly ends: boolean },
  ): Promise<number> {
    try {
      return await this.#careful.write(items, prospect);
    } finally {
      this.#puttingOff.done();
    }
  }

  async #writeOnce(items: readonly RowItem[], ends = false, next?: NextRows): Promise<void> {
    let ready = this.#ready.take(items);
    for (let known: ReadonlyMap<RowItem, Row | null> = new Map(); ;) {
      const content = ready ?? (await this.#prepare(items, known));
      ready = null;
      failpoint("lane.before-commit");
      const how = next === undefined ? { ends } : { ends, next };
      const result = await this.#commit(items, content, { ...how, ...DIVISIBLE });
      if (result.outcome === "done") return;
      known = await this.#missing(content, result.rows, known);
    }
  }

  /** `known`, and what becomes of the rows that a commit turned out to miss. */
  async #missing(
    content: BatchContent,
    rows: Extract<CommitResult, { outcome: "missing" }>["rows"],
    known: ReadonlyMap<RowItem, Row | null>,
  ): Promise<ReadonlyMap<RowItem, Row | null>> {
    const missing = rows
      .map(({ write, row }) => content.outcomesOf[write]?.[row]?.item)
      .filter((item) => item !== undefined)
      .filter((item) => !known.has(item));
    if (missing.length === 0)
      throw new MillraceError("MR_BUG", "rows are missing that no write of this batch needs");
    return new Map([...known, ...(await this.#resolveMissing(missing))]);
  }

  /** Rows that the sink turned out not to have: read at the source, or, without key, nothing is left to remove. */
  async #resolveMissing(items: readonly RowItem[]): Promise<Map<RowItem, Row | null>> {
    const gone = items.filter((item) => item.write === "remove-equal");
    for (const [table, { length }] of Map.groupBy(gone, (item) => item.table)) {
      // What comes before its load is emptied with it: nothing of it is expected there.
      if (!table.document.allPlanned) continue;
      const what = length === 1 ? "a row without key" : `${length} rows without key`;
      const message = `${what} that the source removed ${length === 1 ? "was" : "were"} not at the sink`;
      this.#parts.observer.event({ type: "notice", table: table.id, message });
    }
    const rows = await this.#readRows(items.filter((item) => item.write !== "remove-equal"));
    for (const item of gone) rows.set(item, null);
    return rows;
  }

  async #prepare(
    items: readonly RowItem[],
    known: ReadonlyMap<RowItem, Row | null>,
  ): Promise<BatchContent> {
    const content = new BatchContent(this.#parts);
    if (!this.#parts.sink.capabilities.lastWriteWins) {
      await this.#addEvents(content, items, known);
      return content;
    }
    const runs = this.#parts.compaction ? [items] : runsOfDistinctKeys(items);
    for (const run of runs) {
      const keyed = run.filter((item) => !item.route.target.keyless);
      if (keyed.length < run.length) content.addKeyless(run, known);
      const targets = compact(keyed);
      await this.#completePatches(targets, known);
      for (const part of this.#parts.order.arrange(targets)) content.addKeyed(part);
    }
    return content;
  }

  /** Every change of its own, for sinks where each one matters. */
  async #addEvents(
    content: BatchContent,
    items: readonly RowItem[],
    known: ReadonlyMap<RowItem, Row | null>,
  ): Promise<void> {
    const { partialUpdates } = this.#parts.sink.capabilities;
    const patches = items.filter((item) => item.write === "patch" && !known.has(item));
    const wanted = partialUpdates ? patches.filter(needsSource) : patches;
    const read = new Map([...known, ...(await this.#readRows(wanted))]);
    addEvents(content, items, read);
  }

  /** Patches whose row the sink cannot complete become full rows from the source (I9): `known`, and what was read. */
  async #completePatches(
    targets: Map<TargetTable, Map<string, KeyOutcome>>,
    known: ReadonlyMap<RowItem, Row | null>,
  ): Promise<ReadonlyMap<RowItem, Row | null>> {
    const wanted: RowItem[] = [];
    for (const outcomes of targets.values()) {
      // Hot: by forEach, since a Map's iterator makes an object for each key.
      outcomes.forEach((outcome) => {
        if (outcome.write === "patch" && !known.has(outcome.item) && this.#mustRead(outcome))
          wanted.push(outcome.item);
      });
    }
    const rows =
      wanted.length === 0 ? known : new Map([...known, ...(await this.#readRows(wanted))]);
    if (rows.size === 0) return rows;
    for (const outcomes of targets.values()) {
      for (const [key, outcome] of outcomes) {
        const row = outcome.write === "patch" ? rows.get(outcome.item) : undefined;
        if (row === undefined) continue;
        outcomes.set(
          key,
          row === null
            ? { item: outcome.item, write: "remove", row: outcome.row }
            : { item: outcome.item, write: "put", row: overlay(row, outcome.row) },
        );
      }
    }
    return rows;
  }

  /**
   * Once its table is loaded the sink's copy was written in this generation, with all that came before in this lane. It
   * may be newer than the change, then later changes bring both to the same. Read until SYNC, each read would move the
   * table's end on, and under writes it would never get there.
   */
  #mustRead(outcome: KeyOutcome): boolean {
    return (
      needsSource(outcome) ||
      !outcome.item.table.loaded ||
      !this.#parts.sink.capabilities.partialUpdates
    );
  }

  /** Source rows of these items, mapped to their targets; null where the source has deleted them. */
  async #readRows(items: readonly RowItem[]): Promise<Map<RowItem, Row | null>> {
    if (items.length === 0) return new Map();
    const wanted = items.map(({ table, change, route }) => ({ table, change, route }));
    const rows = await this.#parts.reads.read(wanted);
    return new Map(items.map((item, i) => [item, rows[i] ?? null]));
  }

  /** It is no fault of a row that the sink is slow. */
  async #parkOrInsist(
    items: readonly RowItem[],
    error: MillraceError,
    ends: boolean,
  ): Promise<void> {
    if (error.code !== "MR_SINK_TOO_SLOW") return this.#park(items, error, ends);
    const content = await this.#prepare(items, new Map());
    await this.#commit(items, content, { ends });
  }

  /** What is left of a batch that the sink refuses: one position's items, each of which becomes a dead letter. */
  async #park(items: readonly RowItem[], error: MillraceError, ends: boolean): Promise<void> {
    const content = new BatchContent(this.#parts);
    for (const item of items) content.park(item, refusalOf(error, item));
    await this.#commit(items, content, { ends });
  }

  /** The operator gives up a letter: the one that goes, or null where none stands any more. */
  async discard({ target, key }: Pick<Discard, "target" | "key">): Promise<DeadLetter | null> {
    const { book, committer } = this.#parts;
    const letter = book.get(target, key);
    if (letter === null) return null;
    const superseded = [{ target, key }];
    await committer.commit([this.#lane], {
      writes: [],
      state: () => [],
      deadLetters: [],
      superseded,
    });
    failpoint("letter.discarded");
    book.remove(target, key);
    return letter;
  }

  async #commit(
    items: readonly RowItem[],
    content: BatchContent,
    { ends = false, next, divisible }: HowToCommit = {},
  ): Promise<CommitResult> {
    const { writes, deadLetters, superseded } = content;
    const loads = ToldLoads.of(items);
    let checkpoint: Position | null = null;
    let ride: StateRide | null = null;
    const state = (): StateEntry[] => {
      checkpoint = this.#standing.with(items);
      const own = loads?.state() ?? [];
      if (checkpoint !== null)
        own.push({ key: stateKey.checkpoint(this.#lane), value: checkpoint });
      ride = this.#lane === 0 ? this.#parts.ride(own) : null;
      return ride === null ? own : [...ride.entries, ...own];
    };
    const landed = (): void => {
      loads?.landed();
      ride?.landed();
    };
    const stayed = (): void => ride?.stayed();
    const coming = next === undefined ? {} : { next: this.#nextWrite(next) };
    const told = { writes, state, landed, stayed, deadLetters, superseded, endsTransaction: ends };
    const whole = { ...told, ...coming, ...(divisible ? DIVISIBLE : {}) };
    const result = await this.#parts.committer.commit([this.#lane], whole);
    if (result.outcome !== "done") return result;
    if (checkpoint !== null) this.#standing.reached(checkpoint);
    failpoint("lane.after-commit");
    content.durable();
    return result;
  }

  /** Not made where the rows of the transaction in flight are in reach: it outlives them. */
  #nextWrite(next: NextRows): () => Promise<Write | null> {
    return async () => this.#ready.make(await next());
  }
}
