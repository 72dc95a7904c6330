import { MillraceError } from "../../errors/millrace-error.ts";
import type { MessageOrigin } from "../../formats/message-origin.ts";
import type { MessagePlace } from "../../formats/message-place.ts";
import type { MessageReader, ReadMessage } from "../../formats/message-reader.ts";
import { plainKeyRow, type Members } from "../../formats/read-shape.ts";
import { Change, type LogItem, type Transaction } from "../../model/change.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { UNCHANGED, type Row } from "../../model/value.ts";
import { keyNames, type KnownTables } from "./known-tables.ts";
import { BEFORE, type EpochMark, HALF, type KafkaPosition, type Step, WHOLE } from "./position.ts";
import type { RowFit } from "./row-fit.ts";

/** What a change is kept as in memory besides its bytes. */
const CHANGE_BYTES = 250;
/** Deletes whose tombstones are waited for; writers of a topic send both in a row, and there are few writers (I10). */
const MAX_DELETED = 64;

/** A message, in bytes that are good during the call. */
export interface Message extends MessagePlace {
  readonly offset: number;
  readonly timeMs: number;
  /** Null, or left out, where nobody knows. */
  readonly epoch?: EpochMark | null;
}

interface ItemsParts {
  readonly reader: MessageReader;
  readonly tables: KnownTables;
  readonly matches: (schema: string, name: string) => boolean;
  /** The table of messages that do not name theirs. */
  readonly table: { readonly schema: string; readonly table: string };
  readonly truncate: "refuse" | "ignore";
  readonly where: string;
}

/** What came of a message. */
export type Outcome = "done" | { readonly newTable: TableShape };

/** Makes changes of messages, in order, and schema changes where their rows need them. */
export class MessageItems {
  readonly #parts: ItemsParts;
  #transaction: Transaction | null = null;
  #judged: { readonly shape: TableShape; readonly isWanted: boolean } | null = null;
  /** Keys whose last message was a delete, the newest last: the tombstone behind it says nothing more. */
  readonly #deleted = new Set<string>();

  constructor(parts: ItemsParts) {
    this.#parts = parts;
  }

  /**
   * Adds what a message comes to. Nothing is added where it is of a table that nobody knows here yet.
   * @throws MillraceError MR_MESSAGE_UNREADABLE, MR_SCHEMA_CHANGE_REFUSED
   */
  add(message: Message, items: LogItem[]): Outcome {
    const { reader } = this.#parts;
    const read = reader.readAt(message);
    const wasDeleted = this.#sawDelete(message, read);
    switch (read.kind) {
      case "other":
        return "done";
      case "tombstone":
        return read.key === null || wasDeleted
          ? "done"
          : this.#tombstone(message, this.#keyOf(read, read.key), items);
      case "truncate":
        this.#truncate(message, read.origin, items);
        return "done";
      case "change":
        return this.#isWanted(read.shape) ? this.#change(message, read, items) : "done";
    }
  }

  /** Hot: per change. Mostly the shape is that of the last one. */
  #isWanted(shape: TableShape): boolean {
    if (this.#judged?.shape !== shape)
      this.#judged = { shape, isWanted: this.#parts.matches(shape.schema, shape.name) };
    return this.#judged.isWanted;
  }

  /** A message that was dealt with before the start: it tells whose the tombstones are that follow. */
  recall(message: MessagePlace): void {
    try {
      this.#sawDelete(message, this.#parts.reader.readAt(message));
    } catch (thrown) {
      if (!(thrown instanceof MillraceError)) throw thrown;
    }
  }

