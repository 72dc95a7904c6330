import type { TransactionId } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import { type ColumnRow, shapeOfRows, type TableRow } from "./catalogue.ts";
import { DDL_PIECE_PREFIX, DDL_PREFIX } from "./ddl-trigger-sql.ts";
import type { MessageMessage } from "./pgoutput-messages.ts";
import { isSealed, unsealed } from "./seal.ts";

/** What an event trigger of ours says about the source's tables. */
export type DdlNews =
  /** A table has this shape from here on. */
  | { readonly kind: "shape"; readonly shape: TableShape }
  /** Values of these tables, by oid, are being computed anew; their shapes follow. */
  | { readonly kind: "rewrite"; readonly tables: readonly string[] }
  /** A message is missing, cannot be read, or is false; of the `table` with this oid, or nobody knows of which. */
  | { readonly kind: "lost"; readonly table?: string };

/** A message whose seal is not of the key that is known. */
export interface Unread {
  readonly kind: "unread";
  readonly text: Buffer;
  readonly transaction: TransactionId;
}

/** A table of 1,600 columns with the longest names is below it. */
const MOST_BYTES = 16_777_216;
const LOST: DdlNews = { kind: "lost" };

/**
 * Puts messages of the log together and reads them. Any role of the source can write such messages: one that is not
 * sealed with the trigger's key, for the transaction that it stands in, is none. One that a trigger before the present one has sealed cannot be read any more: what
 * it told is met as where the trigger was not there, its key is younger than the change.
 */
export class DdlMessages {
  readonly #publicationName: string;
  readonly #readKey: () => Promise<string | null>;
  #key: string | null;
  #transaction: TransactionId | null = null;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** `key` is what the trigger seals with; without it nothing is believed. `readKey` asks the source for it again. */
  constructor(
    publicationName: string,
    key: string | null,
    readKey: () => Promise<string | null> = () => Promise.resolve(key),
  ) {
    this.#publicationName = publicationName;
    this.#key = key;
    this.#readKey = readKey;
  }

  /** A transaction begins. */
  begin(transaction: TransactionId): void {
    this.#transaction = transaction;
    this.#forget();
  }

  #forget(): void {
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** Null where the message is none of ours, or a piece of one. What is unread is to be given to {@link readAgain}. */
  take(message: MessageMessage): DdlNews | Unread | null {
    const isPiece = message.prefix === DDL_PIECE_PREFIX;
    if (!message.isTransactional || (!isPiece && message.prefix !== DDL_PREFIX)) return null;
    this.#bytes += message.content.length;
    if (this.#bytes <= MOST_BYTES) this.#pieces.push(Buffer.from(message.content));
    if (isPiece) return null;
    const isTooLong = this.#bytes > MOST_BYTES;
    const whole = isTooLong ? null : Buffer.concat(this.#pieces);
    this.#forget();
    const transaction = this.#transaction;
    if (whole === null || transaction === null) return null;
    const text = unsealed(whole, this.#key, transaction);
    if (text !== null) return readNews(text, this.#publicationName);
    return isSealed(whole) ? { kind: "unread", text: whole, transaction } : null;
  }

  /** The trigger may have been made anew under the open log, with another key: what it tells has no other trace. */
  async readAgain({ text, transaction }: Unread): Promise<DdlNews | null> {
    this.#key = await this.#readKey();
    const document = unsealed(text, this.#key, transaction);
    return document === null ? null : readNews(document, this.#publicationName);
  }
}

/** What a document says; anything else than what the trigger writes is lost. */
export function readNews(text: string, publicationName: string): DdlNews {
  const document = parse(text);
  if (document["kind"] === "rewrite") {
    const { tables } = document;
    return isList(tables, isText) ? { kind: "rewrite", tables } : LOST;
  }
  if (document["kind"] !== "shape") return LOST;
  const { table, columns, publications } = document;
  if (!isTableRow(table) || !isList(columns, isColumnRow)) return LOST;
  if (!isList(publications, isPublication)) return LOST;
  const ours = publications.filter(({ name }) => name === publicationName);
  const list = ours.find((one) => one.columns !== null)?.columns ?? null;
  const withGenerated = ours[0]?.generated !== "n";
  const published = columns.filter((column) =>
    list === null ? withGenerated || !column.generated : list.includes(column.ordinal),
  );
  return { kind: "shape", shape: shapeOfRows(table, published) };
}

interface Published {
  readonly name: string;
  readonly columns: readonly number[] | null;
  readonly generated: string | null;
}

type Fields = Readonly<Record<string, unknown>>;

function parse(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isList<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isItem);
}

function orNull(value: unknown, is: (value: unknown) => boolean): boolean {
  return value === null || is(value);
}

function has(
  value: unknown,
  fields: Readonly<Record<string, (value: unknown) => boolean>>,
): value is Fields {
  return isFields(value) && Object.entries(fields).every(([name, is]) => is(value[name]));
}

const areNumbers = (value: unknown): boolean => isList(value, isNumber);
const isOid = (value: unknown): boolean => isText(value) && /^\d{1,10}$/.test(value);
const isIdentity = (value: unknown): boolean => isText(value) && /^[dfin]$/.test(value);

function isTableRow(value: unknown): value is Fields & TableRow {
  return has(value, {
    oid: isOid,
    schema: isText,
    name: isText,
    relkind: isText,
    identity: isIdentity,
    leafIdentities: (list) => orNull(list, (some) => isList(some, isText)),
    primaryKey: (list) => orNull(list, areNumbers),
    identityIndex: (list) => orNull(list, areNumbers),
  });
}

function isColumnRow(value: unknown): value is Fields & ColumnRow {
  return has(value, {
    table: isText,
    name: isText,
    ordinal: isNumber,
    nullable: isFlag,
    generated: isFlag,
    virtual: isFlag,
    logged: isFlag,
    filled: isFlag,
    sourceType: isText,
    formatted: isText,
    typeName: isText,
    typmod: isNumber,
    typeKind: isText,
    builtIn: isFlag,
    array: isFlag,
    cast: isText,
  });
}

function isPublication(value: unknown): value is Fields & Published {
  return has(value, {
    name: isText,
    columns: (list) => orNull(list, areNumbers),
    generated: (text) => orNull(text, isText),
  });
}
