import type { DeadLetter } from "../../model/dead-letter.ts";
import type { PipelineEvent } from "../../pipeline-handle.ts";
import type { TaskStatus } from "../../pipeline/status.ts";
import type { KafkaTotals } from "../../observe/kafka-metrics.ts";
import { EventLines } from "./event-lines.ts";
import { History } from "./history.ts";
import { view, type ShownPipeline } from "./view.ts";

/** How often the page is drawn and the curves get a value. */
const EVERY_MS = 1_000;
const MOST_LETTERS = 20;

/** A pipeline as the dashboard looks at it. */
export interface WatchedPipeline {
  readonly name: string;
  status(): TaskStatus;
  deadLetters(): readonly DeadLetter[];
  events(options?: { readonly overRestarts?: boolean }): AsyncIterableIterator<PipelineEvent>;
}

/** What a {@link Watcher} may be told. */
export interface WatcherOptions {
  readonly everyMs?: number;
  /** What pipelines' Kafka transactions came to so far. */
  readonly metrics?: { kafkaTotals?(pipeline: string): KafkaTotals | null };
}

/** Looks at pipelines once a second, for curves and events of the last minutes, and draws the page. */
export class Watcher {
  readonly #pipelines: readonly WatchedPipeline[];
  readonly #history: History;
  readonly #lines = new EventLines();
  readonly #drawn = new Set<(markup: string) => void>();
  readonly #timer: NodeJS.Timeout;
  readonly #leave: (() => void)[] = [];

  constructor(
    pipelines: readonly WatchedPipeline[],
    { everyMs = EVERY_MS, metrics }: WatcherOptions = {},
  ) {
    this.#pipelines = pipelines;
    this.#history = new History(Date.now, (name) => metrics?.kafkaTotals?.(name) ?? null);
    this.#timer = setInterval(() => this.#look(), everyMs).unref();
    for (const pipeline of pipelines) void this.#listen(pipeline);
  }

  /** The page's inside now. */
  draw(): string {
    return view(this.#pipelines.map((pipeline) => this.#shown(pipeline))).text;
  }

  /** Calls `drawn` with the page's inside, now and once a second; what it answers ends that. */
  follow(drawn: (markup: string) => void): () => void {
    this.#drawn.add(drawn);
    drawn(this.draw());
    return () => this.#drawn.delete(drawn);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const leave of this.#leave) leave();
    this.#drawn.clear();
  }

  #look(): void {
    this.#history.sample(this.#pipelines.map((pipeline) => pipeline.status()));
    if (this.#drawn.size === 0) return;
    const markup = this.draw();
    for (const drawn of this.#drawn) drawn(markup);
  }

  #shown(pipeline: WatchedPipeline): ShownPipeline {
    return {
      status: pipeline.status(),
      samples: this.#history.of(pipeline.name),
      letters: lettersOf(pipeline),
      events: this.#lines.of(pipeline.name),
    };
  }

  async #listen(pipeline: WatchedPipeline): Promise<void> {
    const events = pipeline.events({ overRestarts: true });
    this.#leave.push(() => void events.return?.());
    for await (const event of events) this.#lines.add(event);
  }
}

/** Between two runs nobody knows them. */
function lettersOf(pipeline: WatchedPipeline): readonly DeadLetter[] {
  try {
    return pipeline.deadLetters().slice(-MOST_LETTERS).reverse();
  } catch {
    return [];
  }
}
