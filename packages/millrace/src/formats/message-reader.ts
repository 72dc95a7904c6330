import { MillraceError } from "../errors/millrace-error.ts";
import type { Op } from "../model/change.ts";
import { tableId, type TableId, type TableShape } from "../model/table.ts";
import { UNCHANGED, type Row } from "../model/value.ts";
import { isUnavailable, OtherValue } from "./connect-reading.ts";
import { JsonBytes, NotJson, NumberText, readJson, type JsonRead } from "./json-reader.ts";
import { readKey, TABLE_ID, type MessageKey } from "./message-key.ts";
import {
  fieldsOf,
  GrowingShape,
  keyRow,
  shapeOf,
  type Members,
  type ReadShape,
} from "./read-shape.ts";

/** What a message tells. */
export type ReadMessage =
  | {
      readonly kind: "change";
      readonly op: Op;
      readonly shape: ReadShape["shape"];
      /** What the message does not have of it is UNCHANGED. */
      readonly before: Row | null;
      /** Of a column that the message does not have at all, null: rows in messages are whole. */
      readonly after: Row | null;
      readonly origin: MessageOrigin;
    }
  | { readonly kind: "truncate"; readonly origin: MessageOrigin }
  /**
   * Deletes of a compacted topic: what follows a delete in Debezium's, and the delete itself in plain ones. `table` is what its
   * key says of whose it is: `schema.table`, behind whatever else the name begins with. `whole` is what the key says where its
   * member `TableId` is a column.
   */
  | {
      readonly kind: "tombstone";
      readonly key: Members | null;
      readonly table: string | null;
      readonly whole?: MessageKey;
    }
  /** Nothing of a row: heartbeats, marks, messages of the log. */
  | { readonly kind: "other" };

const NO_KEY: MessageKey = { members: null, table: null };

/** What a message says of where its change comes from; null where it does not. */
export interface MessageOrigin {
  readonly schema: string | null;
  readonly table: string | null;
  readonly timeMs: number | null;
  readonly transaction: string | null;
}

/** How a topic's messages are read. */
export interface ReaderOptions {
  readonly format: "debezium-json" | "plain-json";
  /** The table of messages that do not name theirs: by their topic. */
  readonly table: { readonly schema: string; readonly table: string };
  readonly unavailable: string;
}

/** Reads the messages of one topic, in order. Any bytes are read, or refused by a typed error. */
export class MessageReader {
  readonly #options: ReaderOptions;
  readonly #isGone: (value: JsonRead) => boolean;
  readonly #growing = new Map<string, GrowingShape>();
  /** The last shape of each table. */
  readonly #seen = new Map<TableId, ReadShape>();
  /** How the keys of a table name it. */
  readonly #named = new Map<TableId, string>();
  /** The last schema, as bytes up to where its payload begins: the next message mostly has the same. */
  #schemaBytes: Buffer | null = null;
  #schema: JsonRead = null;
  #rowShapes = new Map<string, ReadShape>();

  constructor(options: ReaderOptions) {
    this.#options = options;
    const bytes = Buffer.from(options.unavailable).toString("base64");
    this.#isGone = (value) => isUnavailable(value, options.unavailable, bytes);
  }

