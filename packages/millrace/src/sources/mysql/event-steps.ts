import { protocolError } from "./byte-cursor.ts";
import { EVENT_HEADER_BYTES, type EventReader, Framing } from "./event-reader.ts";
import { EventType, rowEventKind } from "./event-types.ts";
import { passRest } from "./inflated-pieces.ts";
import type { LargeRows } from "./logged-rows.ts";
import { bodyOf, type LoggedEvent, MOST_INNER_BYTES, payloadEvents } from "./payload.ts";
import { MOST_STATEMENT_BYTES } from "./query-event.ts";
import { inflatedRowBytes, rowPieces } from "./row-pieces.ts";

/** A table of 4,096 columns with their names and labels is no longer. */
const MOST_TABLE_MAP_BYTES = 16_777_216;
/** How much is held of events that are not rows and that large; of all others only where they end is looked at (I10). */
const HELD_BYTES: ReadonlyMap<number, number> = new Map([
  [EventType.QUERY, MOST_STATEMENT_BYTES],
  [EventType.QUERY_COMPRESSED, MOST_STATEMENT_BYTES],
  [EventType.EXECUTE_LOAD_QUERY, MOST_STATEMENT_BYTES],
  [EventType.TABLE_MAP, MOST_TABLE_MAP_BYTES],
]);

/** Who takes in the events of a log. */
export interface EventSink {
  feed(event: LoggedEvent): void;
  /** One that lies within another one, which was fed before. */
  feedInner(event: LoggedEvent): void;
  /** Of one that is too large to be held its first piece; gives what takes in its pieces, null where they are not wanted. */
  feedLarge(event: LoggedEvent, firstBytes: number): LargeRows | null;
}

/** What is told of an event before its body. */
type EventHeader = Pick<
  LoggedEvent,
  "type" | "eventBytes" | "endsAt" | "timestampSeconds" | "serverId" | "flags"
>;

/** Takes in, step by step, the event under the reader; null where that is whole and small, and is taken in at once. */
export function stepsOf(
  reader: EventReader,
  framing: Framing,
  sink: EventSink,
): AsyncGenerator<void> | null {
  const { type, buffer, bodyStart, bodyEnd } = reader;
  if (type === EventType.TRANSACTION_PAYLOAD) return payload(reader, framing, sink);
  // What 256 KiB come to may be a thousand times that.
  const isLarge =
    framing === Framing.LARGE ||
    (type >= EventType.WRITE_ROWS_COMPRESSED_V1 &&
      inflatedRowBytes(buffer, bodyStart, bodyEnd, type) > MOST_INNER_BYTES);
  if (!isLarge) return null;
  const { eventBytes, endsAt, timestampSeconds, serverId, flags, checksumBytes } = reader;
  const header = { type, eventBytes, endsAt, timestampSeconds, serverId, flags };
  const bodyBytes = eventBytes - EVENT_HEADER_BYTES - checksumBytes;
  return large(header, bodyBytes, bodyOf(reader, framing), sink);
}

async function* payload(
  reader: EventReader,
  framing: Framing,
  sink: EventSink,
): AsyncGenerator<void> {
  sink.feed(reader);
  const body = bodyOf(reader, framing);
  for await (const event of payloadEvents(body)) {
    const { pieces, type, eventBytes, endsAt, timestampSeconds, serverId, flags } = event;
    if (pieces === null) {
      sink.feedInner(event);
      yield;
    } else {
      const header = { type, eventBytes, endsAt, timestampSeconds, serverId, flags };
      yield* large(header, eventBytes - EVENT_HEADER_BYTES, pieces, sink);
    }
  }
  await passRest(body);
}

async function* large(
  header: EventHeader,
  bodyBytes: number,
  pieces: AsyncGenerator<Buffer>,
  sink: EventSink,
): AsyncGenerator<void> {
  const { type } = header;
  if (rowEventKind(type) !== null) {
    yield* rows(header, bodyBytes, pieces, sink);
    return;
  }
  const most = HELD_BYTES.get(type) ?? 0;
  if (type === EventType.TABLE_MAP && bodyBytes > most)
    throw protocolError(`a table described in ${bodyBytes} bytes`);
  const gathered: Buffer[] = [];
  let held = 0;
  for await (const piece of pieces) {
    const part = piece.subarray(0, most - held);
    if (part.length > 0) gathered.push(part);
    held += part.length;
    yield;
  }
  const buffer = Buffer.concat(gathered);
  sink.feed({ ...header, buffer, bodyStart: 0, bodyEnd: buffer.length });
}

async function* rows(
  header: EventHeader,
  bytes: number,
  body: AsyncGenerator<Buffer>,
  sink: EventSink,
): AsyncGenerator<void> {
  const { type, bodyBytes, first, pieces } = await rowPieces(header.type, bytes, body);
  const event = { ...header, type, buffer: first, bodyStart: 0, bodyEnd: bodyBytes };
  const taken = sink.feedLarge(event, first.length);
  // Not wanted: its bytes are passed as they come, without being inflated.
  for await (const piece of taken === null ? body : pieces) {
    taken?.push(piece);
    yield;
  }
  taken?.finish();
  await passRest(body);
}
