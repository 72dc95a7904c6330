import type { TransactionId } from "../model/position.ts";
import { batchLength, BatchScan, type BatchLimits } from "./batch-length.ts";
import { BatchWriter, type NextRows, type WriterParts } from "./batch-writer.ts";
import type { ByteAccount } from "./byte-budget.ts";
import { TooManyRefused } from "./dead-letter-book.ts";
import { attend } from "./attend.ts";
import { ChangeAges } from "./change-ages.ts";
import { Gathering } from "./gathering.ts";
import { account } from "./lane-account.ts";
import { endsTransaction, isOfLog } from "./lane-item.ts";
import type { ChunkMark, LaneItem, Mark, Meeting, RowItem } from "./lane-item.ts";
import { isFullOfBytes, type LaneQueue } from "./lane-queue.ts";
import { LaneQueues } from "./lane-queues.ts";
import { LaneAhead } from "./lane-ahead.ts";
import { linesPerCommit } from "./lines-per-commit.ts";
import { LoadPace, type TransactionTimes } from "./load-pace.ts";
import type { LaneTurns, LoadTurn } from "./load-turns.ts";
import type { MeetingWriter } from "./meeting-writer.ts";
import type { LaneStanding } from "./standing.ts";
import { TransactionRest } from "./transaction-rest.ts";

/** What a lane needs besides what all writers share. */
export interface LaneParts extends WriterParts {
  readonly meetings: MeetingWriter;
  readonly logBytes: ByteAccount;
  readonly chunkBytes: ByteAccount;
  /** Of the loads of all lanes. */
  readonly turns: LaneTurns;
  /** Of all lanes. */
  readonly times: TransactionTimes;
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Source transactions are kept whole as far as they fit. */
  readonly whole: boolean;
  readonly flushIntervalMs: number;
  /** The log has said that more is there to be read at once; absent: nobody knows. */
  readonly moreComes?: () => boolean;
  readonly signal: AbortSignal;
  readonly passed: (lane: number, mark: Mark) => void;
  /** The run goes on without a table; rejects in order to begin it. */
  readonly stopTable: (why: TooManyRefused) => Promise<never>;
  /** Waits until more may have come, and the other lanes have passed what they hold, but not for ever. */
  readonly waitForOthers: (lane: number, waitMs: number) => Promise<void>;
  /** Less waits in a lane than before. */
  readonly emptied: () => void;
  /** The lane sends no more rows for now; see {@link Lane.sends}. */
  readonly rested: (lane: number) => void;
}

/** Nothing is made ready before its time. */
const NOTHING_NEXT: NextRows = () => Promise.resolve(null);

/** What a batch leaves free for its own rows where it takes all that the sink allows. */
const STATE_ROWS = 10;
/**
 * So long a transaction's worth of changes is waited for where the log has more of them: who reads slower than the sink writes
 * would have it write hundreds of small transactions, each of which costs both of them.
 */
const MORE_MS = 50;
/** So many of a load that gives way wait behind the one in flight. */
const TRANSACTIONS_AHEAD = 2;

/**
 * FIFO of changes whose keys hash to it; one transaction in flight; applies batch after batch (I2). Rows of loads wait
 * beside the changes and take turns with them (design/005).
 */
export class Lane {
  readonly index: number;
  readonly standing: LaneStanding;
  readonly #queues = new LaneQueues();
  readonly #pace: LoadPace;
  readonly #parts: LaneParts;
  readonly #writer: BatchWriter;
  #waiting: (() => void) | null = null;
  /** How many wait for what is in the lane: then it is sent without waiting for more of other transactions. */
  #hurried = 0;
  /** How many of them wait while nothing of the log comes: nor for more of the same transaction. */
  #drained = 0;
  readonly #rest: TransactionRest;
  readonly #scan = new BatchScan();
  readonly #ahead = new LaneAhead(this.#queues);
  #awaitsRest = false;
  #sends = false;
  #ownTurn: LoadTurn | null = null;
  readonly #gathered: { readonly changes: Gathering; readonly loads: Gathering };
  readonly #ages: ChangeAges;

