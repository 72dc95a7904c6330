import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import { readMoment } from "./catalogue-moment.ts";
import { executedAt } from "./executed-at.ts";
import { type CatchUpOptions, placeElsewhere } from "./failover.ts";
import { FirstShapes } from "./first-shapes.ts";
import { dumpStart } from "./log-files.ts";
import type { LogHistory } from "./log-history.ts";
import { probeLog } from "./log-probe.ts";
import type { MysqlSourceOptions, MysqlStartup } from "./options.ts";
import { boundary, type LogGroup, type LogPosition, type PreparedGroup } from "./position.ts";
import { preparedAt, preparedInThePast, preparedSince } from "./prepared-before.ts";
import { type LogAt, startupPlace } from "./startup-place.ts";
import type { LogOffset } from "./transaction-id.ts";

/** Where a log goes on, or begins. */
export interface PlacedLog {
  readonly start: LogPosition;
  /** The same in the files of the server that is read. */
  readonly place: LogOffset;
  /** What was executed before; null where there are no GTIDs. */
  readonly gtids: string | null;
  /** XA transactions that were prepared before, in the files of the server that is read. */
  readonly prepared: readonly PreparedGroup[];
  readonly history: LogHistory;
}

/** A new log, and the shapes of its tables where they are known from its beginning on. */
export interface BegunLog extends PlacedLog {
  readonly shapes: FirstShapes;
}

/** How a new log is begun. */
interface BeginOptions extends Pick<MysqlSourceOptions, "startup" | "types"> {
  readonly era: number;
  /** How long XA transactions that are prepared may take to end. */
  readonly catchUp: CatchUpOptions;
}

type Beginning = Pick<BegunLog, "shapes" | "place" | "prepared">;

/** A new log: nothing of what comes before it is wanted. @throws MillraceError */
export async function beginLog(
  log: LogAt,
  tables: readonly TableShape[],
  { startup, types, era, catchUp }: BeginOptions,
): Promise<BegunLog> {
  const { server, standing } = log;
  const isNow = startup.mode === "initial" || startup.mode === "latest-offset";
  const { shapes, place, prepared } = isNow
    ? await beginsNow(log, tables, { startup, types, catchUp })
    : await beginsInThePast(log, startup);
  const made = await probeLog(await server.config(), dumpStart(standing, place));
  const gtids = await executedAt(log, place);
  shapes.begin(place, era);
  const group: LogGroup = { ...place, era, n: 0, hash: 0, made };
  const start = boundary({
    ...group,
    ...(gtids === null ? {} : { gtids }),
    ...(prepared.length === 0 ? {} : { prepared }),
  });
  return { start, place, gtids, prepared, shapes, history: { server: standing.server, era } };
}

async function beginsNow(
  log: LogAt,
  tables: readonly TableShape[],
  { startup, types, catchUp }: Omit<BeginOptions, "era">,
): Promise<Beginning> {
  for (;;) {
    const before = await preparedSince(log, catchUp);
    const moments = log.server.control.use((session) => readMoment(session, tables, types));
    const shapes = new FirstShapes(await moments);
    const place = shapes.start ?? (await startupPlace(log, startup));
    const prepared = before === null ? [] : await preparedAt(log, before, { ...catchUp, place });
    if (prepared !== null) return { shapes, place, prepared };
  }
}

/** What such a log was written with nobody knows. */
async function beginsInThePast(log: LogAt, startup: MysqlStartup): Promise<Beginning> {
  const place = await startupPlace(log, startup);
  return {
    shapes: new FirstShapes(new Map()),
    place,
    prepared: await preparedInThePast(log, place),
  };
}

/**
 * The log behind `known`, if the server still has it, and if it is the one that `known` is a place of: a server that was
 * made anew, or whose log was, may have files of the same names. Another server's log is entered by GTIDs.
 * @throws MillraceError MR_SOURCE_LOSS
 */
export async function goOn(
  log: LogAt,
  known: LogPosition,
  before: LogHistory | null,
  catchUp: CatchUpOptions,
): Promise<PlacedLog> {
  const { server } = log.standing;
  const [group] = known;
  const last = before ?? { server, era: group.era };
  const history = last.server === server ? last : { server, era: last.era + 1 };
  if (history.era !== group.era) {
    const elsewhere = await placeElsewhere(log, group, catchUp);
    return { start: known, ...elsewhere, gtids: group.gtids ?? null, history };
  }
  await checkPlace(log, group);
  const gtids = group.gtids ?? (await executedAt(log, group));
  return { start: known, place: group, gtids, prepared: group.prepared ?? [], history };
}

async function checkPlace(
  { server, standing }: LogAt,
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
