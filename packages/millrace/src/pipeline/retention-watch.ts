import { MillraceError } from "../errors/millrace-error.ts";
import { isBug } from "../errors/own-fault.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { Clock } from "../model/ports.ts";
import type { Source, SourceRetention } from "../model/source.ts";
import type { LoadControl } from "./load-control.ts";
import type { TaskObserver } from "./observer.ts";
import { RetentionTrend } from "./retention-trend.ts";
import type { TaskSettings } from "./settings.ts";
import type { SourceClock } from "./source-clock.ts";
import type { RetentionStatus } from "./status.ts";

/** Between two looks. */
const LOOK_EVERY_MS = 1_000;
/** Of the limit: it is told from here on, and a load that was paused goes on below. */
const NEAR_SHARE = 0.8;
/** Below this share of the limit, what was told once is told again. */
const CALM_SHARE = 0.7;
/** The source acts at its own limit: a load that is to be paused for it is paused before. */
const SERVER_SHARE = 0.9;
/** Of what is kept: so much that was acknowledged is worth a word. */
const HELD_SHARE = 0.5;

const NOT_YET =
  "the log is over slot.max-retained and is not given up before the pipeline has begun: until then nobody knows whether this source is its own";

interface RetentionWatchParts {
  readonly source: Pick<Source, "retention">;
  readonly clock: Clock;
  readonly settings: Pick<TaskSettings, "maxRetainedBytes" | "maxRetainedAction">;
  readonly observer: Pick<TaskObserver, "event">;
  readonly load: LoadControl;
  readonly sourceClock: Pick<SourceClock, "told">;
  /** The log is not to be kept any longer: its loss is met as any other one (I8). */
  readonly giveUp: (why: MillraceError) => Promise<"done" | "not-yet">;
  /** A look went wrong: it is made again, unless it is our own code that fails. */
  readonly failed: (thrown: unknown) => void;
}

interface Limit {
  readonly bytes: number;
  readonly of: "pipeline" | "server";
}

/**
 * Watches over what the source keeps of its log for this pipeline, as long as the task lives: most of all between its
 * runs, while the sink cannot be reached and nobody acknowledges anything.
 */
export class RetentionWatch {
  readonly #parts: RetentionWatchParts;
  readonly #trend = new RetentionTrend();
  #kept: SourceRetention | null = null;
  #told: "calm" | "near" | "over" = "calm";
  /** Why the log could not be given up, as far as it was told since it is over the limit. */
  readonly #hindered = new Set<string>();

  constructor(parts: RetentionWatchParts) {
    this.#parts = parts;
  }

  /** For `status`. */
  status(): RetentionStatus | null {
    if (this.#kept === null) return null;
    const limit = this.#limit(this.#kept);
    return {
      retainedBytes: this.#kept.isUnmeasured === true ? null : this.#kept.retainedBytes,
      limitBytes: limit?.bytes ?? null,
      limitOf: limit?.of ?? null,
      limitSeconds: limit === null ? null : this.#trend.secondsUntil(limit.bytes),
      expireSeconds: this.#kept.expireSeconds ?? null,
    };
  }

  /** Looks until the signal aborts. A source that cannot be asked is asked again; the run meets the same and says so. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, clock, sourceClock } = this.#parts;
    if (source.retention === undefined) return;
    while (!signal.aborted) {
      const askedMs = clock.monotonic();
      const kept = await source.retention().catch(this.#failed);
      if (kept?.timeMs !== undefined) sourceClock.told(kept.timeMs, askedMs);
      if (kept !== undefined && !signal.aborted) await this.#saw(kept).catch(this.#failed);
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
  }

  readonly #failed = (thrown: unknown): undefined => {
    this.#parts.failed(thrown);
  };

  async #saw(kept: SourceRetention | null): Promise<void> {
    this.#kept = kept;
    if (kept === null) {
      this.#trend.forget();
      this.#hindered.clear();
      this.#parts.load.goOn();
      return;
    }
    this.#trend.add(kept.retainedBytes, this.#parts.clock.monotonic());
    this.#tell(kept);
    await this.#act(kept);
  }

  /** The nearer one of ours and the source's own. */
  #limit({ limitBytes }: SourceRetention): Limit | null {
    const own = this.#parts.settings.maxRetainedBytes;
    if (own !== null && (limitBytes === null || own <= limitBytes))
      return { bytes: own, of: "pipeline" };
    return limitBytes === null ? null : { bytes: limitBytes, of: "server" };
  }

