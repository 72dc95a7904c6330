/** What clients said to a cluster, kept on request: for tests that ask how a program talks to its database. */
import { dpuOfStatement, noUsage, type Dpu, type Usage } from "./dpu.ts";
import { Violation } from "../rules/rule.ts";

/** One statement. */
export interface LoggedStatement {
  /** By the cluster's clock, ISO 8601. */
  readonly at: string;
  /** The same for all statements of one connection, as `pg_backend_pid()` tells it. */
  readonly connection: number;
  readonly applicationName: string;
  /** The beginning of its text, without parameters. */
  readonly statement: string;
  readonly tookMs: number;
  /** The SQLSTATE that it was refused with; null when it was not. */
  readonly refused: string | null;
  /** What the statement alone would be charged for. */
  readonly dpu: Dpu;
}

/** What is kept of a statement's text. */
const MOST_CHARACTERS = 10_000;

/** Who speaks. */
export type Speaker = Pick<LoggedStatement, "connection" | "applicationName">;

/** One per cluster. Off until somebody asks for it. */
export class StatementLog {
  readonly #nowMs: () => number;
  #kept: LoggedStatement[] = [];
  #most = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Keeps the last statements from now on, so many at most; none with 0. */
  keep(most: number): void {
    this.#most = most;
    this.#kept = most === 0 ? [] : this.#kept.slice(-most);
  }

  /** What is kept, oldest first. */
  read(): readonly LoggedStatement[] {
    return this.#most === 0 ? [] : this.#kept.slice(-this.#most);
  }

  /** Runs a statement, and notes how that went. */
  async watch<T>(
    speaker: Speaker,
    statement: string,
    work: () => Promise<T>,
    usage: () => Usage = noUsage,
  ): Promise<T> {
    if (this.#most === 0) return work();
    const at = new Date(this.#nowMs()).toISOString();
    const startedMs = performance.now();
    let refused: string | null = null;
    try {
      return await work();
    } catch (error) {
      refused = error instanceof Violation ? error.report.code : "";
      throw error;
    } finally {
      const tookMs = Math.round((performance.now() - startedMs) * 1_000) / 1_000;
      const text = statement.slice(0, MOST_CHARACTERS);
      this.#add({ at, ...speaker, statement: text, tookMs, refused, dpu: dpuOfStatement(usage()) });
    }
  }

  #add(statement: LoggedStatement): void {
    if (this.#most === 0) return;
    this.#kept.push(statement);
    // Cut seldom: moving a long list at each statement would cost more than the statement.
    if (this.#kept.length >= 2 * this.#most) this.#kept = this.#kept.slice(-this.#most);
  }
}
