import type { MysqlDatabase } from "../../../../../test/support/mysql.ts";
import { openDump, type DumpStart } from "./binlog-dump.ts";
import { CONNECTION_DEFAULTS, type MysqlConnectionConfig } from "./config.ts";
import { type EventReader, Framing } from "./event-reader.ts";
import { EventType } from "./event-types.ts";
import { bodyOf } from "./payload.ts";
import { decodeFormat, decodeHeartbeat, decodeHeartbeatV2, decodeRotate } from "./log-events.ts";

/** How the tests' user connects. */
export function configOf(server: MysqlDatabase): MysqlConnectionConfig {
  const { host, port, user, password } = server;
  return { ...CONNECTION_DEFAULTS, host, port, user, password };
}

/** A server id that no server of the tests has. */
export function anyServerId(): number {
  return 4_000_000_000 + Math.floor(Math.random() * 200_000_000);
}

/** An event as it came. */
export interface ToldEvent {
  readonly type: number;
  readonly body: Buffer;
  readonly serverId: number;
}

/** All events from `start` to the end of the log as of the call. */
export async function eventsTold(
  server: MysqlDatabase,
  start: DumpStart,
  options: { readonly uuid?: string; readonly serverId?: number } = {},
): Promise<ToldEvent[]> {
  const { file, position } = await server.binlogEnd();
  const { connection, reader } = await openDump(configOf(server), {
    start,
    serverId: options.serverId ?? anyServerId(),
    uuid: options.uuid ?? crypto.randomUUID(),
    heartbeatMs: 200,
  });
  try {
    return await readUntil(reader, file, position);
  } finally {
    connection.destroy();
  }
}

async function readUntil(
  reader: EventReader,
  file: string,
  position: number,
): Promise<ToldEvent[]> {
  const events: ToldEvent[] = [];
  let at = { fileName: "", at: 0 };
  while (at.fileName !== file || at.at < position) {
    const framing = reader.advance();
    if (framing === Framing.MORE) {
      await reader.fill();
      continue;
    }
    const { buffer, bodyStart: start, bodyEnd: end, type, serverId } = reader;
    // The server is shared: another test's rows may be of any size.
    const pieces: Buffer[] = [];
    for await (const piece of bodyOf(reader, framing)) pieces.push(piece);
    events.push({ type, serverId, body: Buffer.concat(pieces) });
    if (type === EventType.FORMAT_DESCRIPTION) {
      const isCut = end - start + 19 < reader.eventBytes;
      reader.hasChecksums = decodeFormat(buffer, start, end, isCut).hasChecksums;
    }
    if (type === EventType.ROTATE) at = decodeRotate(buffer, start, end);
    else if (type === EventType.HEARTBEAT) at = decodeHeartbeat(buffer, start, end, reader.endsAt);
    else if (type === EventType.HEARTBEAT_V2) at = decodeHeartbeatV2(buffer, start, end);
    else if (reader.endsAt > 0) at = { ...at, at: reader.endsAt };
  }
  return events;
}
