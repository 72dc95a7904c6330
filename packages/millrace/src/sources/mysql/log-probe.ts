import { type DumpStart, openDump } from "./binlog-dump.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { type EventReader, Framing } from "./event-reader.ts";
import { EventType } from "./event-types.ts";
import { isCutShort, logError } from "./log-errors.ts";
import { decodeRotate } from "./log-events.ts";
import { FIRST_OFFSET, nextFile } from "./log-files.ts";
import { bodyOf } from "./payload.ts";

/** A reader with this id ends no other one, is told where the log ends, and need not wait for more. */
const NOBODY = { serverId: 0, uuid: "", heartbeatMs: 0 } as const;

/** An event under the reader; good until the next one is asked for. */
export interface FoundEvent {
  readonly reader: EventReader;
  readonly framing: Framing;
}

/**
 * Gives the events of the log from a place on to its present end, one after the other. A file that is cut short is followed by
 * the next one. @throws MillraceError
 */
export async function* eventsFrom(
  config: MysqlConnectionConfig,
  start: DumpStart,
): AsyncGenerator<FoundEvent> {
  let from = start;
  let file = "fileName" in start ? start.fileName : null;
  for (let isOver = false; !isOver;) {
    try {
      for await (const found of dumped(config, from)) {
        if (found.reader.type === EventType.ROTATE) file = fileOf(found.reader);
        yield found;
      }
      isOver = true;
    } catch (error) {
      file = isCutShort(error) && file !== null ? nextFile(file) : null;
      if (file === null) throw logError(error, NOBODY.serverId, start);
      from = { fileName: file, at: FIRST_OFFSET };
    }
  }
}

async function* dumped(
  config: MysqlConnectionConfig,
  start: DumpStart,
): AsyncGenerator<FoundEvent> {
  const { reader } = await openDump(config, { start, ...NOBODY });
  try {
    yield* eventsOf(reader);
  } finally {
    reader.destroy();
  }
}

function fileOf({ buffer, bodyStart, bodyEnd }: EventReader): string {
  return decodeRotate(buffer, bodyStart, bodyEnd).fileName;
}

/** Gives the events that a reader brings until the server ends the dump. @throws MillraceError */
export async function* eventsOf(reader: EventReader): AsyncGenerator<FoundEvent> {
  for (;;) {
    const framing = reader.advance();
    if (framing === Framing.END) return;
    if (framing === Framing.MORE) {
      await reader.fill();
      continue;
    }
    yield { reader, framing };
    if (framing === Framing.LARGE) for await (const _piece of bodyOf(reader, framing)) continue;
  }
}

/**
 * Begins to read the log at a place, as a reader of it would, and says when the file there was begun, seconds since 1970.
 * `check` is told that first: in another file of the same name the place is anywhere, and what the server says of it
 * means nothing.
 * @throws MillraceError class loss where that place is gone, MR_SOURCE_REFUSED where the user may not read the log.
 */
export async function probeLog(
  config: MysqlConnectionConfig,
  start: DumpStart,
  check: (made: number) => void = () => undefined,
): Promise<number> {
  let made = 0;
  for await (const { reader } of eventsFrom(config, start)) {
    // That the place exists is known once what comes behind the file's first event is there, be it the next file.
    const isFormat = reader.type === EventType.FORMAT_DESCRIPTION;
    if (made > 0 && (isFormat || reader.endsAt > 0)) break;
    if (!isFormat) continue;
    made = reader.timestampSeconds;
    check(made);
  }
  return made;
}
