import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogItem, Transaction } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { LogStart } from "../../model/source.ts";
import { loggedChange } from "./logged-change.ts";
import type { ModelLink } from "./source-link.ts";
import type { LogWords } from "./source-log.ts";
import {
  modelPosition,
  type LogEvent,
  type LoggedTransaction,
  type ModelPosition,
  type SourceServer,
} from "./source-server.ts";
import type { SourceOp } from "./source-tables.ts";
import { ToldShapes } from "./told-shapes.ts";

const NOTHING: readonly LogItem[] = [];

/** A log as PostgreSQL's: of published tables, whose shapes are told with the rows that have them. */
export class RowToldWords implements LogWords {
  readonly given = null;
  readonly #server: SourceServer;
  readonly #link: ModelLink;
  readonly #shapes: ToldShapes;
  readonly #maxValueBytes: number;
  /** Schema changes are told by messages in their place, as by PostgreSQL's event trigger. */
  readonly #messages: boolean;
  #claim: { readonly tx: LoggedTransaction; readonly event: LogEvent } | null = null;

  constructor(
    server: SourceServer,
    link: ModelLink,
    start: LogStart,
    { doubts, messages }: { readonly doubts: number; readonly messages: boolean },
  ) {
    this.#server = server;
    this.#link = link;
    this.#messages = messages;
    this.#shapes = new ToldShapes(server, start.tables, doubts);
    this.#maxValueBytes = start.maxValueBytes;
  }

  /** A walsender begins at the later of what was asked for and what was acknowledged; it says nothing of it. */
  startOf(from: Position | null): ModelPosition {
    const { slot } = this.#server;
    if (slot === null) throw new MillraceError("MR_SOURCE_SLOT_MISSING", "(model) no slot");
    if (from === null) return slot.acknowledged;
    const asked = modelPosition(from);
    this.#link.replaysFrom(asked, slot.acknowledged);
    return asked[0] < slot.acknowledged[0] ? slot.acknowledged : [asked[0], 0];
  }

  /** What a message claims is held against the catalogue before more is read; a row waits for its shape there. */
  get isOpen(): boolean {
    return this.#claim !== null;
  }

  decode(tx: LoggedTransaction, event: LogEvent): readonly LogItem[] {
    const { op, n } = event;
    if (this.#messages && event.published && op.kind === "reshape") this.#claim = { tx, event };
    const transaction: Transaction = { id: tx.id, commitTimeMs: tx.timeMs };
    const position: Position = [tx.commit, n];
    if (!event.published || isQuiet(op)) return NOTHING;
    if (op.kind === "truncate")
      return [{ kind: "truncate", table: op.table, position, transaction }];
    if (this.#isUnseen(tx, event)) {
      this.#claim = { tx, event };
      return NOTHING;
    }
    return this.#row(tx, event);
  }

  /** A row of a shape that its own transaction made, which the catalogue does not show yet: nobody can say what it is. */
  #isUnseen({ id, events }: LoggedTransaction, { op, n }: LogEvent): boolean {
    const isOwn = events.some((e) => e.op.kind === "reshape" && e.op.table === op.table && e.n < n);
    return isOwn && [...this.#server.logged].some((tx) => tx.id === id);
  }

  #row(tx: LoggedTransaction, event: LogEvent): readonly LogItem[] {
    const transaction: Transaction = { id: tx.id, commitTimeMs: tx.timeMs };
    const position: Position = [tx.commit, event.n];
    const told = this.#shapes.before(tx, event, transaction);
    const by = {
      shape: this.#shapes.shapeOf(event),
      truth: event.shape,
      maxValueBytes: this.#maxValueBytes,
    };
    const change = loggedChange(event, by, position, transaction);
    return [told, change].filter((item) => item !== null);
  }

  reached(): readonly LogItem[] {
    return NOTHING;
  }

  /** The catalogue that is asked sees its transaction (`sources/postgres/relation-shapes.ts`). */
  async resolve(): Promise<readonly LogItem[]> {
    const claim = this.#claim;
    this.#claim = null;
    if (claim === null) return NOTHING;
    const { tx, event } = claim;
    do await this.#link.call("weigh a message");
    while ([...this.#server.logged].some(({ id }) => id === tx.id));
    if (event.op.kind !== "reshape") return this.#row(tx, event);
    const told = this.#shapes.message(tx, event, { id: tx.id, commitTimeMs: tx.timeMs });
    return told === null ? NOTHING : [told];
  }
}

/** No log tells of it; a new shape is told with the next row. */
function isQuiet({ kind }: SourceOp): boolean {
  return kind !== "put" && kind !== "update" && kind !== "delete" && kind !== "truncate";
}
