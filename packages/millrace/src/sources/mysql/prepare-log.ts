import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import { readMoment } from "./catalogue-moment.ts";
import { FirstShapes } from "./first-shapes.ts";
import { dumpStart } from "./log-files.ts";
import type { LogHistory } from "./log-history.ts";
import { probeLog } from "./log-probe.ts";
import type { MysqlSourceOptions } from "./options.ts";
import { boundary, type LogPosition } from "./position.ts";
import type { ServerStanding } from "./server-standing.ts";
import type { SourceServer } from "./source-server.ts";
import { type LogAt, startupPlace } from "./startup-place.ts";
import type { LogOffset } from "./transaction-id.ts";

/** Where a log goes on, or begins. */
export interface PlacedLog {
  readonly start: LogPosition;
  readonly history: LogHistory;
}

/** A new log, and the shapes of its tables where they are known from its beginning on. */
export interface BegunLog extends PlacedLog {
  readonly shapes: FirstShapes;
}

/** A new log: nothing of what comes before it is wanted. @throws MillraceError */
export async function beginLog(
  log: LogAt,
  tables: readonly TableShape[],
  { startup, types, era }: Pick<MysqlSourceOptions, "startup" | "types"> & { readonly era: number },
): Promise<BegunLog> {
  const { server, standing } = log;
  // What an older log was written with nobody knows.
  const isNow = startup.mode === "initial" || startup.mode === "latest-offset";
  const shapes = new FirstShapes(
    isNow ? await server.control.use((session) => readMoment(session, tables, types)) : new Map(),
  );
  const place = shapes.start ?? (await startupPlace(log, startup));
  const made = await probeLog(await server.config(), dumpStart(standing, place));
  shapes.begin(place, era);
  return {
    start: boundary({ ...place, era, n: 0, hash: 0, made }),
    history: { server: standing.server, era },
    shapes,
  };
}

/**
 * The log behind `known`, if the server still has it, and if it is the one that `known` is a place of: a server that was
 * made anew, or whose log was, may have files of the same names.
 * @throws MillraceError MR_SOURCE_LOSS
 */
export async function goOn(
  { server, standing }: LogAt,
  known: LogPosition,
  before: LogHistory | null,
): Promise<PlacedLog> {
  const history = before ?? { server: standing.server, era: known[0].era };
  if (history.server !== standing.server || history.era !== known[0].era)
    throw new MillraceError(
      "MR_SOURCE_LOSS",
      "hostname leads to another server than the one whose log was read, and its log has other places",
    );
  await checkPlace(server, standing, known[0]);
  return { start: known, history };
}

async function checkPlace(
  server: SourceServer,
  standing: ServerStanding,
  { made, ...place }: LogOffset & { readonly made?: number },
): Promise<void> {
  const start = dumpStart(standing, place);
  const isHere = "at" in start && start.at === place.at;
  await probeLog(await server.config(), start, (found) => {
    if (made === undefined || !isHere || made === found) return;
    throw new MillraceError(
      "MR_SOURCE_LOSS",
      "the server's log was begun anew since it was read last (RESET, or another copy of its data): its files have the old names and other contents",
    );
  });
}
