import { failpoint } from "../model/failpoint.ts";
import type { Clock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { StateEntry } from "../model/sink.ts";
import type { Source } from "../model/source.ts";
import type { Frontier } from "./frontier.ts";
import type { SentTransactions } from "./sent-transactions.ts";
import { entry, stateKey } from "./state-documents.ts";

interface FrontierWriterParts {
  readonly source: Pick<Source, "unseen" | "comparePositions">;
  readonly clock: Clock;
  readonly frontier: Frontier;
  readonly sent: SentTransactions;
  /** What the frontier row says already. */
  readonly written: Position;
  readonly writeState: (entries: readonly StateEntry[]) => Promise<void>;
  readonly acknowledge: (position: Position) => void;
  readonly signal: AbortSignal;
}

const EVERY_MS = 1_000;

/**
 * Writes the durable frontier row, at most once a second, in a transaction of lane 0; only then is the source told
 * what it may forget (I4).
 */
export class FrontierWriter {
  readonly #parts: FrontierWriterParts;
  #written: Position;

  constructor(parts: FrontierWriterParts) {
    this.#parts = parts;
    this.#written = parts.written;
  }

  async run(): Promise<void> {
    const { clock, signal } = this.#parts;
    while (!signal.aborted) {
      await clock.sleep(EVERY_MS, signal);
      await this.writeNow();
    }
  }

  /** Resolves when the frontier as it stands now is in its row and acknowledged. */
  async writeNow(): Promise<void> {
    const { frontier, sent, source } = this.#parts;
    const { position, acknowledge } = frontier.durable;
    // Asked before what is unseen: the row must name every transaction up to its position that no snapshot has seen.
    const asked = sent.list();
    if (asked.length > 0) sent.prune(asked, await source.unseen(asked));
    if (source.comparePositions(position, this.#written) === 0) return;
    await this.#parts.writeState([
      entry(stateKey.frontier, { v: 1, position, acknowledge, unseen: sent.list() }),
    ]);
    this.#written = position;
    failpoint("frontier.written");
    if (acknowledge !== null) this.#parts.acknowledge(acknowledge);
    failpoint("frontier.acknowledged");
  }
}
