import { GtidSet, parseGtid } from "./gtid-set.ts";
import { MariaDbPosition, parseMariaDbGtid } from "./mariadb-gtid.ts";
import type { ServerVersion } from "./server-version.ts";

/** What a server has executed up to the place of a log's reader: where another server would have to go on. */
export interface ExecutedGtids {
  /** As the server writes it. */
  readonly text: string;
  /** The reader has passed this one. Hot: once per group. */
  add(gtid: string): void;
}

/** Begins with what was executed before the reader's first group. @throws MillraceError MR_SOURCE_PROTOCOL */
export function executedGtids(flavor: ServerVersion["flavor"], before: string): ExecutedGtids {
  return flavor === "mysql" ? new ExecutedSet(before) : new ExecutedPosition(before);
}

class ExecutedSet implements ExecutedGtids {
  #set: GtidSet;
  /** Numbers that came one after the other: `origin:from-to`. */
  readonly #runs = new Map<string, { readonly from: number; to: number }>();
  #text: string | null = null;

  constructor(before: string) {
    this.#set = GtidSet.parse(before);
  }

  get text(): string {
    if (this.#text !== null) return this.#text;
    const runs = [...this.#runs].map(([origin, { from, to }]) => `${origin}:${from}-${to}`);
    this.#set = this.#set.union(GtidSet.parse(runs.join(",")));
    this.#runs.clear();
    return (this.#text = this.#set.toString());
  }

  add(gtid: string): void {
    const { origin, number } = parseGtid(gtid);
    this.#text = null;
    const run = this.#runs.get(origin);
    if (run !== undefined && run.to + 1 === number) {
      run.to = number;
      return;
    }
    if (run !== undefined)
      this.#set = this.#set.union(GtidSet.parse(`${origin}:${run.from}-${run.to}`));
    this.#runs.set(origin, { from: number, to: number });
  }
}

class ExecutedPosition implements ExecutedGtids {
  #position: MariaDbPosition;

  constructor(before: string) {
    this.#position = MariaDbPosition.parse(before);
  }

  get text(): string {
    return this.#position.toString();
  }

  add(gtid: string): void {
    this.#position = this.#position.with(parseMariaDbGtid(gtid));
  }
}
