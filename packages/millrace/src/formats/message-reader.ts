import { MillraceError } from "../errors/millrace-error.ts";
import { tableId, type TableId, type TableShape } from "../model/table.ts";
import { UNCHANGED, type Row } from "../model/value.ts";
import { OtherValue } from "./connect-reading.ts";
import { ConnectDocuments } from "./connect-documents.ts";
import type { Expectation, ReadChange } from "./expected-message.ts";
import { ExpectedMessages, type CarefullyRead } from "./expected-messages.ts";
import { GoneWord } from "./gone-word.ts";
import { JsonObject } from "./json-object.ts";
import { JsonDocuments, NotJson, NumberText, type JsonRead } from "./json-reader.ts";
import { KeyReader, TABLE_ID, type MessageKey } from "./message-key.ts";
import { NO_ORIGIN, type MessageOrigin } from "./message-origin.ts";
import { placeOf, type MessagePlace } from "./message-place.ts";
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
  | ReadChange
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

/** How a topic's messages are read. */
export interface ReaderOptions {
  readonly format: "debezium-json" | "plain-json";
  /** The table of messages that do not name theirs: by their topic. */
  readonly table: TableNames;
  readonly unavailable: string;
}

/** Reads the messages of one topic, in order. Any bytes are read, or refused by a typed error. */
export class MessageReader {
  readonly #options: ReaderOptions;
  readonly #isGone: (value: JsonRead) => boolean;
  readonly #expected: ExpectedMessages;
  readonly #growing = new Map<string, GrowingShape>();
  /** The last shape of each table. */
  readonly #seen = new Map<TableId, ReadShape>();
  /** How the keys of a table name it. */
  readonly #named = new Map<TableId, string>();
  readonly #keys = new KeyReader();
  readonly #documents = new ConnectDocuments();
  readonly #rows = new JsonDocuments();
  /** Shapes by their schema, which is an object; by table and key within it. */
  readonly #shapes = new WeakMap<object, Map<string, ReadShape>>();
  /** Mostly the next message is like the last one. */
  #last: LastShape | null = null;
  #lastGrowing: LastGrowing | null = null;
  #hasSchema = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const gone = new GoneWord(options.unavailable);
    this.#isGone = (value) => gone.is(value);
    this.#expected = new ExpectedMessages(gone);
  }

  /** @throws MillraceError MR_MESSAGE_UNREADABLE */
  read(key: Buffer | null, value: Buffer | null): ReadMessage {
    return this.readAt(placeOf(key, value));
  }

  /** Hot: per message. The one that stands there. @throws MillraceError MR_MESSAGE_UNREADABLE */
  readAt(place: MessagePlace): ReadMessage {
    try {
      return this.#expected.read(place, this.#tookExpected) ?? this.#readWithCare(place);
    } catch (thrown) {
      if (thrown instanceof NotJson || thrown instanceof OtherValue)
        throw new MillraceError("MR_MESSAGE_UNREADABLE", `a message is no ${this.#options.format}`);
      throw thrown;
    }
  }

  /** What reading it with care leaves behind; the message before looked other. */
  readonly #tookExpected = ({ shape, told, envelope }: Expectation): void => {
    this.#saw(shape, told);
    this.#hasSchema = envelope !== null && envelope.prefix !== null;
  };

  #readWithCare(place: MessagePlace): ReadMessage {
    const { keyBytes, keyStart, keyEnd, bytes, valueStart, valueEnd } = place;
    const key = keyStart < 0 ? null : keyBytes.bytes.subarray(keyStart, keyEnd);
    const value = valueStart < 0 ? null : bytes.bytes.subarray(valueStart, valueEnd);
    const told = key === null ? NO_KEY : this.#keys.read(key);
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
    const whose: Whose = { told, hasKey: key !== null, keySchema: this.#keys.front };
    if (this.#isPlain) return this.#plain(whose, this.#rows.read(value));
    const payload = this.#documents.read(value);
    this.#hasSchema = this.#documents.schema !== null;
    return this.#envelope(whose, payload);
  }

  /** Whether the message that was read last says itself what its values are. */
  get hasSchema(): boolean {
    return this.#hasSchema;
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

  #plain(whose: Whose, value: JsonRead): ReadMessage {
    if (!(value instanceof JsonObject)) throw new OtherValue();
    const { told } = whose;
    const key = value.has(TABLE_ID) ? (told.whole ?? told) : told;
    const rows = { before: null, after: value };
    const shape = this.#grow(this.#options.table, rows, key.members);
    this.#saw(shape, key);
    const after = shape.row(value, null);
    const growing = this.#growingOf(this.#options.table);
    const none = { envelope: null, schema: null, source: null, origin: NO_ORIGIN };
    this.#expected.learn({ ...whose, ...rows, ...none, shape, growing });
    return { kind: "change", op: "u", shape: shape.shape, before: null, after, origin: NO_ORIGIN };
  }

  #envelope(whose: Whose, payload: JsonRead): ReadMessage {
    const { told } = whose;
    if (!(payload instanceof JsonObject)) throw new OtherValue();
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
    this.#saw(shape, key);
    const old = before ?? (op === "d" ? key.members : null);
    const change: ReadMessage = {
      kind: "change",
      op,
      shape: shape.shape,
      before: old === null ? null : shape.row(old, UNCHANGED),
      after: op === "d" || after === null ? null : shape.row(after, null),
      origin,
    };
    const { front: schema } = this.#documents;
    const growing = this.#hasSchema ? null : this.#growingOf(names);
    const source = membersOf(payload.get("source"));
    const rows = { envelope: payload, before, after, source };
    this.#expected.learn({ ...whose, ...rows, schema, origin, shape, growing });
    return change;
  }

  #saw(shape: ReadShape, { table }: MessageKey): void {
    const { id } = shape.shape;
    this.#seen.set(id, shape);
    if (table !== null) this.#named.set(id, table);
  }

  /** Whether a table has a column of the name that our keys tell theirs by: of a key alone, its schema says, or its last row. */
  #hasTableId(names: TableNames, row: Members | null): boolean {
    if (row !== null) return row.has(TABLE_ID);
    const columns =
      this.#documents.schema === null
        ? (this.#seen.get(tableId(names.schema, names.table))?.shape.columns ?? [])
        : fieldsOf(rowSchema(this.#documents.schema));
    return columns.some(({ name }) => name === TABLE_ID);
  }

  #origin(payload: Members): MessageOrigin {
    const source = membersOf(payload.get("source"));
    if (source === null) return NO_ORIGIN;
    const time = source.get("ts_ms");
    const id = source.get("gtid") ?? source.get("txId") ?? null;
    return {
      schema: textIn(source, "schema") ?? textIn(source, "db"),
      table: textIn(source, "table"),
      timeMs: time instanceof NumberText && time.isInteger ? Number(time.text) : null,
      transaction: id instanceof NumberText ? id.text : typeof id === "string" ? id : null,
    };
  }

  #shape(
    names: TableNames,
    before: Members | null,
    after: Members | null,
    key: Members | null,
  ): ReadShape {
    const { schema } = this.#documents;
    if (schema === null) return this.#grow(names, { before, after }, key);
    const keyNames = key === null ? NO_NAMES : key.keys();
    const last = this.#last;
    if (last?.schema === schema && last.keyNames === keyNames && isSame(last.names, names))
      return last.shape;
    const shape = this.#shapeIn(schema, names, keyNames);
    this.#last = { schema, names, keyNames, shape };
    return shape;
  }

  #shapeIn(schema: JsonRead, names: TableNames, keyNames: readonly string[]): ReadShape {
    const made = this.#shapes.get(schema as object) ?? new Map<string, ReadShape>();
    this.#shapes.set(schema as object, made);
    const name = [names.schema, names.table, ...keyNames].join("\u0000");
    const known = made.get(name);
    if (known !== undefined) return known;
    const shape = shapeOf(names, fieldsOf(rowSchema(schema)), keyNames, this.#isGone);
    made.set(name, shape);
    return shape;
  }

  #grow(
    names: TableNames,
    { before, after }: { readonly before: Members | null; readonly after: Members | null },
    key: Members | null,
  ): ReadShape {
    return this.#growingOf(names).see(before, after, key);
  }

  #growingOf(names: TableNames): GrowingShape {
    const last = this.#lastGrowing;
    if (last !== null && isSame(last.names, names)) return last.growing;
    const id = `${names.schema}.${names.table}`;
    const growing = this.#growing.get(id) ?? new GrowingShape(names, this.#isGone);
    this.#growing.set(id, growing);
    this.#lastGrowing = { names, growing };
    return growing;
  }
}