  /**
   * Hot: per message. Whether the last message of this key was a delete, and keeps whether this one is: also of a table that
   * is not wanted, for its tombstone must not be taken for another one's.
   */
  #sawDelete({ keyBytes, keyStart, keyEnd }: MessagePlace, read: ReadMessage): boolean {
    const isDelete = read.kind === "change" && read.op === "d";
    if (keyStart < 0 || (!isDelete && this.#deleted.size === 0)) return false;
    const text = keyBytes.bytes.toString("latin1", keyStart, keyEnd);
    const wasDeleted = this.#deleted.delete(text);
    if (isDelete) this.#deleted.add(text);
    if (this.#deleted.size > MAX_DELETED) {
      const [oldest = ""] = this.#deleted;
      this.#deleted.delete(oldest);
    }
    return wasDeleted;
  }

  #change(
    message: Message,
    read: Extract<ReadMessage, { kind: "change" }>,
    items: LogItem[],
  ): Outcome {
    const fit = this.#fit(message, read.shape, items);
    if ("newTable" in fit) return fit;
    const { op } = read;
    const before = read.before === null ? null : fit.row(read.before, UNCHANGED);
    const after = read.after === null ? null : fit.row(read.after, null);
    const transaction = this.#transactionOf(message, read.origin);
    if (fit.shape.key.length === 0)
      this.#keyless(message, { op, fit, before, after, transaction }, items);
    else this.#keyed(message, { op, fit, before, after, transaction }, items);
    return "done";
  }

  #keyed(message: Message, { op, fit, before, after, transaction }: Made, items: LogItem[]): void {
    const row = op === "d" ? before : after;
    if (row === null || !hasKey(fit.shape, row))
      throw this.#unreadable(message, "its row has no key");
    // Rows that Debezium has read of its tables are like any others here: the topic is the log.
    // One that leaves values out (the new half of a key change) is laid over what is there.
    const isPart = after?.includes(UNCHANGED) === true;
    const kind = op === "r" || op === "c" ? (isPart ? "u" : "c") : op;
    const isMoved =
      kind === "u" &&
      before !== null &&
      after !== null &&
      hasKey(fit.shape, before) &&
      fit.shape.key.some((index) => before[index] !== after[index]);
    items.push(
      new Change(
        kind,
        fit.shape,
        before,
        after,
        placeOf(message, WHOLE),
        isMoved ? placeOf(message, HALF) : null,
        transaction,
        weightOf(message),
      ),
    );
  }

  /** Without a key a row is found by all its values. */
  #keyless(
    message: Message,
    { op, fit, before, after, transaction }: Made,
    items: LogItem[],
  ): void {
    // A plain message without key is a row that came.
    const kind = op === "r" || (op === "u" && before === null && message.keyStart < 0) ? "c" : op;
    if (kind !== "c" && (before === null || before.includes(UNCHANGED)))
      throw this.#unreadable(
        message,
        `${fit.shape.id} has no key, and the message does not have the whole old row; primary-keys may name the table's key`,
      );
    const row = after?.map((value, at) => (value === UNCHANGED ? (before?.[at] ?? value) : value));
    if (row?.includes(UNCHANGED) === true)
      throw this.#unreadable(message, `it leaves out a value, and ${fit.shape.id} has no key`);
    const position = placeOf(message, WHOLE);
    const weight = weightOf(message);
    items.push(
      new Change(kind, fit.shape, before, row ?? null, position, null, transaction, weight),
    );
  }

  /** What is left of a delete where the topic was compacted, or all of it where messages are plain. */
  #tombstone(message: Message, { key, named }: TombstoneKey, items: LogItem[]): Outcome {
    const { reader, tables, matches } = this.#parts;
    const known = this.#tablesOf({ key, named });
    const wanted = known.filter(({ schema, name }) => matches(schema, name));
    // Of tables that nobody has seen a row of, there is none to delete.
    if (wanted.length === 0 && (known.length > 0 || tables.shapes.length === 0)) return "done";
    const [shape] = wanted;
    if (shape === undefined || known.length > 1)
      throw this.#unreadable(message, "it is a tombstone, and nothing tells of which table's row");
    const seen = reader.rowOfKey(shape.id, key);
    const row = seen?.row ?? plainKeyRow(shape, key);
    if (row === null)
      throw this.#unreadable(message, `it is a tombstone, and not a key of ${shape.id} as it was`);
    const fit = this.#fit(message, seen?.shape ?? shape, items);
    if ("newTable" in fit) return fit;
    this.#delete(message, fit.shape, fit.row(row, UNCHANGED), items);
    return "done";
  }

  /** With its member `TableId` as a column where a table has such a key, or else as what tells its table. */
  #keyOf({ table, whole }: Tombstone, members: Members): TombstoneKey {
    const key = whole?.members ?? null;
    if (whole !== undefined && key !== null) {
      const asColumn = { key, named: whole.table };
      if (this.#tablesOf(asColumn).length > 0) return asColumn;
    }
    return { key: members, named: table };
  }

  #tablesOf({ key, named }: TombstoneKey): readonly TableShape[] {
    const { reader, tables } = this.#parts;
    return tombstoneTables(key, named, [...reader.shapes, ...tables.shapes], reader);
  }

  #delete(message: Message, shape: TableShape, before: Row, items: LogItem[]): void {
    if (shape.key.length === 0) return;
    if (!hasKey(shape, before))
      throw this.#unreadable(message, `it is a tombstone without the key of ${shape.id}`);
    const transaction = this.#transactionOf(message, null);
    const position = placeOf(message, WHOLE);
    items.push(
      new Change("d", shape, before, null, position, null, transaction, weightOf(message)),
    );
  }

  #truncate(message: Message, origin: MessageOrigin, items: LogItem[]): void {
    const { matches, table, truncate, tables } = this.#parts;
    const schema = origin.schema ?? table.schema;
    const name = origin.table ?? table.table;
    const id = tableId(schema, name);
    if (!matches(schema, name) || truncate === "ignore" || tables.shapeOf(id) === undefined) return;
    const transaction = this.#transactionOf(message, origin);
    items.push({ kind: "truncate", table: id, position: placeOf(message, WHOLE), transaction });
  }

  /** How the message's rows become the table's, which grows first where they have more columns. */
  #fit(
    message: Message,
    shape: TableShape,
    items: LogItem[],
  ): RowFit | { readonly newTable: TableShape } {
    const { tables } = this.#parts;
    for (;;) {
      const told = tables.look(shape);
      if (told.kind === "rows") return told.fit;
      if (told.kind === "new") return { newTable: told.shape };
      const position = placeOf(message, BEFORE);
      const { shape: grown, previous } = told;
      items.push({
        kind: "shape",
        shape: grown,
        previous,
        rewritten: [],
        position,
        transaction: null,
      });
      tables.take(grown);
    }
  }

  /** One object for all changes in a row that are of one transaction of the origin. */
  #transactionOf({ offset, timeMs }: Message, origin: MessageOrigin | null): Transaction {
    const id = origin?.transaction ?? `offset ${offset}`;
    const commitTimeMs = origin?.timeMs ?? timeMs;
    const last = this.#transaction;
    if (last !== null && last.id === id && last.commitTimeMs === commitTimeMs) return last;
    return (this.#transaction = { id, commitTimeMs });
  }

  #unreadable({ offset }: Message, why: string): MillraceError {
    const at = `the message at offset ${offset} of ${this.#parts.where}`;
    return new MillraceError("MR_MESSAGE_UNREADABLE", `${at}: ${why}`);
  }
}

