/** One run of the command line and what it tells (`--json`), wherever it runs. */

/** How a run ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One line of `--json`. */
type ReportedEvent = Readonly<Record<string, unknown>>;

/** A run that may be waited for; a process of its own (millrace-process.ts) or one within ours (millrace-call.ts). */
export abstract class MillraceRun {
  /** What was printed, newest last, for messages of failed tests. */
  readonly output: string[] = [];
  /** Resolves when the pipeline reads its log, or has ended. */
  readonly running: Promise<void>;
  abstract readonly ended: Promise<Ending>;
  readonly #isReading: () => void;
  readonly #tableStates = new Map<string, string>();
  readonly #watchers = new Set<() => void>();
  #ending: Ending | null = null;
  #toldAtMs = Date.now();

  constructor() {
    const running = Promise.withResolvers<void>();
    this.running = running.promise;
    this.#isReading = running.resolve;
  }

  /** Asks it to stop, as SIGTERM does, and waits for the end. */
  abstract stop(): Promise<Ending>;

  get isRunning(): boolean {
    return this.#ending === null;
  }

  /** No table that it has told about is anything but SYNC. */
  get isSettled(): boolean {
    return [...this.#tableStates.values()].every((state) => state === "SYNC");
  }

  /** Waits until so many tables are known and each is in SYNC; rejects with what was printed when that fails. */
  async waitForSync(tables: number, timeoutMs = 120_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const states = [...this.#tableStates.values()];
      if (states.length >= tables && states.every((state) => state === "SYNC")) return;
      if (!this.isRunning)
        throw new Error(`millrace ended before all was in SYNC:\n${this.tail()}`);
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) {
        const late = JSON.stringify([...this.#tableStates].filter(([, state]) => state !== "SYNC"));
        throw new Error(`Not all in SYNC within ${timeoutMs} ms: ${late}\n${this.tail()}`);
      }
      await this.#next(leftMs);
    }
  }

  /** Waits for the end; gives the run up and rejects when it takes too long. */
  async wait(timeoutMs = 240_000): Promise<Ending> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.giveUp();
    }, timeoutMs);
    const ending = await this.ended;
    clearTimeout(timer);
    if (isLate) throw new Error(`millrace did not end within ${timeoutMs} ms:\n${this.tail()}`);
    return ending;
  }

  /** The same, but for that it is given up once it has told nothing new for so long; one that tells for ever, after `mostMs`. */
  async waitWhileTelling(silenceMs: number, mostMs: number): Promise<Ending> {
    const began = Date.now();
    while (this.isRunning) {
      await this.#next(silenceMs);
      if (!this.isRunning) break;
      const now = Date.now();
      if (now - this.#toldAtMs < silenceMs && now - began < mostMs) continue;
      this.giveUp();
      await this.ended;
      throw new Error(
        `millrace told nothing for ${silenceMs} ms, or did not end within ${mostMs} ms:\n${this.tail()}`,
      );
    }
    return this.ended;
  }

  /** The last lines that were printed. */
  tail(): string {
    return this.output.slice(-40).join("\n");
  }

  /** Ends it at once. */
  protected abstract giveUp(): void;

  /** It has printed a line. */
  protected take(line: string): void {
    this.#toldAtMs = Date.now();
    this.output.push(line);
    if (this.output.length > 2000) this.output.splice(0, 1000);
    if (!line.startsWith("{")) return;
    try {
      const event: unknown = JSON.parse(line);
      if (typeof event === "object" && event !== null) this.#note({ ...event });
    } catch {
      // A line that only looks like JSON is in the output all the same.
    }
    this.#wake();
  }

  /** It has ended. */
  protected note(ending: Ending): Ending {
    this.#ending = ending;
    this.#wake();
    this.#isReading();
    return ending;
  }

  #note(event: ReportedEvent): void {
    const { type, table, state } = event;
    if (type === "state" && state === "running") this.#isReading();
    if (type === "table" && typeof table === "string" && typeof state === "string") {
      this.#tableStates.set(table, state);
    }
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }

  #next(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#watchers.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