const NO_NAMES: readonly string[] = [];

/** Whose row a message is of. */
type Whose = Pick<CarefullyRead, "told" | "hasKey" | "keySchema">;

/** How a table is called in messages. */
interface TableNames {
  readonly schema: string;
  readonly table: string;
}

interface LastShape {
  readonly schema: JsonRead;
  readonly names: TableNames;
  readonly keyNames: readonly string[];
  readonly shape: ReadShape;
}

interface LastGrowing {
  readonly names: TableNames;
  readonly growing: GrowingShape;
}

function isSame(a: TableNames, b: TableNames): boolean {
  return a.table === b.table && a.schema === b.schema;
}

function textIn(source: Members, name: string): string | null {
  const value = source.get(name);
  return typeof value === "string" && value !== "" ? value : null;
}

function membersOf(value: JsonRead | undefined): Members | null {
  if (value === undefined || value === null) return null;
  if (value instanceof JsonObject) return value;
  throw new OtherValue();
}

/** The schema of `after`, or of `before`. */
function rowSchema(envelope: JsonRead): JsonRead {
  const fields = envelope instanceof JsonObject ? envelope.get("fields") : undefined;
  if (!Array.isArray(fields)) throw new OtherValue();
  const find = (name: string): JsonRead | undefined =>
    (fields as readonly JsonRead[]).find(
      (field) => field instanceof JsonObject && field.get("field") === name,
    );
  return find("after") ?? find("before") ?? null;
}
