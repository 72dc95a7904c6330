import { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock, Logger } from "../../model/ports.ts";
import type { Commit } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import type { PlannedStatement } from "./commit-plan.ts";
import { CopyTrial } from "./copy-trial.ts";
import { FreshInserts } from "./fresh-inserts.ts";
import type { SinkProfile } from "./profile.ts";
import { Replacements } from "./replacements.ts";

/** How the rows of one commit travel; made narrower where the server refuses a way. */
export interface Ways {
  inserted: ReadonlySet<TargetTable>;
  replaced: ReadonlySet<TargetTable>;
  readonly uncopied: Set<TargetTable>;
}

/** Finds the cheapest way for rows that the server takes: it is tried, and what was refused is remembered. */
export class RowWays {
  readonly #profile: SinkProfile;
  readonly #log: Logger;
  readonly #fresh = new FreshInserts();
  readonly #replacements: Replacements;
  readonly #copyTrial = new CopyTrial();
  /** Tables whose rows go by statements because COPY was refused once, for a policy's sake. */
  readonly #withoutCopy = new WeakSet<TargetTable>();
  /** Tables whose arrays the server refused once; their rows travel as VALUES. */
  readonly #withoutArrays = new WeakSet<TargetTable>();

  constructor(profile: SinkProfile, { clock, log }: { clock: Clock; log: Logger }) {
    this.#profile = profile;
    this.#log = log;
    this.#replacements = new Replacements(clock);
  }

  /** The ways to begin with. */
  choose(commit: Commit): Ways {
    const replaced = this.#profile.copies ? this.#replacements.choose(commit) : new Set<never>();
    return { inserted: this.#fresh.choose(commit), replaced, uncopied: new Set() };
  }

  /** True where the server refused a way of this commit that another one can stand in for. */
  narrow(error: MillraceError, commit: Commit, ways: Ways): boolean {
    if (this.#fresh.refused(error, commit, ways.inserted)) ways.inserted = new Set();
    else if (this.#replacements.refused(error, commit, ways.replaced)) ways.replaced = new Set();
    else return this.#switchFeed(error, commit, ways);
    return true;
  }

  /** False where the server refuses unnest for a table: plain VALUES instead. */
  withArrays(table: TargetTable): boolean {
    return !this.#withoutArrays.has(table);
  }

  /**
   * COPY gives a value to the column as it is, statements by way of the type that it was mapped to: the same, but for a
   * real in a column of double precision.
   */
  withCopy(table: TargetTable, { uncopied }: Ways): boolean {
    if (!this.#profile.copies || !this.#copyTrial.open) return false;
    if (uncopied.has(table) || this.#withoutCopy.has(table)) return false;
    return table.columns.every(({ type }) => type !== "real");
  }

  /** The server answered. */
  passed(planned: readonly PlannedStatement[]): void {
    if (planned.some(isCopy)) this.#copyTrial.passed();
  }

  /** It did not, or said no. */
  failed(error: unknown, planned: readonly PlannedStatement[]): void {
    if (!(error instanceof MillraceError) || !planned.some(isCopy)) return;
    if (this.#copyTrial.failed(error))
      this.#log.warn("connections are lost over COPY; rows go by statements from now on");
  }

  /** A server that refuses COPY into a table, or unnest of some type, says 0A000; it is asked once per table. */
  #switchFeed(error: MillraceError, commit: Commit, { uncopied }: Ways): boolean {
    const { sqlState, write: index } = error.facts;
    if (sqlState !== "0A000" && sqlState !== "42809") return false;
    const write = typeof index === "number" ? commit.writes[index] : undefined;
    if (write === undefined || write.kind === "changes" || write.kind === "mark") return false;
    if (this.#profile.copies && !uncopied.has(write.table)) {
      // Another lane may have learned it meanwhile; this commit was on its way.
      uncopied.add(write.table);
      this.#withoutCopy.add(write.table);
      return true;
    }
    if (sqlState !== "0A000" || this.#withoutArrays.has(write.table)) return false;
    this.#withoutArrays.add(write.table);
    this.#log.warn("the sink refuses arrays for this table; its rows go as VALUES", {
      table: write.table.id,
    });
    return true;
  }
}

function isCopy({ copied }: PlannedStatement): boolean {
  return copied !== undefined;
}
