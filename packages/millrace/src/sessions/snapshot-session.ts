import { MillraceError } from "../errors/millrace-error.ts";
import type { TableShape } from "../model/table.ts";
import type { Session } from "./session.ts";

/** Of the statement's bound: who goes on in another snapshot does so before the server ends this one. */
const LIFE_SHARE = 0.8;

/** A session whose statements have a bound. */
interface BoundedSession extends Session {
  readonly config: { readonly statementTimeoutMs: number };
}

/** Where a snapshot's session goes when it is over, and what its failure is called. */
export interface SnapshotSessionOptions<S> {
  readonly giveBack: (connection: S, isOver: boolean) => Promise<void>;
  readonly failure: (error: unknown, doing: string) => MillraceError;
}

/**
 * The one session of a snapshot: one answer is read at a time, and one that was left half read leaves the session to be
 * cut.
 */
export class SnapshotSession<S extends BoundedSession> {
  readonly connection: S;
  readonly #options: SnapshotSessionOptions<S>;
  /** An answer is under way, or was left half read. */
  #reading = false;
  #closed = false;

  constructor(connection: S, options: SnapshotSessionOptions<S>) {
    this.connection = connection;
    this.#options = options;
  }

  /** How long the server lets the snapshot live, less what it takes to go on in another one. */
  get mayLiveMs(): number {
    return this.connection.config.statementTimeoutMs * LIFE_SHARE;
  }

  /** @throws MillraceError where nothing can be asked now. */
  checkFree(shape: TableShape): void {
    const doing = `reading ${shape.id}`;
    if (this.#closed) throw new MillraceError("MR_BUG", `${doing} in a closed snapshot`);
    // Ended between two statements, by a conflict with what a standby replays: nobody would ever answer.
    const { broken } = this.connection;
    if (broken !== null) throw this.#options.failure(broken, doing);
    if (!this.#reading) return;
    throw new MillraceError(
      "MR_SOURCE_LOST_CONNECTION",
      `${doing} in a snapshot whose session is being read, or was left half read`,
    );
  }

  /** An answer begins that is {@link ended} once it was read. @throws MillraceError as {@link checkFree} does. */
  begin(shape: TableShape): void {
    this.checkFree(shape);
    this.#reading = true;
  }

  /** The whole answer was read. */
  ended(): void {
    this.#reading = false;
  }

  /** Ends the transaction, unless it `isOver`, and with it the locks on tables; never throws. */
  async close(isOver = false): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#reading || this.connection.broken !== null) this.connection.destroy();
    else await this.#options.giveBack(this.connection, isOver);
  }
}
