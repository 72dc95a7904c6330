import type { TransactionId } from "../../model/position.ts";
import type { SnapshotWish } from "../../model/source.ts";
import type { ModelLink } from "./source-link.ts";
import { modelPosition, type SourceServer } from "./source-server.ts";
import { ModelSnapshot, sees } from "./source-snapshot.ts";
import type { Standby } from "./standby.ts";

/** How one process reads chunks from a standby: not before what is relied on was replayed (`sources/postgres/replay-gate.ts`). */
export class ModelGate {
  readonly #server: SourceServer;
  readonly #standby: Standby;
  readonly #link: ModelLink;
  #floor = 0;

  constructor(server: SourceServer, standby: Standby, link: ModelLink) {
    this.#server = server;
    this.#standby = standby;
    this.#link = link;
  }

  /** A run begins: its catalogue is the log's server's. */
  begin(): void {
    [this.#floor] = this.#server.logEnd;
  }

  /** Whoever asks looks again whether it sees all of its transactions. */
  async openSnapshot({ position, signal }: SnapshotWish): Promise<ModelSnapshot> {
    const behind = position === undefined ? 0 : modelPosition(position)[0];
    await this.passed(Math.max(behind, this.#floor), signal);
    return ModelSnapshot.open(this.#standby, this.#link);
  }

  async passed(lsn: number, signal?: AbortSignal): Promise<void> {
    do {
      await this.#link.call("waits for the standby");
      signal?.throwIfAborted();
    } while (this.#standby.replayedTo < lsn);
  }

  async unseen(transactions: readonly TransactionId[]): Promise<readonly TransactionId[]> {
    await this.#link.call("unseen at the standby");
    const token = this.#standby.token();
    return transactions.filter((id) => !sees(token, id));
  }

  /** One id for all up to the later one: `id@commit`. */
  readonly join = (one: TransactionId, other: TransactionId): TransactionId => {
    const later = [one, other].toSorted((a, b) => this.#commitOf(a) - this.#commitOf(b)).at(-1);
    return `${(later ?? other).split("@")[0] ?? ""}@${this.#commitOf(later ?? other)}`;
  };

  #commitOf(id: TransactionId): number {
    const [xid, commit] = id.split("@");
    if (commit !== undefined) return Number(commit);
    return this.#server.log.find((tx) => tx.id === xid)?.commit ?? Number.POSITIVE_INFINITY;
  }
}
