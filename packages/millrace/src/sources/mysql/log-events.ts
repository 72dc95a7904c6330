import { ByteCursor, protocolError } from "./byte-cursor.ts";
import { CHECKSUM_BYTES } from "./event-reader.ts";
import { type Gtid, parseGtid } from "./gtid-set.ts";
import type { MariaDbGtid } from "./mariadb-gtid.ts";

/** The first event of a file: who wrote it, and how. */
export interface FormatEvent {
  readonly serverVersion: string;
  /** The events that follow end in their CRC32. */
  readonly hasChecksums: boolean;
}

/** Another file follows. */
export interface RotateEvent {
  readonly fileName: string;
  readonly at: number;
}

/** A group begins (MySQL). */
export interface GtidEvent {
  /** Null where the group is anonymous. */
  readonly gtid: Gtid | null;
  /** When this server committed it, milliseconds since 1970; null where an old server does not say. */
  readonly commitTimeMs: number | null;
  /** It has, or is, a statement in words. */
  readonly mayHaveStatements: boolean;
}

/** A group begins (MariaDB). */
export interface MariaDbGtidEvent {
  readonly gtid: MariaDbGtid;
  /** The next statement is all of it. */
  readonly isStandalone: boolean;
  /** It ends in XA PREPARE: its rows count only once XA COMMIT comes. */
  readonly isPrepared: boolean;
  /** It is an XA COMMIT or XA ROLLBACK. */
  readonly completesXa: boolean;
  /** It says that an ALTER begins, or has failed: what is altered is said again where it is done (`binlog_alter_two_phase`). */
  readonly isUndone: boolean;
}

/** Where the log ends on an idle server. */
export interface HeartbeatEvent {
  readonly fileName: string;
  readonly at: number;
}

const VERSION_BYTES = 50;

/**
 * The event always has a checksum, also where none follow: `isCut` says that the reader has taken it off.
 * @throws MillraceError MR_SOURCE_PROTOCOL
 */
export function decodeFormat(
  buffer: Buffer,
  start: number,
  end: number,
  isCut: boolean,
): FormatEvent {
  const cursor = new ByteCursor(buffer, start, isCut ? end : end - CHECKSUM_BYTES);
  const version = cursor.uint16();
  if (version !== 4) throw protocolError(`a binlog of version ${version}`);
  const name = cursor.text(VERSION_BYTES).replace(/\0.*$/s, "");
  cursor.skip(cursor.left - 1);
  return { serverVersion: name, hasChecksums: cursor.uint8() === 1 };
}

/** @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeRotate(buffer: Buffer, start: number, end: number): RotateEvent {
  const cursor = new ByteCursor(buffer, start, end);
  const at = cursor.uint64();
  return { at, fileName: cursor.text(cursor.left) };
}

/** The first flag of a GTID's event. */
const MAY_HAVE_STATEMENTS = 1;
const TIMESTAMP_BYTES = 7;
/** In the highest bit of the 55-bit time stands whether the original's follows. */
const TIMESTAMP_MODULUS = 2 ** 55;

/** An event of type GTID or ANONYMOUS_GTID. @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeGtid(
  buffer: Buffer,
  start: number,
  end: number,
  isAnonymous: boolean,
): GtidEvent {
  const cursor = new ByteCursor(buffer, start, end);
  const mayHaveStatements = (cursor.uint8() & MAY_HAVE_STATEMENTS) !== 0;
  const origin = uuidText(cursor.bytes(16));
  const number = cursor.uint64();
  const gtid = isAnonymous ? null : { origin, number };
  const hasTimes = cursor.left >= 1 + 16 + TIMESTAMP_BYTES && cursor.uint8() === 2;
  if (!hasTimes) return { gtid, commitTimeMs: null, mayHaveStatements };
  cursor.skip(16);
  return { gtid, commitTimeMs: timeMs(cursor.bytes(TIMESTAMP_BYTES)), mayHaveStatements };
}

function timeMs(bytes: Buffer): number {
  const microseconds =
    (bytes.readUIntLE(4, 3) * 2 ** 32 + bytes.readUInt32LE(0)) % TIMESTAMP_MODULUS;
  return Math.floor(microseconds / 1000);
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => hex.slice(from, to))
    .join("-");
}

/** Fields of a tagged GTID's event that are looked at, by their number. */
const Field = { FLAGS: 0, UUID: 1, NUMBER: 2, TAG: 3, COMMIT_TIME: 6 } as const;

