import { Violation } from "../../pipeline/simulation/violation.ts";
import type { Process } from "../../pipeline/simulation/world.ts";
import type { ModelGroup } from "./model-group.ts";

/** Who runs which share, as the processes see it: two run one only where the group has forgotten the first. */
export class GroupWatch {
  readonly #group: Pick<ModelGroup, "counts">;
  readonly #running = new Map<Process, ReadonlySet<string>>();

  constructor(group: Pick<ModelGroup, "counts">) {
    this.#group = group;
  }

  /** What a process is given, again and again; between two it has stopped what the last one took from it. */
  async *watched(
    owner: Process,
    shares: AsyncIterable<ReadonlySet<string>>,
    heard: (check: () => void) => void,
  ): AsyncGenerator<ReadonlySet<string>> {
    for await (const given of shares) {
      const before = this.#running.get(owner) ?? new Set();
      heard(() =>
        this.#refuseTwo(
          owner,
          [...given].filter((share) => !before.has(share)),
        ),
      );
      // What somebody who is forgotten hears late is not given to him: once he is back it may not be without its being seen.
      this.#running.set(owner, new Set([...before, ...(this.#group.counts(owner) ? given : [])]));
      yield given;
      // What was lost meanwhile is not run again before it is given again.
      const now = this.#running.get(owner) ?? new Set();
      this.#running.set(owner, new Set([...given].filter((share) => now.has(share))));
    }
  }

  /** A process was fenced in a share: it stands still there, and the group may give it to anybody. */
  lost(owner: Process, share: string): void {
    const running = this.#running.get(owner) ?? new Set();
    this.#running.set(owner, new Set([...running].filter((one) => one !== share)));
  }

  /** A process has ended. */
  gone(owner: Process): void {
    this.#running.delete(owner);
  }

  #refuseTwo(owner: Process, shares: readonly string[]): void {
    // An answer of long ago, to one that was frozen and is forgotten: it is the zombie, whom the fence keeps out.
    if (!this.#group.counts(owner)) return;
    for (const [other, running] of this.#running) {
      if (other === owner || other.dead || !this.#group.counts(other)) continue;
      const both = shares.filter((share) => running.has(share));
      if (both.length > 0)
        throw new Violation(`${owner.name} is given ${both.join()}, which ${other.name} runs`);
    }
  }
}
