import { MillraceError } from "../../errors/millrace-error.ts";
import type { Queryable } from "./catalogue.ts";
import type { PostgresConnection } from "./connection.ts";
import { branchedAt, type LogHistory } from "./log-history.ts";
import { readStanding, type ServerStanding } from "./server-standing.ts";
import { whileServerWorks } from "./silence-watch.ts";
import { standbyError } from "./snapshot-begin.ts";

/** What is asked to tell whether a server has the log's rows. */
export interface ChunkServerOptions {
  readonly log: Queryable;
  /** Asks the log's server for its branch; null where all walsenders are in use. */
  readonly logHistory: (before: LogHistory | null) => Promise<LogHistory | null>;
  /** Asks the chunks' server, by a walsender. */
  readonly chunkHistory: () => Promise<LogHistory>;
  /** The timeline that the chunks' server replays, if it is the one that was started then. */
  readonly chunkTimeline: (started: string) => Promise<number>;
  /** Refuses another server than the log's. */
  readonly expectLog: (standing: ServerStanding) => void;
}

/**
 * Rows of another cluster, or of a branch that the log will never tell of, must not get among ours (I7). Asked of every
 * snapshot: behind a name may be another server tomorrow, a standby may be promoted, or go on behind the place where the
 * log's server left the timeline that it follows.
 */
export class ChunkServer {
  readonly #options: ChunkServerOptions;
  #logHistory: LogHistory | null = null;
  #chunkHistory: LogHistory | null = null;

  constructor(options: ChunkServerOptions) {
    this.#options = options;
  }

  /** `connection` has taken its snapshot: where it stands now, that is not beyond. @throws MillraceError */
  async check(connection: PostgresConnection): Promise<void> {
    const there = await whileServerWorks(connection, () => readStanding(connection.client));
    const log = await readStanding(this.#options.log);
    this.#options.expectLog(log);
    if (there.system !== log.system)
      throw new MillraceError(
        "MR_SOURCE_REFUSED",
        "snapshot.hostname is a server of another cluster than hostname (system_identifier)",
      );
    if (!there.inRecovery && there.started === log.started) return;
    if (!there.inRecovery)
      throw standbyError(
        "snapshot.hostname is no standby: it was promoted, and has a log of its own",
      );
    // Behind the snapshot: where it goes on from here, it has been before. Its control file lags.
    const timeline = await this.#options.chunkTimeline(there.started);
    const history = await this.#historyOf(log, timeline);
    if (Number(there.replayed) <= leftAt(history, timeline)) return;
    const told = await this.#historyAt(there.started, timeline);
    if (Number(there.replayed) <= (branchedAt(told, history) ?? Number.POSITIVE_INFINITY)) return;
    throw standbyError(
      `snapshot.hostname follows timeline ${told.timeline} behind the place where hostname, on ${history.timeline}, left it`,
    );
  }

  /** As it was told before, where nothing says that it is another one since. */
  async #historyOf(log: ServerStanding, timeline: number): Promise<LogHistory> {
    const known = this.#logHistory;
    const newest = Math.max(log.timeline, timeline);
    if (known !== null && known.started === log.started && known.timeline >= newest) return known;
    this.#logHistory = await this.#options.logHistory(known);
    return this.#logHistory ?? { timeline: log.timeline, left: [], started: log.started };
  }

  /** A server goes from its branch to no other than one that goes on from there, at a place that it then tells of. */
  async #historyAt(started: string, timeline: number): Promise<LogHistory> {
    const known = this.#chunkHistory;
    if (known?.started === started && known.timeline >= timeline) return known;
    try {
      this.#chunkHistory = await this.#options.chunkHistory();
    } catch (error) {
      throw standbyError("snapshot.hostname does not tell which timeline it follows", error);
    }
    if (this.#chunkHistory.started === started) return this.#chunkHistory;
    throw standbyError("snapshot.hostname leads to another server than a moment ago");
  }
}

/** The LSN up to which a server on that timeline has the same log; 0 where it never was this log's. */
function leftAt({ timeline, left }: LogHistory, there: number): number {
  if (timeline === there) return Number.POSITIVE_INFINITY;
  return left.find(([id]) => id === there)?.[1] ?? 0;
}