  /** @throws MillraceError MR_MESSAGE_UNREADABLE */
  read(key: Buffer | null, value: Buffer | null): ReadMessage {
    try {
      const told = key === null ? NO_KEY : readKey(key);
      // The delete itself: which row's a key that names no column does not say.
      if (value === null && key !== null && told.members === null && this.#isPlain)
        throw new OtherValue();
      if (value === null || value.length === 0)
        return {
          kind: "tombstone",
          key: told.members,
          table: told.table,
          ...(told.whole === undefined ? {} : { whole: told.whole }),
        };
      return this.#isPlain
        ? this.#plain(told, readJson(value))
        : this.#envelope(told, this.#payload(value));
    } catch (thrown) {
      if (thrown instanceof NotJson || thrown instanceof OtherValue)
        throw new MillraceError("MR_MESSAGE_UNREADABLE", `a message is no ${this.#options.format}`);
      throw thrown;
    }
  }

  /** The tables that were seen, each as it was last. */
  get shapes(): readonly TableShape[] {
    return [...this.#seen.values()].map(({ shape }) => shape);
  }

  /** Whether a key that names its table so can be one of this table's. */
  mayBeOf(table: TableId, named: string | null): boolean {
    if (named === null || named === table || named.endsWith(`.${table}`)) return true;
    // Who renames topics may give keys another name, but then to all of a table.
    return (this.#named.get(table) ?? named) === named;
  }

  /** The row of a key alone, by what was read of its table last; null where nothing was. */
  rowOfKey(table: TableId, key: Members): { readonly shape: TableShape; readonly row: Row } | null {
    const seen = this.#seen.get(table);
    return seen === undefined ? null : { shape: seen.shape, row: keyRow(seen, key) };
  }

  get #isPlain(): boolean {
    return this.#options.format === "plain-json";
  }

  #plain(told: MessageKey, value: JsonRead): ReadMessage {
    if (!(value instanceof Map)) throw new OtherValue();
    const members = value as Members;
    const key = members.has(TABLE_ID) ? (told.whole ?? told) : told;
    const shape = this.#grow(this.#options.table, [members], key.members);
    this.#name(shape, key);
    return {
      kind: "change",
      op: "u",
      shape: shape.shape,
      before: null,
      after: shape.row(members, null),
      origin: { schema: null, table: null, timeMs: null, transaction: null },
    };
  }

  /** The envelope without its schema, which is kept. */
  #payload(value: Buffer): Members {
    const known = this.#schemaBytes;
    if (
      known !== null &&
      value.length > known.length &&
      value.subarray(0, known.length).equals(known)
    ) {
      const reader = new JsonBytes(value, known.length, value.length - 1);
      const payload = reader.value(0);
      reader.finish();
      if (value.at(-1) !== 0x7d || !(payload instanceof Map)) throw new OtherValue();
      return payload as Members;
    }
    const whole = readJson(value);
    if (!(whole instanceof Map)) throw new OtherValue();
    const members = whole as Members;
    const [first, second] = members.keys();
    const payload = members.get("payload");
    if (first !== "schema" || second !== "payload" || !(payload instanceof Map)) {
      this.#forget();
      return members;
    }
    this.#forget();
    const schema = members.get("schema") ?? null;
    this.#schema = schema;
    if (schema !== null && members.size === 2) this.#schemaBytes = prefixOf(value);
    return payload as Members;
  }

