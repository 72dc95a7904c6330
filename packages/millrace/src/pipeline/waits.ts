import type { Clock } from "../model/ports.ts";
import type { Sink } from "../model/sink.ts";
import type { Source } from "../model/source.ts";
import type { LoadControl } from "./load-control.ts";
import type { Outage } from "./outage.ts";
import type { Wait } from "./status.ts";

/** A wait as whoever waits tells it; since when is looked at the clock. */
type Begun = Omit<Wait, "sinceMs">;

/**
 * What the parts of a task wait for, each by a name of its own. It outlives the runs; what belongs to one is given its
 * signal and is over with it.
 */
export class Waits {
  readonly #clock: Pick<Clock, "now">;
  readonly #begun = new Map<string, { readonly wait: Wait; readonly until: AbortSignal | null }>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Something waits. True where that is news: it did not, or for another reason. */
  begin(name: string, begun: Begun, until: AbortSignal | null = null): boolean {
    const before = this.#now(name);
    const sinceMs = before?.sinceMs ?? this.#clock.now();
    this.#begun.set(name, { wait: { ...begun, sinceMs }, until });
    return before?.why !== begun.why;
  }

  /** It goes on, or is no more. */
  end(name: string): void {
    this.#begun.delete(name);
  }

  /** Names that wait and begin like this. */
  names(prefix: string): string[] {
    return [...this.#begun.keys()].filter((name) => name.startsWith(prefix));
  }

  list(): Wait[] {
    return [...this.#begun.keys()].flatMap((name) => this.#now(name) ?? []);
  }

  #now(name: string): Wait | null {
    const begun = this.#begun.get(name);
    if (begun?.until?.aborted !== true) return begun?.wait ?? null;
    this.#begun.delete(name);
    return null;
  }
}

interface Waiting {
  readonly waits: Pick<Waits, "list">;
  readonly source: Pick<Source, "waits">;
  readonly sink: Pick<Sink, "waits">;
  readonly load: Pick<LoadControl, "waits">;
  readonly outage: Pick<Outage, "current">;
}

/** Everything that waits, the weightiest first. */
export function allWaits({ waits, source, sink, load, outage }: Waiting): Wait[] {
  return [
    ...retryOf(outage),
    ...(sink.waits?.() ?? [])
      .filter(({ reason }) => reason !== outage.current?.code)
      .map((wait) => ({ what: "pipeline" as const, ...wait, table: null })),
    ...(source.waits?.() ?? []).map((wait) => ({ ...wait, table: null })),
    ...load.waits(),
    ...waits.list(),
  ];
}

/** A server that does not do what it is asked (full, no rights, gone): `retrying` tells more of it. */
function retryOf({ current }: Pick<Outage, "current">): Wait[] {
  if (current === null) return [];
  const { code, message: why, sinceMs } = current;
  return [{ what: "pipeline", reason: code, table: null, why, sinceMs }];
}
