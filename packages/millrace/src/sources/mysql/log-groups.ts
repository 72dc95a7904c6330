import type { DumpStart } from "./binlog-dump.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { EventType } from "./event-types.ts";
import { gtidText } from "./gtid-set.ts";
import {
  decodeFormat,
  decodeGtid,
  decodeMariaDbGtid,
  decodeRotate,
  decodeTaggedGtid,
} from "./log-events.ts";
import { EVENT_HEADER_BYTES, type EventReader } from "./event-reader.ts";
import { eventsFrom } from "./log-probe.ts";
import { mariaDbGtidText } from "./mariadb-gtid.ts";
import type { LogOffset } from "./transaction-id.ts";

/** Where a group begins, and what it is called. */
export interface FoundGroup extends LogOffset {
  /** When its file was begun, seconds since 1970. */
  readonly made: number;
  /** Null where it has none. */
  readonly gtid: string | null;
  readonly commitTimeMs: number;
}

/** Gives the groups of the log from a place on to its present end; what is in them is passed by. @throws MillraceError */
export async function* groupsFrom(
  config: MysqlConnectionConfig,
  start: DumpStart,
): AsyncGenerator<FoundGroup> {
  let file = 0;
  let made = 0;
  for await (const { reader } of eventsFrom(config, start)) {
    const { buffer, bodyStart, bodyEnd, type } = reader;
    if (type === EventType.ROTATE) {
      const { fileName } = decodeRotate(buffer, bodyStart, bodyEnd);
      file = Number(/\.(\d+)$/.exec(fileName)?.[1] ?? 0);
    } else if (type === EventType.FORMAT_DESCRIPTION) {
      made = reader.timestampSeconds;
      const isCut = bodyEnd - bodyStart + EVENT_HEADER_BYTES < reader.eventBytes;
      reader.hasChecksums = decodeFormat(buffer, bodyStart, bodyEnd, isCut).hasChecksums;
    } else {
      const begun = begunBy(reader);
      // A group that begins beyond 4 GiB there is not: the server goes on to another file before.
      if (begun !== null) yield { ...begun, file, at: reader.endsAt - reader.eventBytes, made };
    }
  }
}

/** Null where the event begins no group. */
function begunBy(reader: EventReader): Pick<FoundGroup, "gtid" | "commitTimeMs"> | null {
  const { buffer, bodyStart, bodyEnd, type, serverId, timestampSeconds } = reader;
  const timeMs = timestampSeconds * 1000;
  switch (type) {
    case EventType.MARIADB_GTID: {
      const { gtid } = decodeMariaDbGtid(buffer, bodyStart, bodyEnd, serverId);
      return { gtid: mariaDbGtidText(gtid), commitTimeMs: timeMs };
    }
    case EventType.GTID:
    case EventType.GTID_TAGGED:
    case EventType.ANONYMOUS_GTID: {
      const isAnonymous = type === EventType.ANONYMOUS_GTID;
      const { gtid, commitTimeMs } =
        type === EventType.GTID_TAGGED
          ? decodeTaggedGtid(buffer, bodyStart, bodyEnd)
          : decodeGtid(buffer, bodyStart, bodyEnd, isAnonymous);
      return { gtid: gtid === null ? null : gtidText(gtid), commitTimeMs: commitTimeMs ?? timeMs };
    }
    default:
      return null;
  }
}
