import { failpoint } from "../model/failpoint.ts";
import type { Clock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { Frontier } from "./frontier.ts";
import type { SentTransactions } from "./sent-transactions.ts";
import { stateKey, type FrontierDocument } from "./state-documents.ts";
import type { LiveDocument } from "./state-writer.ts";

interface FrontierWriterParts {
  readonly source: Pick<Source, "unseen" | "comparePositions" | "frontierEveryMs">;
  readonly clock: Clock;
  readonly frontier: Frontier;
  readonly sent: SentTransactions;
  /** What the frontier row says already. */
  readonly written: Position;
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
  readonly acknowledge: (position: Position) => void;
  /** Rejects where another task has taken over. */
  readonly refuseIfFenced: () => Promise<void>;
  /** The sink has something to tell with the next transaction, and none may come (`Sink.isDue`). */
  readonly isDue?: () => boolean;
  readonly signal: AbortSignal;
}

const EVERY_MS = 1_000;
/** A task that has nothing to write looks this often whether it was taken over from: it holds the source's log. */
const LOOK_EVERY_TICKS = 10;

/**
 * Writes the durable frontier row, at most once a second or as rarely as the source wants it, in a transaction of lane 0; only then is the source told
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
    const { clock, signal, source } = this.#parts;
    const rowEvery = Math.max(1, Math.round((source.frontierEveryMs ?? EVERY_MS) / EVERY_MS));
    for (let idle = 0, tick = 1; !signal.aborted; tick++) {
      await clock.sleep(EVERY_MS, signal);
      const before = this.#written;
      const isDue = this.#parts.isDue?.() === true;
      await (isDue || tick % rowEvery === 0 ? this.writeNow({ isDue }) : this.#prune());
      idle = this.#written === before ? idle + 1 : 0;
      if (idle >= LOOK_EVERY_TICKS) {
        idle = 0;
        await this.#parts.refuseIfFenced();
      }
    }
  }

  /** Resolves when the frontier as it stands now is in its row and acknowledged. */
  async writeNow({ isDue = false }: { readonly isDue?: boolean } = {}): Promise<void> {
    const { frontier, source } = this.#parts;
    await this.#prune();
    const hasMoved = source.comparePositions(frontier.durable.position, this.#written) !== 0;
    if (!hasMoved && !isDue) return;
    let row: FrontierDocument | null = null;
    const read = (): FrontierDocument => (row = this.#row());
    await this.#parts.writeState([{ key: stateKey.frontier, read }]);
    this.#tell(row);
  }

  /** Forgets transactions that every snapshot sees from now on. */
  async #prune(): Promise<void> {
    const { sent, source } = this.#parts;
    const asked = sent.list();
    if (asked.length > 0) sent.prune(asked, await source.unseen(asked));
  }

  /** Names every transaction up to its position that no snapshot has seen; what lies beyond does no harm. */
  #row(): FrontierDocument {
    const { position, acknowledge } = this.#parts.frontier.durable;
    return { v: 1, position, acknowledge, unseen: this.#parts.sent.list() };
  }

  /** Only what the durable row says; null where a later call has written in its place. */
  #tell(row: FrontierDocument | null): void {
    if (row === null) return;
    this.#written = row.position;
    failpoint("frontier.written");
    if (row.acknowledge !== null) this.#parts.acknowledge(row.acknowledge);
    failpoint("frontier.acknowledged");
  }
}
