/** How a lock is held: shared ones go together. */
export type LockMode = "shared" | "exclusive";

/** A lock that others hold: whoever wants it waits until they end. */
export class Blocked<Holder> extends Error {
  override readonly name = "Blocked";
  readonly by: readonly Holder[];

  constructor(by: readonly Holder[]) {
    super("a lock is held");
    this.by = by;
  }
}

/** Locks on keys, each held to the end of a transaction. */
export class SinkLocks<Holder> {
  readonly #held = new Map<string, Map<Holder, LockMode>>();

  /** @throws Blocked */
  take(holder: Holder, key: string, mode: LockMode): void {
    const held = this.#held.get(key) ?? new Map<Holder, LockMode>();
    const others = [...held].filter(
      ([one, has]) => one !== holder && (mode === "exclusive" || has === "exclusive"),
    );
    if (others.length > 0) throw new Blocked(others.map(([one]) => one));
    if (held.get(holder) !== "exclusive") held.set(holder, mode);
    this.#held.set(key, held);
  }

  /** All that somebody holds. */
  release(holder: Holder): void {
    for (const [key, held] of this.#held) {
      held.delete(holder);
      if (held.size === 0) this.#held.delete(key);
    }
  }
}
