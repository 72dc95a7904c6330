import { MillraceError } from "../../errors/millrace-error.ts";
import { SinkDatabase, type SinkTransaction } from "./sink-database.ts";
import { SinkLocks } from "./sink-locks.ts";
import { SinkSession, type Isolation, type SessionHost } from "./sink-session.ts";
import type { Process } from "./world.ts";

/**
 * A database with PostgreSQL's rules: a transaction lives in a session of the server, which goes on by itself with what it
 * was sent; who writes a row that another transaction has written waits until that one ends, and goes by what it left;
 * each statement sees what was committed meanwhile, unless the transaction wants one snapshot.
 */
export class LockingDatabase extends SinkDatabase implements SessionHost {
  readonly #locks = new SinkLocks<SinkSession>();
  readonly #sessions = new Map<SinkTransaction, SinkSession>();

  /** BEGIN, on a connection that nobody else uses until it ends. */
  open(owner: Process, isolation: Isolation = "read committed"): SinkSession {
    const tx = this.begin();
    const session = new SinkSession(this, owner, { tx, isolation });
    this.#sessions.set(tx, session);
    return session;
  }

  /** The statement sees everything that is durable when it runs. */
  refresh(tx: SinkTransaction): void {
    tx.snapshot = this.begin().snapshot;
  }

  /** SELECT … FOR UPDATE. */
  lock(tx: SinkTransaction, key: string): void {
    this.#locks.take(this.#sessionOf(tx), key, "exclusive");
  }

  override watch(tx: SinkTransaction, key: string): void {
    this.#locks.take(this.#sessionOf(tx), key, "shared");
  }

  /** @throws Blocked; MillraceError MR_SINK_CONFLICT where a snapshot does not have what is there. */
  override write(tx: SinkTransaction, key: string, value: unknown): void {
    this.#locks.take(this.#sessionOf(tx), key, "exclusive");
    if (this.lastChange(key) > tx.snapshot)
      throw new MillraceError("MR_SINK_CONFLICT", `(model) ${key}: 40001`);
    super.write(tx, key, value);
  }

  override async statement(
    owner: Process,
    label: string,
    run: (tx: SinkTransaction) => void,
  ): Promise<void> {
    await this.world.step(owner, label);
    await this.open(owner).send(label, [run], "commit");
  }

  override get isBeingWritten(): boolean {
    return [...this.#sessions.keys()].some(({ writes }) => writes.size > 0);
  }

  override disconnect(owner: Process): void {
    for (const session of this.#sessions.values()) if (session.owner === owner) session.hangUp();
  }

  /** A session has ended: who waits for it goes on. */
  ended(session: SinkSession, tx: SinkTransaction): void {
    this.#sessions.delete(tx);
    this.#locks.release(session);
    for (const other of this.#sessions.values()) if (other.waitsFor(session)) other.wake();
  }

  #sessionOf(tx: SinkTransaction): SinkSession {
    const session = this.#sessions.get(tx);
    if (session === undefined) throw new Error("a statement outside of a session");
    return session;
  }
}