/**
 * An event of type GTID_TAGGED (8.3 and later), in MySQL's own serialisation: a header of three numbers, then fields in
 * order, each with its number before it, absent where it has its default. All of ours come before the first that is not
 * known. @throws MillraceError MR_SOURCE_PROTOCOL
 */
export function decodeTaggedGtid(buffer: Buffer, start: number, end: number): GtidEvent {
  const cursor = new ByteCursor(buffer, start, end);
  for (let header = 0; header < 3; header += 1) variableNumber(cursor);
  let uuid = "";
  let tag = "";
  let number = 0;
  let mayHaveStatements = false;
  while (cursor.left > 0) {
    const field = variableNumber(cursor);
    if (field === Field.FLAGS) {
      mayHaveStatements = (variableNumber(cursor) & MAY_HAVE_STATEMENTS) !== 0;
    } else if (field === Field.UUID) {
      uuid = uuidText(Buffer.from(Array.from({ length: 16 }, () => variableNumber(cursor))));
    } else if (field === Field.TAG) {
      tag = cursor.text(variableNumber(cursor));
    } else if (field === Field.NUMBER) {
      number = signed(variableNumber(cursor));
    } else if (field === Field.COMMIT_TIME) {
      const gtid = parseGtid(`${uuid}:${tag === "" ? "" : `${tag}:`}${number}`);
      const commitTimeMs = Math.floor(variableNumber(cursor) / 1000);
      return { gtid, commitTimeMs, mayHaveStatements };
    } else {
      variableNumber(cursor);
    }
  }
  throw protocolError("a GTID without its time");
}

/** As many bytes follow the first as it has one-bits at its low end; the rest of the bits is the number. */
function variableNumber(cursor: ByteCursor): number {
  const first = cursor.uint8();
  let more = 0;
  while (more < 8 && ((first >> more) & 1) === 1) more += 1;
  let value = BigInt(first) >> BigInt(Math.min(8, more + 1));
  let shift = BigInt(Math.max(0, 7 - more));
  for (let index = 0; index < more; index += 1) {
    value |= BigInt(cursor.uint8()) << shift;
    shift += 8n;
  }
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw protocolError("a number beyond 2^53");
  return Number(value);
}

/** The sign is the lowest bit. */
function signed(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

const MariaDbFlag = { STANDALONE: 1, COMMIT_ID: 2, PREPARED_XA: 64, COMPLETED_XA: 128 } as const;
const COMMIT_ID_BYTES = 8;
/** Of the second byte of flags, which stands behind what the first byte's say: an ALTER begins, or was rolled back. */
const UNDONE_ALTER = 2 | 8;

/** @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeMariaDbGtid(
  buffer: Buffer,
  start: number,
  end: number,
  server: number,
): MariaDbGtidEvent {
  const cursor = new ByteCursor(buffer, start, end);
  const sequence = cursor.uint64();
  const domain = cursor.uint32();
  const flags = cursor.uint8();
  if ((flags & MariaDbFlag.COMMIT_ID) !== 0) cursor.skip(COMMIT_ID_BYTES);
  const isOfXa = (flags & (MariaDbFlag.PREPARED_XA | MariaDbFlag.COMPLETED_XA)) !== 0;
  const more = isOfXa || cursor.left === 0 ? 0 : cursor.uint8();
  return {
    gtid: { domain, server, sequence },
    isUndone: (more & UNDONE_ALTER) !== 0,
    isStandalone: (flags & MariaDbFlag.STANDALONE) !== 0,
    isPrepared: (flags & MariaDbFlag.PREPARED_XA) !== 0,
    completesXa: (flags & MariaDbFlag.COMPLETED_XA) !== 0,
  };
}

/** An event of type HEARTBEAT; `endsAt` is of its header. */
export function decodeHeartbeat(
  buffer: Buffer,
  start: number,
  end: number,
  endsAt: number,
): HeartbeatEvent {
  return { fileName: buffer.toString("utf8", start, end), at: endsAt };
}

/** An event of type HEARTBEAT_V2: fields of type, length and value. @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeHeartbeatV2(buffer: Buffer, start: number, end: number): HeartbeatEvent {
  const cursor = new ByteCursor(buffer, start, end);
  let fileName = "";
  let at = 0;
  while (cursor.left > 0) {
    const type = cursor.uint8();
    if (type === 0) break;
    const value = cursor.part(cursor.lengthEncoded());
    if (type === 1) fileName = value.text(value.left);
    if (type === 2) at = value.lengthEncoded();
  }
  return { fileName, at };
}
