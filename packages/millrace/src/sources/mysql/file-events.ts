import { CHECKSUM_BYTES, EVENT_HEADER_BYTES } from "./event-reader.ts";
import { EventType, saysNothing } from "./event-types.ts";
import {
  decodeFormat,
  decodeHeartbeat,
  decodeHeartbeatV2,
  type HeartbeatEvent,
} from "./log-events.ts";
import { refusedLog } from "./log-refusals.ts";
import type { LoggedEvent } from "./payload.ts";
import type { LogOffset } from "./transaction-id.ts";

/** Whether the events behind this format event have checksums. @throws MillraceError MR_SOURCE_PROTOCOL */
export function saysChecksums(event: LoggedEvent): boolean {
  const { buffer, bodyStart: start, bodyEnd: end, eventBytes } = event;
  const isCut = end - start + EVENT_HEADER_BYTES < eventBytes;
  return decodeFormat(buffer, start, end, isCut).hasChecksums;
}

/** Where the server's log ends, in either kind of event. @throws MillraceError MR_SOURCE_PROTOCOL */
export function heartbeatOf({
  type,
  buffer,
  bodyStart,
  bodyEnd,
  endsAt,
}: LoggedEvent): HeartbeatEvent {
  return type === EventType.HEARTBEAT_V2
    ? decodeHeartbeatV2(buffer, bodyStart, bodyEnd)
    : decodeHeartbeat(buffer, bodyStart, bodyEnd, endsAt);
}

/** The server made it up for whoever reads: it lies in no file. */
export function isHeartbeat(type: number): boolean {
  return type === EventType.HEARTBEAT || type === EventType.HEARTBEAT_V2;
}

/** Not all of its body is here: the event was too long to be held. */
export function isCutOff({ bodyStart, bodyEnd, eventBytes }: LoggedEvent): boolean {
  return bodyEnd - bodyStart < eventBytes - EVENT_HEADER_BYTES - CHECKSUM_BYTES;
}

/** What nobody knows may be rows (I1). @throws MillraceError MR_SOURCE_UNREADABLE */
export function refuseUnknown({ type, flags }: LoggedEvent, group: LogOffset | null): void {
  if (!saysNothing(type, flags)) throw refusedLog("unknownEvent", group);
}
