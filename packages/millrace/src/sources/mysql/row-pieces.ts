import { ByteCursor, protocolError } from "./byte-cursor.ts";
import { EventType, rowEventKind, type RowEventKind } from "./event-types.ts";
import { inflatedPieces, joined } from "./inflated-pieces.ts";
import { damagedZlib, inflatedLength } from "./mariadb-zlib.ts";

/** A row event in pieces, as if nothing had been compressed. */
export interface RowPieces {
  /** Of the {@link EventType} that it is without compression. */
  readonly type: number;
  readonly bodyBytes: number;
  /** The first piece: has the table's number at least. */
  readonly first: Buffer;
  /** All pieces, the first one too. */
  readonly pieces: AsyncGenerator<Buffer>;
}

/** What is before the rows takes no more: extra data of 64 KiB, two bits for each of 4096 columns, lengths. */
const MOST_HEAD_BYTES = 67_584;
/** Of the head, what has the table's number. */
const LEAST_HEAD_BYTES = 16;
/** How far compressed types are from those that are not: MariaDB numbers both in one order. */
const V1_DISTANCE = EventType.WRITE_ROWS_COMPRESSED_V1 - EventType.WRITE_ROWS_V1;
const V2_DISTANCE = EventType.WRITE_ROWS_COMPRESSED - EventType.WRITE_ROWS;

/** The pieces of a row event's body, of `bodyBytes`. @throws MillraceError MR_SOURCE_PROTOCOL, or what the pieces throw */
export async function rowPieces(
  type: number,
  bodyBytes: number,
  pieces: AsyncGenerator<Buffer>,
): Promise<RowPieces> {
  const kind = rowEventKind(type);
  if (kind === null) throw protocolError("rows of an event that has none");
  const first = await gathered(pieces, kind.isCompressed ? MOST_HEAD_BYTES : LEAST_HEAD_BYTES);
  if (!kind.isCompressed) return { type, bodyBytes, first, pieces: joined(first, pieces) };
  const { envelopeAt, rowsBytes, rowsAt } = envelopeOf(first, 0, first.length, kind);
  const head = first.subarray(0, envelopeAt);
  const rows = inflatedPieces("zlib", joined(first.subarray(rowsAt), pieces), damagedZlib);
  return {
    type: type - (kind.isVersion2 ? V2_DISTANCE : V1_DISTANCE),
    bodyBytes: envelopeAt + rowsBytes,
    first: head,
    pieces: joined(head, counted(rows, rowsBytes)),
  };
}

/** How many bytes the rows of a compressed row event are without compression. Hot where these are logged. */
export function inflatedRowBytes(buffer: Buffer, start: number, end: number, type: number): number {
  const kind = rowEventKind(type);
  return kind?.isCompressed === true ? envelopeOf(buffer, start, end, kind).rowsBytes : 0;
}

interface Envelope {
  /** Where MariaDB's envelope begins, which has the length, and where what is in it does. */
  readonly envelopeAt: number;
  readonly rowsAt: number;
  /** Without compression. */
  readonly rowsBytes: number;
}

function envelopeOf(buffer: Buffer, start: number, end: number, kind: RowEventKind): Envelope {
  const cursor = new ByteCursor(buffer, start, end);
  cursor.skip(8);
  if (kind.isVersion2) cursor.skip(cursor.uint16() - 2);
  const bitmapBytes = (cursor.lengthEncoded() + 7) >> 3;
  cursor.skip(kind.op === "u" ? 2 * bitmapBytes : bitmapBytes);
  const envelopeAt = cursor.at;
  const rowsBytes = inflatedLength(cursor);
  return { envelopeAt, rowsAt: cursor.at, rowsBytes };
}

/** At least so many bytes of the first pieces, if there are so many. */
async function gathered(pieces: AsyncGenerator<Buffer>, bytes: number): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < bytes) {
    const piece = await pieces.next();
    if (piece.done === true) break;
    head = head.length === 0 ? piece.value : Buffer.concat([head, piece.value]);
  }
  return head;
}

async function* counted(pieces: AsyncGenerator<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const piece of pieces) {
    left -= piece.length;
    if (left < 0) throw damagedZlib();
    yield piece;
  }
  if (left > 0) throw damagedZlib();
}
