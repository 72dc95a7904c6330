import { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter, Refusal } from "../model/dead-letter.ts";
import type { Clock } from "../model/ports.ts";
import type { Sink, StateEntry, Write } from "../model/sink.ts";
import type { Row } from "../model/value.ts";
import { parkedEvent } from "./batch-content.ts";
import type { Committer } from "./committer.ts";
import { overlay } from "./compaction.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { Meeting, Move } from "./lane-item.ts";
import { RowItem } from "./lane-item.ts";
import { letterFor, refusalOf, shownKey } from "./letter.ts";
import type { ConstraintOrder } from "./constraint-order.ts";
import type { TaskObserver } from "./observer.ts";
import { isPutOff, PUT_OFF, PuttingOff } from "./put-off.ts";
import { unfit } from "./routes.ts";
import type { SourceReads } from "./source-reads.ts";
import type { LaneStanding } from "./standing.ts";
import { stateKey } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface MeetingParts {
  readonly sink: Sink;
  readonly committer: Committer;
  readonly reads: SourceReads;
  readonly book: DeadLetterBook;
  readonly observer: TaskObserver;
  readonly clock: Clock;
  readonly order: ConstraintOrder;
  readonly writeTable: (table: TableRuntime) => Promise<void>;
  /** See {@link PuttingOff}. */
  readonly putOffDone: (table: TableRuntime) => void;
  /** Of a lane. */
  readonly standing: (lane: number) => LaneStanding | undefined;
}

/**
 * Makes a key change whose row has UNCHANGED columns in one transaction over its lanes: the sink's copy of the old row
 * gives them once INIT_SYNC has been passed, the source before (design/001 "Key changes").
 */
export class MeetingWriter {
  readonly #parts: MeetingParts;

  constructor(parts: MeetingParts) {
    this.#parts = parts;
  }

  /** Resolves when the key change and the checkpoints of all its lanes are durable. */
  async write(meeting: Meeting): Promise<void> {
    const copies = this.#parts.sink.capabilities.partialUpdates;
    // What stands behind a letter never reached the sink: its copy is older than the change. So it is where the change
    // may have made itself what it left out (I9).
    const { change } = meeting;
    const stale = meeting.moves.some(
      ({ table, route, from, fromKey }) =>
        table.early ||
        route.unsure ||
        change.unsure ||
        this.#parts.book.has(route.target.id, shownKey(route, from, fromKey)),
    );
    if (copies && !stale && (await this.#commit(meeting, meeting.moves.map(copyMove)))) return;
    const wanted = meeting.moves.map(({ table, route }) => ({ table, change, route }));
    const rows = await this.#parts.reads.read(wanted);
    const writes = meeting.moves.map((move, i) => putMove(move, rows[i] ?? null));
    if (!(await this.#commit(meeting, writes)))
      throw new MillraceError("MR_BUG", "a key change misses rows that it does not need");
  }

  /** False when rows are missing at the sink; nothing was written then. */
  async #commit(meeting: Meeting, made: readonly MoveWrites[]): Promise<boolean> {
    const letters: DeadLetter[] = [];
    const writes = made.flatMap((writesOfMove, i) =>
      this.#fit(meeting, meeting.moves[i], writesOfMove, letters),
    );
    try {
      return await this.#send(meeting, writes, letters);
    } catch (thrown) {
      if (
        !(thrown instanceof MillraceError) ||
        (thrown.class !== "row" && thrown.class !== "too-large")
      )
        throw thrown;
      return this.#park(meeting, thrown);
    }
  }

  /** The row becomes a letter under its new key; the old one goes. */
  async #park(meeting: Meeting, error: MillraceError): Promise<boolean> {
    const off = new PuttingOff(this.#parts);
    try {
      const putOff = await this.#putOff(meeting, error, off);
      const whyOf = ({ route, to: row }: Move): Refusal =>
        putOff ? PUT_OFF : refusalOf(error, { route, row });
      const parked = meeting.moves.map((move) => this.#letter(meeting, move, whyOf(move)));
      return await this.#send(meeting, meeting.moves.map(removeOld), parked);
    } finally {
      off.done();
    }
  }

  /** Lanes meet only where no constraint binds their rows; one that is newer than this run is looked into (design/002). */
  async #putOff({ moves }: Meeting, error: MillraceError, off: PuttingOff): Promise<boolean> {
    const putOff = error.code === "MR_SINK_CONSTRAINT" && moves.every((m) => !m.table.lastRound);
    if (!putOff) return false;
    for (const { table, route } of moves) await off.prepare(table, route.target);
    return true;
  }

  async #send(
    meeting: Meeting,
    writes: readonly Write[],
    deadLetters: readonly DeadLetter[],
  ): Promise<boolean> {
    const state = (): StateEntry[] =>
      meeting.lanes.map((lane) => ({
        key: stateKey.checkpoint(lane),
        value: this.#parts.standing(lane)?.withMeeting(meeting.position) ?? meeting.position,
      }));
    const superseded = meeting.moves.flatMap((move) =>
      [shownKey(move.route, move.from, move.fromKey), shownKey(move.route, move.to, move.toKey)]
        .filter((key) => this.#parts.book.has(move.route.target.id, key))
        .map((key) => ({ target: move.route.target.id, key }))
        .filter(
          ({ target, key }) => !deadLetters.some((l) => l.target === target && l.key === key),
        ),
    );
    const result = await this.#parts.committer.commit(meeting.lanes, {
      writes,
      state,
      deadLetters,
      superseded,
    });
    if (result.outcome === "missing") return false;
    for (const { target, key } of superseded) this.#parts.book.remove(target, key);
    for (const letter of deadLetters)
      if (!isPutOff(letter)) this.#parts.observer.event(parkedEvent(letter));
    this.#parts.book.addAll(deadLetters);
    return true;
  }

  /** A row that cannot be written is parked under its new key; its old key goes all the same. */
  #fit(
    meeting: Meeting,
    move: Move | undefined,
    made: MoveWrites,
    letters: DeadLetter[],
  ): readonly Write[] {
    const { maxValueBytes } = this.#parts.book;
    const why =
      move === undefined || made.row === null
        ? null
        : unfit(move.route.target, made.row, maxValueBytes);
    if (move === undefined || why === null) return made.writes;
    letters.push(this.#letter(meeting, move, why));
    return [removeOld(move)];
  }

  #letter(meeting: Meeting, move: Move, why: Refusal): DeadLetter {
    const { book, clock } = this.#parts;
    const earlier = book.get(move.route.target.id, shownKey(move.route, move.to, move.toKey));
    book.admit(move.table.id, why, earlier === null ? 0 : -1);
    const item = new RowItem(
      "put",
      move.table,
      move.route,
      move.toKey,
      move.to,
      meeting.position,
      meeting.change,
      0,
    );
    return letterFor(item, why, clock.now(), earlier);
  }
}

interface MoveWrites {
  readonly writes: readonly Write[];
  readonly row: Row | null;
}

function copyMove(move: Move): MoveWrites {
  return {
    writes: [{ kind: "move", table: move.route.target, from: move.from, row: move.to }],
    row: move.to,
  };
}

function putMove(move: Move, row: Row | null): MoveWrites {
  const table = move.route.target;
  if (row === null)
    return { writes: [{ kind: "delete", table, keys: [move.from, move.to] }], row: null };
  const whole = overlay(row, move.to);
  return { writes: [removeOld(move), { kind: "upsert", table, rows: [whole] }], row: whole };
}

function removeOld(move: Move): Write {
  return { kind: "delete", table: move.route.target, keys: [move.from] };
}
