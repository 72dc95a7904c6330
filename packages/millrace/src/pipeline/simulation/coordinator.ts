import { MillraceError } from "../../errors/millrace-error.ts";
import type { SinkDatabase, SinkTransaction } from "./sink-database.ts";
import type { Process } from "./world.ts";

/**
 * Who decides the transactions of one transactional id, by Kafka's rules: initialising it gives a new epoch, gives up what
 * an older epoch had open, and waits for what is decided and not visible yet; of older epochs nothing is accepted any
 * more. So after it, a transaction whose answer was lost is there to be read, or never will be.
 */
export class Coordinator {
  readonly #db: SinkDatabase;
  #epoch = 0;
  /** Transactions that are decided while their markers are not written. */
  #deciding = 0;

  constructor(db: SinkDatabase) {
    this.#db = db;
  }

  /** A new epoch. */
  async initialise(owner: Process): Promise<number> {
    const { world, faults } = this.#db;
    await world.step(owner, "initialise the transactional id");
    if (world.random.chance(faults.lostBefore)) throw lost("initialise");
    const epoch = ++this.#epoch;
    while (this.#deciding > 0) await world.step(owner, "waits for markers");
    await world.step(owner, "is initialised");
    if (world.random.chance(faults.lostAnswer)) throw lost("initialise");
    return epoch;
  }

  /** Ends a transaction. Rejects with a conflict where the epoch is old, or with an unknown outcome. */
  async end(owner: Process, epoch: number, tx: SinkTransaction, label: string): Promise<void> {
    const { world, faults } = this.#db;
    const answer = Promise.withResolvers<"done" | "fenced">();
    const isDropped = world.random.chance(faults.lostAnswer) && world.random.chance(0.4);
    world.later(`${label} reaches the coordinator`, () => {
      if (isDropped || (owner.dead && world.random.chance(0.5))) return;
      if (epoch !== this.#epoch) return answer.resolve("fenced");
      this.#deciding++;
      world.later(`${label} is visible`, () => {
        this.#deciding--;
        this.#db.apply(owner, tx);
        answer.resolve("done");
      });
    });
    if (isDropped || world.random.chance(faults.lostAnswer)) {
      await world.step(owner, `${label} loses its answer`);
      throw new MillraceError("MR_SINK_UNKNOWN_COMMIT", `(model) ${label}: no answer`);
    }
    const outcome = await answer.promise;
    await world.step(owner, `${label} is answered`);
    if (outcome === "fenced")
      throw new MillraceError("MR_SINK_CONFLICT", `(model) ${label}: an old epoch`);
  }
}

function lost(what: string): MillraceError {
  return new MillraceError("MR_SINK_LOST_CONNECTION", `(model) ${what}`);
}
