import { MillraceError } from "../errors/millrace-error.ts";
import { fencedText } from "../model/holder.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { Clock, Random } from "../model/ports.ts";
import type { Commit, CommitResult, LaneRow, Sink, StateEntry, Write } from "../model/sink.ts";
import { LaneLocks } from "./lane-locks.ts";
import type { TaskObserver } from "./observer.ts";
import { backoffMs, decide } from "./retry.ts";
import type { Decision } from "./retry.ts";

/** What a commit carries besides fence and lane rows. */
export interface CommitContent extends Omit<Commit, "fence" | "lanes" | "state"> {
  /** Asked once, when the lanes are free: so that no transaction writes an older document over a newer one. */
  readonly state: () => readonly StateEntry[];
  /** Writes that are asked for together with the state, just before it. */
  readonly marks?: () => readonly Write[];
  /** Called when it is durable, before anything else of these lanes can ask for its state. */
  readonly landed?: () => void;
  /** Called just as early when it is given up: what it took of the state waits for another one. */
  readonly stayed?: () => void;
}

/** Thrown to end this run of the task and begin another one by takeover. */
export class RestartNeeded extends Error {
  override readonly name = "RestartNeeded";
}

/** Who has the task now, as far as the sink says so: empty where it does not, null where nobody has it. */
export async function heldBy(sink: Pick<Sink, "holder">): Promise<string | null> {
  return sink.holder === undefined ? "" : sink.holder().catch(() => "");
}

interface CommitterParts {
  readonly sink: Sink;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: TaskObserver;
  readonly signal: AbortSignal;
}

/**
 * Makes commits durable under the fence and settles their outcome by the lane rows (I5, I6). Everything that a task
 * makes durable goes through {@link commit}.
 */
export class Committer {
  readonly fence: number;
  readonly #seqs: number[];
  readonly #locks: LaneLocks;
  readonly #parts: CommitterParts;

  constructor(parts: CommitterParts, fence: number, lanes: readonly LaneRow[]) {
    this.#parts = parts;
    this.fence = fence;
    this.#seqs = [];
    for (const lane of lanes) this.#seqs[lane.lane] = lane.seq;
    this.#locks = new LaneLocks(this.#seqs.length);
  }

  /**
   * One transaction over `lanes`. Resolves when it is durable (or some rows are missing); the same content is sent
   * again until its outcome is known.
   * @throws MillraceError of class `row` or `too-large` when it certainly did not happen: the caller finds the row.
   * @throws RestartNeeded when only a takeover can tell.
   */
  commit(lanes: readonly number[], content: CommitContent): Promise<CommitResult> {
    return this.#locks.hold(lanes, () => this.#settle(lanes, content));
  }

