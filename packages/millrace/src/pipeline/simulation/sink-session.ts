import { MillraceError } from "../../errors/millrace-error.ts";
import {
  lostConnection,
  unknown,
  type SinkDatabase,
  type SinkTransaction,
} from "./sink-database.ts";
import { Blocked } from "./sink-locks.ts";
import { SERVER, type Process } from "./world.ts";

/** `idle_in_transaction_session_timeout` of the sink's sessions (`sinks/dsql/sink-connection.ts`). */
const IDLE_MS = 30_000;

/** What a transaction sees: what was committed before each of its statements, or before its first. */
export type Isolation = "read committed" | "repeatable read";

/** One statement; run again from its beginning where it had to wait, so what it says is said anew. */
export type Statement = (tx: SinkTransaction) => void;

/** What a session needs of its database. */
export interface SessionHost extends Pick<SinkDatabase, "world" | "faults" | "apply"> {
  refresh(tx: SinkTransaction): void;
  ended(session: SinkSession, tx: SinkTransaction): void;
}

interface Waiting {
  readonly by: readonly SinkSession[];
  readonly done: PromiseWithResolvers<void>;
}

/**
 * A transaction at the server. What it was sent in one write it does to the end, whatever becomes of who sent it; between
 * two writes it holds its locks while its client lives, and for {@link IDLE_MS} of a client that stands still.
 */
export class SinkSession {
  readonly owner: Process;
  readonly #host: SessionHost;
  readonly #tx: SinkTransaction;
  readonly #isolation: Isolation;
  #waiting: Waiting | null = null;
  #isBegun = false;
  #isEnded = false;
  #isWorking = false;
  /** Its client is gone: it ends when it has done what it was sent. */
  #isCut = false;
  /** How many writes it was sent. */
  #writes = 0;

  constructor(
    host: SessionHost,
    owner: Process,
    { tx, isolation }: { readonly tx: SinkTransaction; readonly isolation: Isolation },
  ) {
    this.#host = host;
    this.owner = owner;
    this.#tx = tx;
    this.#isolation = isolation;
  }

  /**
   * Sends statements in one write, with COMMIT behind them or without, and waits for the answers.
   * @throws MillraceError what a statement throws, and then nothing was written; where the answers are lost
   * MR_SINK_UNKNOWN_COMMIT, or MR_SINK_LOST_CONNECTION where COMMIT was not sent.
   */
  async send(
    label: string,
    statements: readonly Statement[],
    last: "commit" | "more",
  ): Promise<void> {
    const { world, faults } = this.#host;
    const { random } = world;
    const failure = last === "commit" ? unknown(label) : lostConnection(label);
    const isLost = random.chance(faults.lostAnswer);
    const arrives = !isLost || random.chance(0.6);
    const answer = Promise.withResolvers<void>();
    answer.promise.catch(() => undefined);
    world.later(`${label} reaches the sink`, () => {
      if (isLost) this.#isCut = true;
      // What a process sent before it died may be lost with its connection.
      if (!arrives || (this.owner.dead && random.chance(0.5))) this.#end();
      if (this.#isEnded) return answer.reject(failure);
      this.#execute(label, statements, last).then(answer.resolve, answer.reject);
    });
    if (isLost) {
      await world.step(this.owner, `${label} loses its answer`);
      throw failure;
    }
    await answer.promise.catch(() => undefined);
    await world.step(this.owner, `${label} is answered`);
    return answer.promise;
  }

  /** The client rolls back, or its connection is gone; the server hears of it some time later. */
  hangUp(): void {
    this.#host.world.later(`a session of ${this.owner.name} is cut`, () => {
      this.#isCut = true;
      if (!this.#isWorking) this.#end();
    });
  }

  /** Whether it waits for another one to end. */
  waitsFor(other: SinkSession): boolean {
    return this.#waiting?.by.includes(other) === true;
  }

  /** What it waits for may be free. */
  wake(): void {
    this.#waiting?.done.resolve();
  }

  async #execute(
    label: string,
    statements: readonly Statement[],
    last: "commit" | "more",
  ): Promise<void> {
    this.#writes++;
    this.#isWorking = true;
    for (const [index, statement] of statements.entries()) {
      if (index > 0) await this.#step(`${label} goes on`);
      await this.#run(label, statement);
    }
    if (last === "commit") {
      await this.#step(`${label} commits`);
      if (this.#tx.writes.size > 0) this.#host.apply(this.owner, this.#tx);
    }
    this.#isWorking = false;
    if (last === "commit" || this.#isCut || this.owner.dead) this.#end();
    else this.#endIdle(this.#writes);
  }

  async #run(label: string, statement: Statement): Promise<void> {
    for (;;) {
      const restore = savepoint(this.#tx);
      try {
        if (this.#isolation === "read committed" || !this.#isBegun) this.#host.refresh(this.#tx);
        this.#isBegun = true;
        return statement(this.#tx);
      } catch (thrown) {
        restore();
        if (!(thrown instanceof Blocked)) {
          this.#end();
          throw thrown;
        }
        await this.#wait(label, (thrown as Blocked<SinkSession>).by);
      }
    }
  }

  /** Until others end. Where they wait for it in turn, one of them all is refused. */
  async #wait(label: string, by: readonly SinkSession[]): Promise<void> {
    const { world } = this.#host;
    const done = Promise.withResolvers<void>();
    this.#waiting = { by, done };
    world.tell(() => `${label} waits for a lock`);
    const circle = this.#circle();
    if (circle.length > 0) world.random.pick(circle).#refuse();
    try {
      await done.promise;
    } catch (thrown) {
      this.#end();
      throw thrown;
    } finally {
      this.#waiting = null;
    }
    await this.#step(`${label} has waited`);
  }

  #refuse(): void {
    this.#host.world.tell(() => `a deadlock: ${this.owner.name} is refused`);
    this.#waiting?.done.reject(new MillraceError("MR_SINK_CONFLICT", "(model) 40P01"));
  }

  /** Those that wait for one another, this one among them. */
  #circle(): SinkSession[] {
    return [...this.#reaches()].filter((one) => one.#reaches().has(this));
  }

  #reaches(): Set<SinkSession> {
    const found = new Set<SinkSession>();
    const open: SinkSession[] = [this];
    for (let one = open.pop(); one !== undefined; one = open.pop())
      for (const next of one.#waiting?.by ?? []) {
        if (!found.has(next)) open.push(next);
        found.add(next);
      }
    return found;
  }

  #endIdle(writes: number): void {
    const { clock } = this.#host.world;
    const end = () => {
      if (this.#writes === writes && !this.#isWorking) this.#end();
    };
    clock.sleep(IDLE_MS).then(end, end);
  }

  #step(label: string): Promise<void> {
    return this.#host.world.step(SERVER, label);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isWorking = false;
    this.#host.ended(this, this.#tx);
  }
}

/** Takes back what is written from now on; locks stay. */
function savepoint(tx: SinkTransaction): () => void {
  const writes = new Map(tx.writes);
  const { length } = tx.journal;
  const marks = tx.marks.length;
  return () => {
    tx.writes.clear();
    for (const [key, value] of writes) tx.writes.set(key, value);
    tx.journal.splice(length);
    tx.marks.splice(marks);
  };
}