  constructor(index: number, standing: LaneStanding, parts: LaneParts) {
    this.index = index;
    this.standing = standing;
    this.#parts = parts;
    this.#writer = new BatchWriter({ index, standing }, parts);
    this.#pace = new LoadPace(parts.clock, parts.times);
    this.#rest = new TransactionRest(parts.clock, parts.signal);
    this.#ages = new ChangeAges(parts.clock);
    const wake = () => this.#wake();
    const { clock, flushIntervalMs, moreComes = () => false } = parts;
    const asked = () => flushIntervalMs;
    const asLogSays = () => (flushIntervalMs === 0 && moreComes() ? MORE_MS : flushIntervalMs);
    this.#gathered = {
      changes: new Gathering(clock, asLogSays, wake),
      loads: new Gathering(clock, asked, wake),
    };
  }

  /** What keeps its place: changes, and all that is not a row of a chunk. */
  push(item: LaneItem): void {
    this.#ages.came(item);
    this.#queues.push(item);
    if (this.#waiting !== null) this.#wake();
    else this.#ahead.look();
  }

  /** A row of a load, which later changes of other keys overtake; or a mark behind such rows. */
  pushLoad(item: RowItem | ChunkMark): void {
    if (item.kind === "row" && this.#parts.order.binds(item.route.target.id))
      this.#queues.pushLoadInLine(item);
    else this.#queues.pushLoad(item);
    if (this.#waiting !== null) this.#wake();
    else this.#ahead.look();
  }

  /** Fewer changes than one transaction takes wait behind the one in flight. */
  get hungry(): boolean {
    return this.#rest.awaited || this.#waitsForRows(this.#queues.changes);
  }

  /** The same of rows of loads, wherever they wait. */
  get hungryForLoads(): boolean {
    const { loads, mixed } = this.#queues;
    return this.#waitsForRows(loads) && (!mixed || this.hungry) && !this.#hasLoadsAhead;
  }

  /** Of a load that gives way: rows that wait for long survive collections, and these hold up everybody. */
  get #hasLoadsAhead(): boolean {
    const { loads } = this.#queues;
    if (!loads.patience.isFresh || !this.#parts.turns.areFew) return false;
    return loads.waiting > TRANSACTIONS_AHEAD * this.#loadRows();
  }

  #waitsForRows(queue: LaneQueue): boolean {
    return queue.waiting < this.#mostRows(queue) && !this.#isFullOfBytes(queue);
  }

  /** What was refused may need more behind it, whatever that weighs. */
  #isFullOfBytes(queue: LaneQueue): boolean {
    return queue.patience.isFresh && isFullOfBytes(queue, this.#parts.maxBytes);
  }

  #loadRows(): number {
    return this.#pace.rows(this.#mostRows(this.#queues.loads), this.#parts.turns.areFew);
  }

  /** A transaction of rows is under way, or ended just now and the next one goes where there is one. */
  get sends(): boolean {
    return this.#sends;
  }

  /** Resolves when everything that is in the lane now is durable, whatever comes behind it; or, if the log `stands`, nothing. */
  async passedSoFar({ stands = false } = {}): Promise<void> {
    if (stands) this.#drained++;
    await this.#hurry((mark) => this.push(mark));
    if (stands) this.#drained--;
  }

  /** The same for rows of loads; changes of other keys may overtake them still. */
  loadsPassedSoFar(): Promise<void> {
    return this.#hurry((mark) => this.pushLoad(mark));
  }

  #hurry(push: (mark: ChunkMark) => void): Promise<void> {
    this.#hurried++;
    return new Promise((resolve) => {
      const passed = () => {
        this.#hurried--;
        resolve();
      };
      push({ kind: "chunk-mark", key: null, rows: 0, pending: 1, passed });
    });
  }

  /** Works until the signal aborts; rejects with what stops the run. */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    try {
      await this.#work(signal);
    } finally {
      this.#gathered.changes.end();
      this.#gathered.loads.end();
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#queues.length === 0) {
        this.#turn.end();
        await this.#more();
        continue;
      }
      try {
        await this.#step();
        this.#parts.emptied();
      } catch (thrown) {
        if (thrown instanceof TooManyRefused) await this.#parts.stopTable(thrown);
        throw thrown;
      }
    }
  }

  /** A mark that is in the lane already may say more now. */
  look(): void {
    if (this.#awaitsRest) this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }

  /** Its turn of the load's. */
  get #turn(): LoadTurn {
    this.#ownTurn ??= this.#parts.turns.turn(() => this.#wake());
    return this.#ownTurn;
  }

  /** Something has come: an item, its turn, or the end of what it waits for. */
  #more(): Promise<void> {
    this.#rests();
    return new Promise<void>((resolve) => (this.#waiting = resolve));
  }

  #rests(): void {
    if (!this.#sends) return;
    this.#sends = false;
    this.#parts.rested(this.index);
  }

  async #step(): Promise<void> {
    const queue = this.#next();
    if (queue === null) return this.#more();
    const head = queue.at(0);
    if (head === undefined) return;
    if (head.kind === "mark" || head.kind === "chunk-mark") {
      this.#pass(head);
      this.#queues.drop(queue, 1);
    } else if (head.kind === "discard") {
      this.#rests();
      head.done.resolve(await this.#writer.discard(head));
      this.#queues.drop(queue, 1);
    } else if (head.kind === "meeting") {
      this.#rests();
      await this.#meet(head);
      this.#queues.drop(queue, 1);
    } else {
      const ready = this.#ahead.take(queue);
      if (ready > 0) return this.#send(queue, ready);
      if (queue === this.#queues.loads) return this.#sendLoads();
      const { items, open } = this.#scan.length(queue, this.#limitsOf(queue));
      if (open === null || !this.#isAwaited(open)) return this.#send(queue, items);
      return this.#queues.ready > 0 && this.#mayLoad() ? this.#sendLoads() : this.#awaitRest();
    }
  }

  /** The queue whose turn it is, or else the other one; null where neither may go. */
  #next(): LaneQueue | null {
    const { changes, loads } = this.#queues;
    // What was refused comes before anything else, whoever's turn it is.
    if (loads.inFlight > 0) return loads;
    const isLoadReady = this.#queues.ready > 0;
    if (!isLoadReady) this.#turn.end();
    if (this.#queues.next() === loads && this.#mayLoad()) return loads;
    if (changes.length > 0 && this.#mayChange()) return changes;
    return isLoadReady && this.#mayLoad() ? loads : null;
  }

  #mayChange(): boolean {
    const { changes } = this.#queues;
    return changes.at(0)?.kind !== "row" || this.#isGathered(changes, this.#gathered.changes);
  }

  #mayLoad(): boolean {
    const { loads } = this.#queues;
    if (loads.at(0)?.kind !== "row") return true;
    return (
      (this.#turn.isThere || this.#isGathered(loads, this.#gathered.loads)) && this.#turn.take()
    );
  }

  /** Waits for more to send together, where the file asks for it; changes and rows of loads do so by themselves. */
  #isGathered(queue: LaneQueue, gathering: Gathering): boolean {
    const isEnough =
      queue === this.#queues.loads
        ? this.#queues.ready >= this.#loadRows()
        : queue.length >= this.#parts.maxRows;
    return isEnough || this.#isFullOfBytes(queue) || this.#hurried > 0 || gathering.isOver;
  }

  #sendLoads(): Promise<void> {
    const { loads, ready } = this.#queues;
    return this.#send(loads, batchLength(loads, { ...this.#limitsOf(loads), within: ready }).items);
  }

  async #send(queue: LaneQueue, count: number): Promise<void> {
    if (queue === this.#queues.changes) this.#rest.clear();
    this.#sends = true;
    this.#queues.begin(queue, count);
    this.#gathered[queue === this.#queues.changes ? "changes" : "loads"].end();
    this.#parts.emptied();
    try {
      await this.#commit(queue, queue.take(count));
    } finally {
      if (queue === this.#queues.loads) this.#turn.end();
    }
  }

  /** A transaction that was refused may need its rest (design/002). */
  #mostRows(queue: LaneQueue): number {
    const { maxRows, sink } = this.#parts;
    if (queue.patience.isFresh)
      return queue === this.#queues.loads
        ? linesPerCommit(sink.capabilities, maxRows, queue.at(0))
        : maxRows;
    return Math.max(1, sink.capabilities.maxRowsPerCommit - STATE_ROWS);
  }

  #limitsOf(queue: LaneQueue): BatchLimits {
    const { maxBytes, sink, whole } = this.#parts;
    // A line weighs what its source sent: to ask for more would make values of it.
    const estimateBytes = (item: RowItem) =>
      item.isBytes ? item.weight : sink.estimateBytes(item.route.target, item.row);
    const most = this.#mostRows(queue);
    if (queue === this.#queues.changes) return { maxRows: most, maxBytes, estimateBytes, whole };
    // What was refused may need more of what stands behind it.
    const maxRows = queue.patience.isFresh ? this.#loadRows() : most;
    return { maxRows, maxBytes, estimateBytes, whole: false };
  }

  /** Not where the log stands for what is here: a barrier may be in a transaction's middle. */
  #isAwaited(open: TransactionId): boolean {
    return this.#drained === 0 && this.#rest.holds(open, this.#queues.changes.pushed);
  }

  async #awaitRest(): Promise<void> {
    const came = Promise.withResolvers<void>();
    this.#waiting = came.resolve;
    this.#rests();
    this.#awaitsRest = true;
    this.#parts.emptied();
    await this.#rest.wait(came.promise);
    this.#awaitsRest = false;
  }

  async #commit(queue: LaneQueue, items: readonly LaneItem[]): Promise<void> {
    const rows: RowItem[] = [];
    for (const item of items) if (item.kind === "row") rows.push(item);
    const began = this.#parts.clock.monotonic();
    const { lasts } = queue.patience;
    // What waits for its turn would grow old.
    const isAtOnce = queue === this.#queues.changes || !this.#parts.turns.areFew;
    const next = isAtOnce ? this.#ahead.begin(queue, this.#limitsOf(queue)) : NOTHING_NEXT;
    const done =
      rows.length === 0
        ? 0
        : await this.#writer
            .write(rows, lasts, endsTransaction(items), next)
            .finally(() => this.#ahead.end());
    if (done < rows.length) return this.#putUp(queue, items, rows, done, began);
    queue.patience.renew();
    const cameMs = this.#ages.oldestMs ?? began;
    this.#settle(queue, items, rows, began);
    if (queue === this.#queues.changes && rows.some(isFollowed)) this.#parts.turns.changed(cameMs);
  }

  /** What came before a transaction that constraints refuse is durable; that one waits, and comes again with more. */
  async #putUp(
    queue: LaneQueue,
    items: readonly LaneItem[],
    rows: readonly RowItem[],
    done: number,
    began: number,
  ): Promise<void> {
    if (done > 0) {
      const next = rows[done];
      const count = next === undefined ? items.length : items.indexOf(next);
      this.#settle(queue, items.slice(0, count), rows.slice(0, done), began);
      // Rows of a load were let in front of what waits, and do not make it another one.
      if (queue === this.#queues.loads || rows.slice(0, done).some(isOfLog)) queue.patience.renew();
    }
    const waitMs = queue.patience.refused();
    this.#queues.putUp(queue);
    this.#rests();
    this.#parts.emptied();
    await this.#parts.waitForOthers(this.index, waitMs);
  }

  /** Rows are durable: what follows from that. */
  #settle(
    queue: LaneQueue,
    items: readonly LaneItem[],
    rows: readonly RowItem[],
    began: number,
  ): void {
    for (const item of items)
      if (item.kind === "mark" || item.kind === "chunk-mark") this.#pass(item);
    this.#queues.drop(queue, items.length);
    if (rows.length === 0) return;
    const tookMs = this.#parts.clock.monotonic() - began;
    this.#ages.durable(rows);
    if (queue === this.#queues.loads) this.#pace.load(rows.length, tookMs);
    else this.#pace.changes(rows.length, tookMs);
    account(this.#parts, this.index, rows, tookMs);
  }

  #pass(mark: Mark | ChunkMark): void {
    if (mark.kind === "chunk-mark") {
      if (--mark.pending === 0) mark.passed(mark);
      return;
    }
    this.standing.passed(mark.position);
    this.#parts.passed(this.index, mark);
  }

  async #meet(meeting: Meeting): Promise<void> {
    await attend(meeting, this.index, this.#parts);
    this.standing.reached(this.standing.withMeeting(meeting.position));
  }
}

/** A change of a table that is not being loaded itself: somebody may rely on how late it is. */
function isFollowed({ position, table }: RowItem): boolean {
  return position !== null && table.document.state === "SYNC";
}