/** Pure: the tables that a tombstone may be of, by the columns of its key and by what that says of its table. */
function tombstoneTables(
  key: Members,
  named: string | null,
  shapes: readonly TableShape[],
  reader: Pick<MessageReader, "mayBeOf">,
): readonly TableShape[] {
  const names = [...key.keys()].sort().join("\u0000");
  const fitting = new Map(
    shapes
      .filter((shape) => keyNames(shape).sort().join("\u0000") === names)
      .filter(({ id }) => reader.mayBeOf(id, named))
      .map((shape) => [shape.id, shape]),
  );
  const all = [...fitting.values()];
  const own = all.filter(({ id }) => named !== null && `.${named}`.endsWith(`.${id}`));
  return own.length > 0 ? own : all;
}

type Tombstone = Extract<ReadMessage, { kind: "tombstone" }>;

interface TombstoneKey {
  readonly key: Members;
  readonly named: string | null;
}

interface Made {
  readonly op: Change["op"];
  readonly fit: RowFit;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly transaction: Transaction;
}

function hasKey({ key }: TableShape, row: Row): boolean {
  for (const index of key) {
    const value = row[index];
    if (value === UNCHANGED || value === null || value === undefined) return false;
  }
  return true;
}

function placeOf({ offset, epoch = null }: Message, step: Step): KafkaPosition {
  return epoch === null ? [offset, step] : [offset, step, epoch];
}

/** What a message does not have ends where it begins. */
function weightOf({ keyStart, keyEnd, valueStart, valueEnd }: MessagePlace): number {
  return keyEnd - keyStart + (valueEnd - valueStart) + CHANGE_BYTES;
}
