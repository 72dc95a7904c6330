import { MillraceError } from "./errors/millrace-error.ts";
import type { KnownReader } from "./known-pipeline.ts";
import type { Position } from "./model/position.ts";
import type { SharedSource } from "./model/shared-source.ts";
import type { Elsewhere } from "./pipeline/shares-caught-up.ts";

interface ShareEndsParts {
  readonly ends: NonNullable<SharedSource["ends"]>;
  readonly comparePositions: NonNullable<SharedSource["comparePositions"]>;
  readonly open: () => Promise<KnownReader>;
}

/** What is left where nobody could be asked. */
const NOT_KNOWN = ["what could not be asked for yet"];

/**
 * By what the sink keeps of each share, whoever writes it, and where each ended when that was asked first. A share that is
 * gone since (its topic was deleted), by two looks in a row, is waited for no more, and one that ends earlier (it was made
 * anew) only to there: nobody would come to where it ended before.
 */
export class ShareEnds implements Elsewhere {
  readonly #parts: ShareEndsParts;
  #ends: ReadonlyMap<string, Position> | null = null;
  /** Those that the last look did not find: its server may have been behind the others. */
  #missing: ReadonlySet<string> = new Set();
  #reader: KnownReader | null = null;

  constructor(parts: ShareEndsParts) {
    this.#parts = parts;
  }

  async left(mine: ReadonlySet<string>): Promise<readonly string[]> {
    try {
      return await this.#left(mine);
    } catch (thrown) {
      // Whoever cannot be asked now is asked again, over another connection; all else would not pass.
      await this[Symbol.asyncDispose]();
      if (thrown instanceof MillraceError && thrown.class === "transient") return NOT_KNOWN;
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reader = this.#reader;
    this.#reader = null;
    // What it was asked is answered, or has failed with more than this.
    await reader?.[Symbol.asyncDispose]().then(undefined, () => undefined);
  }

  async #left(mine: ReadonlySet<string>): Promise<readonly string[]> {
    const { ends, comparePositions, open } = this.#parts;
    const asked = this.#ends;
    this.#ends = asked === null ? await ends() : this.#lessened(asked, await ends());
    const others = [...this.#ends].filter(([share]) => !mine.has(share));
    if (others.length === 0) return [];
    this.#reader ??= await open();
    const known = await this.#reader.read();
    return others
      .filter(([share, end]) => {
        const log = known?.shareLogs.get(share);
        return log === undefined || comparePositions(log.position, end) < 0;
      })
      .map(([share]) => share);
  }

  #lessened(
    asked: ReadonlyMap<string, Position>,
    now: ReadonlyMap<string, Position>,
  ): ReadonlyMap<string, Position> {
    const { comparePositions } = this.#parts;
    const missed = this.#missing;
    this.#missing = new Set([...asked.keys()].filter((share) => !now.has(share)));
    return new Map(
      [...asked].flatMap(([share, end]): [string, Position][] => {
        const present = now.get(share);
        if (present === undefined) return missed.has(share) ? [] : [[share, end]];
        return [[share, comparePositions(present, end) < 0 ? present : end]];
      }),
    );
  }
}
