import type { TaskSettings } from "../settings.ts";
import { Violation } from "./violation.ts";
import type { Process } from "./world.ts";

/** Of the bound: below it, a load that is paused goes on. */
const GOES_ON = 0.8;
/** Saved for later, and read ahead, milliseconds of the rate (`load-rate.ts`). */
const SLACK_MS = 1_250;
/** What may be taken at once before it is paid for. */
const PAGE_ROWS = 3;

/** What one process has read, and when it was told what the source keeps. */
interface Reader {
  readonly sinceMs: number;
  rows: number;
  isOver: boolean;
}

/** A source is spared as the file asks: its rows are read no faster, and no new chunk while it keeps too much of its log. */
export class SourceCare {
  readonly #settings: TaskSettings;
  readonly #now: () => number;
  readonly #readers = new Map<Process, Reader>();

  constructor(settings: TaskSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
  }

  /** Rows of a chunk were taken. */
  read(owner: Process, rows: number): void {
    const { maxRowsPerSecond, snapshotParallelism } = this.#settings;
    const reader = this.#of(owner);
    reader.rows += rows;
    if (maxRowsPerSecond === null) return;
    const passedMs = this.#now() - reader.sinceMs + SLACK_MS;
    const most = (maxRowsPerSecond * passedMs) / 1_000 + PAGE_ROWS * snapshotParallelism;
    if (reader.rows > most)
      throw new Violation(
        `${owner.name} read ${reader.rows} rows in ${passedMs} ms, ${most} at most`,
      );
  }

  /** The source said what it keeps. */
  keeps(owner: Process, bytes: number): void {
    const { maxRetainedBytes, maxRetainedAction } = this.#settings;
    if (maxRetainedBytes === null || maxRetainedAction !== "pause-load") return;
    const reader = this.#of(owner);
    if (bytes >= maxRetainedBytes) reader.isOver = true;
    else if (bytes < maxRetainedBytes * GOES_ON) reader.isOver = false;
  }

  /** A chunk is begun. */
  plans(owner: Process): void {
    if (this.#of(owner).isOver)
      throw new Violation(
        `${owner.name} begins a chunk while the source keeps too much of its log`,
      );
  }

  #of(owner: Process): Reader {
    const reader = this.#readers.get(owner) ?? { sinceMs: this.#now(), rows: 0, isOver: false };
    this.#readers.set(owner, reader);
    return reader;
  }
}