  #tell(kept: SourceRetention): void {
    const limit = this.#limit(kept);
    const share = limit === null ? 0 : kept.retainedBytes / Math.max(1, limit.bytes);
    const was = this.#told;
    if (share >= 1) this.#told = "over";
    else if (share >= NEAR_SHARE) this.#told = was === "over" ? "over" : "near";
    else if (share < CALM_SHARE) this.#told = "calm";
    if (limit === null || this.#told === was) return;
    const message =
      this.#told === "calm"
        ? `the source keeps ${sizeText(kept.retainedBytes)} of its log for this pipeline again`
        : `${keptText(kept, limit)}${this.#soonText(limit)}${heldText(kept)}`;
    const level = this.#told === "calm" ? { level: "info" as const } : {};
    this.#parts.observer.event({ type: "notice", message, ...level });
  }

  #soonText({ bytes, of }: Limit): string {
    const seconds = this.#trend.secondsUntil(bytes);
    const what = of === "server" ? ", where it gives the log up" : "";
    return seconds === null || seconds === 0
      ? what
      : `${what}; at this pace in ${timeText(seconds)}`;
  }

  async #act(kept: SourceRetention): Promise<void> {
    const { settings, load } = this.#parts;
    const { maxRetainedBytes, maxRetainedAction } = settings;
    if (maxRetainedBytes === null) return;
    if (maxRetainedAction === "pause-load") {
      const server = (kept.limitBytes ?? Number.POSITIVE_INFINITY) * SERVER_SHARE;
      const pauseAt = Math.min(maxRetainedBytes, server);
      if (kept.retainedBytes >= pauseAt) load.pause(pausedText(kept, pauseAt));
      else if (kept.retainedBytes < pauseAt * NEAR_SHARE) load.goOn();
    }
    if (kept.retainedBytes < maxRetainedBytes) this.#hindered.clear();
    else if (maxRetainedAction === "resync") await this.#giveUp(kept, maxRetainedBytes);
  }

  /** What hinders it is told once, and tried again with each look: meanwhile the source's disk fills. */
  async #giveUp(kept: SourceRetention, bytes: number): Promise<void> {
    const text = `${keptText(kept, { bytes, of: "pipeline" })}${heldText(kept)}`;
    try {
      const done = await this.#parts.giveUp(new MillraceError("MR_SOURCE_RETAINED", text));
      if (done === "not-yet") this.#tellHindered("not-yet", NOT_YET);
    } catch (thrown) {
      if (isBug(thrown)) throw thrown;
      const { code, message, remedy } = toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");
      this.#tellHindered(
        code,
        `the log is over slot.max-retained and could not be given up, which is tried again: ${message}. ${remedy}`,
      );
    }
  }

  #tellHindered(reason: string, message: string): void {
    if (this.#hindered.has(reason)) return;
    this.#hindered.add(reason);
    this.#parts.observer.event({ type: "notice", message });
  }
}

function keptText({ retainedBytes }: SourceRetention, { bytes, of }: Limit): string {
  const share = Math.floor((100 * retainedBytes) / Math.max(1, bytes));
  const name = of === "pipeline" ? "slot.max-retained" : "its own limit";
  return `the source keeps ${sizeText(retainedBytes)} of its log for this pipeline, ${share} % of ${name} (${sizeText(bytes)})`;
}

function heldText({ retainedBytes, acknowledgedBytes }: SourceRetention): string {
  if (acknowledgedBytes < retainedBytes * HELD_SHARE) return "";
  return `; ${sizeText(acknowledgedBytes)} of that are acknowledged, and kept because a transaction at the source is open for long`;
}

function pausedText({ retainedBytes }: SourceRetention, pauseAt: number): string {
  const goesOn = sizeText(pauseAt * NEAR_SHARE);
  return `the source keeps ${sizeText(retainedBytes)} of its log for this pipeline: no new chunk is read until it is less than ${goesOn}`;
}

/** Three digits are enough to act on. */
function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** step).toPrecision(3))} ${units[step] ?? ""}`;
}

function timeText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}
