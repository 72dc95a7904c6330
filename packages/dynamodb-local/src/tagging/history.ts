/** Tags as the tagging API sees them: some time late, and of tables that had tags once. */
import type { Clock } from "../clock.ts";

/** The tags of a resource from a time on; null once it was deleted. */
interface TagState {
  readonly fromMs: number;
  readonly tags: ReadonlyMap<string, string> | null;
}

/** A resource as it is found. */
export interface TaggedResource {
  readonly arn: string;
  readonly tags: ReadonlyMap<string, string>;
}

/** What tags tables had, and when. */
export class TagHistory {
  readonly #clock: Clock;
  readonly #states = new Map<string, TagState[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes the tags that a resource has from now on. */
  note(arn: string, tags: ReadonlyMap<string, string> | null): void {
    const states = this.#states.get(arn) ?? [];
    if (states.length === 0 && (tags === null || tags.size === 0)) return;
    const copy = tags === null ? null : new Map(tags);
    this.#states.set(arn, [...states, { fromMs: this.#clock.nowMs(), tags: copy }]);
  }

  /** Resources that have tags, or had some, as they were so long ago; by ARN. */
  seen(delayMs: number): readonly TaggedResource[] {
    const atMs = this.#clock.nowMs() - delayMs;
    const found = [...this.#states].flatMap(([arn, states]) => {
      const state = states.findLast(({ fromMs }) => fromMs <= atMs);
      return state === undefined || state.tags === null ? [] : [{ arn, tags: state.tags }];
    });
    return found.toSorted((a, b) => (a.arn < b.arn ? -1 : 1));
  }
}