  async #settle(lanes: readonly number[], content: CommitContent): Promise<CommitResult> {
    let uncertain = false;
    let isThere = false;
    const { landed, stayed, marks, ...rest } = content;
    try {
      const writes = marks === undefined ? rest.writes : [...rest.writes, ...marks()];
      const batch = { ...rest, writes, state: content.state() };
      for (let attempt = 0; ; attempt++) {
        this.#parts.signal.throwIfAborted();
        try {
          const stamps = lanes.map((lane) => ({ lane, expectedSeq: this.#seq(lane) }));
          const result = await this.#parts.sink.commit({
            fence: this.fence,
            lanes: stamps,
            ...batch,
          });
          if (attempt > 0) this.#parts.observer.recovered?.();
          isThere = result.outcome === "done";
          if (isThere) this.#landed(lanes, landed);
          else if (uncertain) throw new RestartNeeded("rows are missing after an unknown COMMIT");
          return result;
        } catch (thrown) {
          if (thrown instanceof RestartNeeded) throw thrown;
          const error = toMillraceError(thrown, "MR_SINK_LOST_CONNECTION");
          uncertain ||= error.class === "unknown-outcome";
          if (!(await this.#afterFailure(error, attempt, uncertain, lanes))) continue;
          isThere = true;
          this.#landed(lanes, landed);
          return { outcome: "done", deletedSome: -1 };
        }
      }
    } finally {
      if (!isThere) stayed?.();
    }
  }

  /** True when the lane rows say that the batch is durable; false to send it again. */
  async #afterFailure(
    error: MillraceError,
    attempt: number,
    uncertain: boolean,
    lanes: readonly number[],
  ): Promise<boolean> {
    const decision = decide(error.class, attempt, uncertain, this.#parts.random);
    // Who has moved a lane row is known only behind the look at it: an attempt of ours that landed, or another task.
    const isMoved = error.code === "MR_SINK_LANE_MOVED" && attempt === 0;
    // Told by who begins the next run, with the wait before it (I8).
    if (decision.action === "restart") throw new RestartNeeded(error.message, { cause: error });
    this.#failed(error, isMoved ? null : decision);
    if (decision.action === "bisect" || decision.action === "stop") throw error;
    await this.#parts.clock.sleep(decision.waitMs, this.#parts.signal);
    const durable = await this.#standing(lanes);
    if (durable) this.#parts.observer.recovered?.();
    return durable;
  }

  /** `decision` is what is told of it; null where it is told of later, if at all. */
  #failed(error: MillraceError, decision: Decision | null): void {
    const { code, class: errorClass } = error;
    const again = decision?.action === "again" ? { error, waitMs: decision.waitMs } : {};
    this.#parts.observer.failed({ code, class: errorClass, ...again });
  }

  /**
   * Looks whether another task has taken over, where nothing was committed for a while that would have told.
   * @throws MillraceError MR_FENCED
   */
  async refuseIfFenced(): Promise<void> {
    const stranger = (await this.#readLanes()).find((row) => row.fence !== this.fence);
    if (stranger !== undefined) throw await this.#fenced(stranger);
  }

  async #standing(lanes: readonly number[]): Promise<boolean> {
    const rows = await this.#readLanes();
    const mine = lanes.map((lane) => rows.find((row) => row.lane === lane));
    const stranger = mine.find((row) => row === undefined || row.fence !== this.fence);
    if (stranger !== undefined || mine.includes(undefined)) {
      throw await this.#fenced(stranger);
    }
    if (mine.every((row, i) => row?.seq === this.#seq(lanes[i] ?? -1))) return false;
    if (mine.every((row, i) => row?.seq === this.#seq(lanes[i] ?? -1) + 1)) return true;
    throw new MillraceError(
      "MR_BUG",
      `lane rows ${lanes.join(", ")} stand where no commit of this task could have put them`,
    );
  }

  async #fenced(stranger: LaneRow | undefined): Promise<MillraceError> {
    const who = stranger === undefined ? null : await heldBy(this.#parts.sink);
    const what =
      stranger === undefined
        ? `the lane rows are gone; ours carried fence ${this.fence}`
        : fencedText(who, `fence ${stranger.fence}, ours was ${this.fence}`);
    const seen = new Date(this.#parts.clock.now()).toISOString();
    return new MillraceError("MR_FENCED", `${what}; seen at ${seen}`);
  }

  async #readLanes(): Promise<readonly LaneRow[]> {
    for (let attempt = 0; ; attempt++) {
      try {
        const rows = await this.#parts.sink.readLanes();
        if (attempt > 0) this.#parts.observer.recovered?.();
        return rows;
      } catch (thrown) {
        const error = toMillraceError(thrown, "MR_SINK_LOST_CONNECTION");
        const decision = decide(error.class, Math.min(attempt, 10), false, this.#parts.random);
        if (decision.action !== "again") throw error;
        const waitMs = backoffMs(attempt, 50, 5_000, this.#parts.random);
        this.#failed(error, { action: "again", waitMs });
        await this.#parts.clock.sleep(waitMs, this.#parts.signal);
      }
    }
  }

  /** Never the same twice, also over restarts: the fence, and the transactions that lane 0 has made. */
  get moment(): string {
    return `${this.fence}_${this.#seq(0)}`;
  }

  #seq(lane: number): number {
    const seq = this.#seqs[lane];
    if (seq === undefined) throw new MillraceError("MR_BUG", `lane ${lane} has no lane row`);
    return seq;
  }

  #landed(lanes: readonly number[], landed: CommitContent["landed"]): void {
    this.#advance(lanes);
    landed?.();
  }

  #advance(lanes: readonly number[]): void {
    for (const lane of lanes) this.#seqs[lane] = this.#seq(lane) + 1;
  }
}