  #forget(): void {
    this.#schemaBytes = null;
    this.#schema = null;
    this.#rowShapes = new Map();
  }

  #envelope(told: MessageKey, payload: Members): ReadMessage {
    const op = payload.get("op");
    const origin = this.#origin(payload);
    if (op === "t") return { kind: "truncate", origin };
    if (op !== "c" && op !== "r" && op !== "u" && op !== "d") return { kind: "other" };
    const before = membersOf(payload.get("before"));
    const after = membersOf(payload.get("after"));
    if (op === "d" ? before === null && told.members === null : after === null)
      throw new OtherValue();
    const names = {
      schema: origin.schema ?? this.#options.table.schema,
      table: origin.table ?? this.#options.table.table,
    };
    const hasTableId = told.whole !== undefined && this.#hasTableId(names, after ?? before);
    const key = hasTableId ? (told.whole ?? told) : told;
    const shape = this.#shape(names, before, after, key.members);
    this.#name(shape, key);
    const old = before ?? (op === "d" ? key.members : null);
    return {
      kind: "change",
      op,
      shape: shape.shape,
      before: old === null ? null : shape.row(old, UNCHANGED),
      after: op === "d" || after === null ? null : shape.row(after, null),
      origin,
    };
  }

  #name({ shape }: ReadShape, { table }: MessageKey): void {
    if (table !== null) this.#named.set(shape.id, table);
  }

  /** Whether a table has a column of the name that our keys tell theirs by: of a key alone, its schema says, or its last row. */
  #hasTableId(
    names: { readonly schema: string; readonly table: string },
    row: Members | null,
  ): boolean {
    if (row !== null) return row.has(TABLE_ID);
    const columns =
      this.#schema === null
        ? (this.#seen.get(tableId(names.schema, names.table))?.shape.columns ?? [])
        : fieldsOf(rowSchema(this.#schema));
    return columns.some(({ name }) => name === TABLE_ID);
  }

  #origin(payload: Members): MessageOrigin {
    const source = membersOf(payload.get("source")) ?? new Map<string, JsonRead>();
    const text = (name: string): string | null => {
      const value = source.get(name);
      return typeof value === "string" && value !== "" ? value : null;
    };
    const time = source.get("ts_ms");
    const id = source.get("gtid") ?? source.get("txId") ?? null;
    return {
      schema: text("schema") ?? text("db"),
      table: text("table"),
      timeMs: typeof time === "number" ? time : null,
      transaction:
        typeof id === "string"
          ? id
          : typeof id === "number" || id instanceof NumberText
            ? idText(id)
            : null,
    };
  }

  #shape(
    names: { readonly schema: string; readonly table: string },
    before: Members | null,
    after: Members | null,
    key: Members | null,
  ): ReadShape {
    if (this.#schema === null)
      return this.#grow(
        names,
        [before, after].filter((row) => row !== null),
        key,
      );
    const keyNames = key === null ? [] : [...key.keys()];
    const name = [names.schema, names.table, ...keyNames].join("\u0000");
    const known = this.#rowShapes.get(name);
    if (known !== undefined) return known;
    const made = shapeOf(names, fieldsOf(rowSchema(this.#schema)), keyNames, this.#isGone);
    this.#rowShapes.set(name, made);
    this.#seen.set(made.shape.id, made);
    return made;
  }

  #grow(
    names: { readonly schema: string; readonly table: string },
    rows: readonly Members[],
    key: Members | null,
  ): ReadShape {
    const id = `${names.schema}.${names.table}`;
    const growing = this.#growing.get(id) ?? new GrowingShape(names, this.#isGone);
    this.#growing.set(id, growing);
    const shape = growing.see(rows, key);
    this.#seen.set(shape.shape.id, shape);
    return shape;
  }
}

function idText(id: number | NumberText): string {
  return typeof id === "number" ? String(id) : id.text;
}

function membersOf(value: JsonRead | undefined): Members | null {
  if (value === undefined || value === null) return null;
  if (value instanceof Map) return value as Members;
  throw new OtherValue();
}

/** The schema of `after`, or of `before`. */
function rowSchema(envelope: JsonRead): JsonRead {
  const fields = envelope instanceof Map ? (envelope as Members).get("fields") : undefined;
  if (!Array.isArray(fields)) throw new OtherValue();
  const find = (name: string): JsonRead | undefined =>
    (fields as readonly JsonRead[]).find(
      (field) => field instanceof Map && (field as Members).get("field") === name,
    );
  return find("after") ?? find("before") ?? null;
}

const PAYLOAD = Buffer.from(',"payload":');

/** Everything before the payload, where the document is written without blanks; null where nobody can tell. */
function prefixOf(value: Buffer): Buffer | null {
  const start = Buffer.from('{"schema":');
  if (!value.subarray(0, start.length).equals(start)) return null;
  const reader = new JsonBytes(value, start.length, value.length);
  reader.value(0);
  const end = reader.at + PAYLOAD.length;
  return value.subarray(reader.at, end).equals(PAYLOAD)
    ? Buffer.from(value.subarray(0, end))
    : null;
}
