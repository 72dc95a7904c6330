import { protocolError } from "./byte-cursor.ts";
import { EVENT_HEADER_BYTES, type EventReader, Framing } from "./event-reader.ts";
import { EventType, rowEventKind } from "./event-types.ts";
import { passRest } from "./inflated-pieces.ts";
import { bodyOf, type LoggedEvent, MOST_INNER_BYTES, payloadEvents } from "./payload.ts";
import { MOST_STATEMENT_BYTES } from "./query-event.ts";
import { inflatedRowBytes, rowPieces } from "./row-pieces.ts";
import type { TransactionAssembler } from "./transaction-assembler.ts";

/** Of events that are not rows and that large, all others are passed by: nothing is looked at but where they end. */
const WHOLE: ReadonlySet<number> = new Set([
  EventType.QUERY,
  EventType.QUERY_COMPRESSED,
  EventType.TABLE_MAP,
]);
const NOTHING = Buffer.alloc(0);

/** What is told of an event before its body. */
type EventHeader = Pick<
  LoggedEvent,
  "type" | "eventBytes" | "endsAt" | "timestampSeconds" | "serverId"
>;

/** Takes in, step by step, the event under the reader; null where that is whole and small, and is taken in at once. */
export function stepsOf(
  reader: EventReader,
  framing: Framing,
  assembler: TransactionAssembler,
): AsyncGenerator<void> | null {
  const { type, buffer, bodyStart, bodyEnd } = reader;
  if (type === EventType.TRANSACTION_PAYLOAD) return payload(reader, framing, assembler);
  // What 256 KiB come to may be a thousand times that.
  const isLarge =
    framing === Framing.LARGE ||
    (type >= EventType.WRITE_ROWS_COMPRESSED_V1 &&
      inflatedRowBytes(buffer, bodyStart, bodyEnd, type) > MOST_INNER_BYTES);
  if (!isLarge) return null;
  const { eventBytes, endsAt, timestampSeconds, serverId, checksumBytes } = reader;
  const header = { type, eventBytes, endsAt, timestampSeconds, serverId };
  const bodyBytes = eventBytes - EVENT_HEADER_BYTES - checksumBytes;
  return large(header, bodyBytes, bodyOf(reader, framing), assembler);
}

async function* payload(
  reader: EventReader,
  framing: Framing,
  assembler: TransactionAssembler,
): AsyncGenerator<void> {
  assembler.feed(reader);
  const body = bodyOf(reader, framing);
  for await (const event of payloadEvents(body)) {
    const { pieces, type, eventBytes, endsAt, timestampSeconds, serverId } = event;
    if (pieces === null) {
      assembler.feedInner(event);
      yield;
    } else {
      const header = { type, eventBytes, endsAt, timestampSeconds, serverId };
      yield* large(header, eventBytes - EVENT_HEADER_BYTES, pieces, assembler);
    }
  }
  await passRest(body);
}

async function* large(
  header: EventHeader,
  bodyBytes: number,
  pieces: AsyncGenerator<Buffer>,
  assembler: TransactionAssembler,
): AsyncGenerator<void> {
  const { type, eventBytes } = header;
  if (rowEventKind(type) !== null) {
    yield* rows(header, bodyBytes, pieces, assembler);
    return;
  }
  const isWhole = WHOLE.has(type);
  if (isWhole && eventBytes > MOST_STATEMENT_BYTES)
    throw protocolError(`a statement of ${eventBytes} bytes`);
  const gathered: Buffer[] = [];
  for await (const piece of pieces) {
    if (isWhole) gathered.push(piece);
    yield;
  }
  const buffer = isWhole ? Buffer.concat(gathered) : NOTHING;
  assembler.feed({ ...header, buffer, bodyStart: 0, bodyEnd: buffer.length });
}

async function* rows(
  header: EventHeader,
  bytes: number,
  body: AsyncGenerator<Buffer>,
  assembler: TransactionAssembler,
): AsyncGenerator<void> {
  const { type, bodyBytes, first, pieces } = await rowPieces(header.type, bytes, body);
  const event = { ...header, type, buffer: first, bodyStart: 0, bodyEnd: bodyBytes };
  const taken = assembler.feedLarge(event, first.length);
  // Not wanted: its bytes are passed as they come, without being inflated.
  for await (const piece of taken === null ? body : pieces) {
    taken?.push(piece);
    yield;
  }
  taken?.finish();
  await passRest(body);
}
