import { MillraceError } from "../../errors/millrace-error.ts";
import { lsnOf32 } from "./position.ts";

/** First byte of each message of pgoutput's protocol version 1. */
export const Tag = {
  BEGIN: 0x42,
  COMMIT: 0x43,
  ORIGIN: 0x4f,
  RELATION: 0x52,
  TYPE: 0x59,
  INSERT: 0x49,
  UPDATE: 0x55,
  DELETE: 0x44,
  TRUNCATE: 0x54,
  MESSAGE: 0x4d,
} as const;

/** A transaction begins. */
export interface BeginMessage {
  /** LSN of the COMMIT record. */
  readonly commitLsn: number;
  readonly commitTimeMs: number;
  /** 32 bits, without epoch. */
  readonly xid: number;
}

/** A transaction ends. */
export interface CommitMessage {
  readonly commitLsn: number;
  /** LSN after the COMMIT record. */
  readonly endLsn: number;
}

/** A column of a {@link RelationMessage}. */
export interface RelationColumn {
  /** Part of the replica identity. With FULL every column is. */
  readonly isKey: boolean;
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
}

/** How the rows of a table look from here on; the server may send it again at any time. */
export interface RelationMessage {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `d` default, `f` full, `i` index, `n` nothing. */
  readonly replicaIdentity: string;
  /** In order of attnum; dropped and unpublished columns are absent. */
  readonly columns: readonly RelationColumn[];
}

/** A logical message that somebody wrote into the log. */
export interface MessageMessage {
  /** It belongs to the open transaction; else it stands for itself. */
  readonly isTransactional: boolean;
  readonly lsn: number;
  readonly prefix: string;
  /** A view of the buffer, good until the next message. */
  readonly content: Buffer;
}

/** Tables that were emptied together. */
export interface TruncateMessage {
  readonly oids: readonly number[];
}

/** Milliseconds between 1970 and 2000, where PostgreSQL's time begins. */
const EPOCH_2000_MS = 946_684_800_000;
const WORD = 0x1_0000_0000;

/** Something that the protocol does not allow. Carries offsets and tags only, never bytes of rows. */
export function protocolError(what: string): MillraceError {
  return new MillraceError("MR_SOURCE_PROTOCOL", what);
}

/** PostgreSQL's time of a high and a low word, microseconds since 2000, as milliseconds since 1970. */
export function timeMsOf32(high: number, low: number): number {
  return EPOCH_2000_MS + Math.floor((high * WORD + low) / 1000);
}

/** Microseconds since 2000 as the protocol has it, for status updates. */
export function postgresTime(timeMs: number): bigint {
  return BigInt(Math.trunc(timeMs) - EPOCH_2000_MS) * 1000n;
}

/** Reads what is rare: everything but rows. Never beyond `end`. */
export class MessageCursor {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  byte(): number {
    return this.#buffer.readUInt8(this.#advance(1));
  }

  int16(): number {
    return this.#buffer.readUInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#advance(4));
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.#advance(4));
  }

  lsn(): number {
    return lsnOf32(this.uint32(), this.uint32());
  }

  timeMs(): number {
    return timeMsOf32(this.int32(), this.uint32());
  }

  text(): string {
    const stop = this.#buffer.indexOf(0, this.#at);
    if (stop === -1 || stop >= this.#end) throw protocolError("a text without end");
    const text = this.#buffer.toString("utf8", this.#at, stop);
    this.#at = stop + 1;
    return text;
  }

  bytes(count: number): Buffer {
    if (count < 0) throw protocolError("a negative length");
    const at = this.#advance(count);
    return this.#buffer.subarray(at, at + count);
  }

  /** The message must end here. */
  finish(): void {
    if (this.#at !== this.#end) throw protocolError(`${this.#end - this.#at} bytes too many`);
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#end) throw protocolError("a message that ends too early");
    this.#at = at + bytes;
    return at;
  }
}

/** `start` is after the tag, here and below. @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeBegin(buffer: Buffer, start: number, end: number): BeginMessage {
  const cursor = new MessageCursor(buffer, start, end);
  const begin = { commitLsn: cursor.lsn(), commitTimeMs: cursor.timeMs(), xid: cursor.uint32() };
  cursor.finish();
  return begin;
}

/** @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeCommit(buffer: Buffer, start: number, end: number): CommitMessage {
  const cursor = new MessageCursor(buffer, start, end);
  cursor.byte();
  const commit = { commitLsn: cursor.lsn(), endLsn: cursor.lsn() };
  cursor.timeMs();
  cursor.finish();
  return commit;
}

/** @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeRelation(buffer: Buffer, start: number, end: number): RelationMessage {
  const cursor = new MessageCursor(buffer, start, end);
  const oid = cursor.uint32();
  const schema = cursor.text();
  const name = cursor.text();
  const replicaIdentity = String.fromCharCode(cursor.byte());
  const columns = Array.from({ length: cursor.int16() }, () => ({
    isKey: (cursor.byte() & 1) === 1,
    name: cursor.text(),
    typeOid: cursor.uint32(),
    typmod: cursor.int32(),
  }));
  cursor.finish();
  // The server leaves pg_catalog out of names.
  return { oid, schema: schema === "" ? "pg_catalog" : schema, name, replicaIdentity, columns };
}

/** @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeTruncate(buffer: Buffer, start: number, end: number): TruncateMessage {
  const cursor = new MessageCursor(buffer, start, end);
  const count = cursor.uint32();
  cursor.byte();
  if (count * 4 > end - start) throw protocolError("more truncated tables than bytes");
  const oids = Array.from({ length: count }, () => cursor.uint32());
  cursor.finish();
  return { oids };
}

/** @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeMessage(buffer: Buffer, start: number, end: number): MessageMessage {
  const cursor = new MessageCursor(buffer, start, end);
  const isTransactional = (cursor.byte() & 1) === 1;
  const lsn = cursor.lsn();
  const prefix = cursor.text();
  const content = cursor.bytes(cursor.int32());
  cursor.finish();
  return { isTransactional, lsn, prefix, content };
}

/** Origin and Type tell us nothing that we need; they are read to be sure that they are whole. */
export function skipMessage(tag: number, buffer: Buffer, start: number, end: number): void {
  const cursor = new MessageCursor(buffer, start, end);
  if (tag === Tag.ORIGIN) {
    cursor.lsn();
    cursor.text();
  } else if (tag === Tag.TYPE) {
    cursor.uint32();
    cursor.text();
    cursor.text();
  } else {
    throw protocolError(`an unknown message, tag ${tag}`);
  }
  cursor.finish();
}
