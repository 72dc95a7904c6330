import { MillraceError } from "../../errors/millrace-error.ts";
import type { Holder, HolderMark } from "../../model/holder.ts";
import type { Commit, CommitResult, SinkCapabilities, Takeover, Write } from "../../model/sink.ts";
import { UNCHANGED } from "../../model/value.ts";
import type { LockingDatabase } from "./locking-database.ts";
import { ModelSink } from "./model-sink.ts";
import type { SinkTransaction } from "./sink-database.ts";
import type { SinkSession, Statement } from "./sink-session.ts";
import {
  HOLDER_KEY,
  holderOf,
  laneKey,
  lanesOf,
  lettersOf,
  stampLane,
  stateOf,
  writeState,
  type StoredLane,
} from "./sink-state.ts";
import { WriteRunner } from "./sink-tables.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { Process } from "./world.ts";

/** Who takes over, as the last takeover says. */
interface Found {
  readonly mark: HolderMark | null;
  readonly fence: number;
}

/**
 * The sink `postgres`, as one process uses it: its statements in its order (`sinks/dsql/commit-plan.ts`, `takeover.ts`), in
 * transactions that wait for one another. A commit is one write where nothing is to be looked at before its COMMIT.
 */
export class LockingSink extends ModelSink {
  readonly #db: LockingDatabase;
  readonly #owner: Process;
  readonly #holder: Holder;

  constructor(db: LockingDatabase, owner: Process, capabilities: SinkCapabilities) {
    const holder = holderOf(owner);
    super(db, owner, capabilities, holder);
    this.#db = db;
    this.#owner = owner;
    this.#holder = holder;
  }

  /** A table's fresh rows go as plain INSERTs at first, and where one is there the same batch as upserts. */
  override async commit(commit: Commit): Promise<CommitResult> {
    const { random } = this.#db.world;
    for (let inserts = commit.writes.some(isFresh) && random.chance(0.5); ; inserts = false) {
      try {
        return await this.#send(commit, inserts);
      } catch (thrown) {
        const isRefused = thrown instanceof MillraceError && thrown.class === "row";
        if (!inserts || !isRefused) throw thrown;
      }
    }
  }

  /** A lost answer, or a conflict, raises the fence again: equal numbers would prove nothing. */
  override async takeOver(task: {
    pipeline: string;
    task: string;
    lanes: number;
  }): Promise<Takeover> {
    for (;;) {
      const fence = await this.#raise(task.lanes);
      if (fence !== null) return this.#read(fence);
    }
  }

  async #send(commit: Commit, inserts: boolean): Promise<CommitResult> {
    const label = `commit of lane ${commit.lanes.map((stamp) => stamp.lane).join("+")}`;
    await this.#db.call(this.#owner, label);
    const session = this.#db.open(this.#owner);
    const runs: WriteRunner[] = [];
    const statements: Statement[] = [
      (tx) => {
        for (const stamp of shuffled(commit.lanes, this.#db.world.random))
          stampLane(this.#db, tx, commit.fence, stamp);
      },
      ...commit.writes.map((write, index): Statement => (tx) => {
        const run = new WriteRunner(this.#db, tx);
        runs[index] = run;
        run.run(
          inserts && isFresh(write)
            ? { kind: "insert", table: write.table, rows: write.rows }
            : write,
          index,
        );
      }),
      (tx) => writeState(this.#db, tx, commit),
    ];
    const deleted = () => runs.reduce((sum, run) => sum + run.deletedSome, 0);
    if (isSentAtOnce(commit)) {
      await session.send(label, statements, "commit");
      return { outcome: "done", deletedSome: deleted() };
    }
    await session.send(label, statements, "more");
    const missing = runs.flatMap((run) => run.missing);
    if (missing.length > 0) {
      session.hangUp();
      await this.#db.call(this.#owner, `${label} rolls back`);
      return { outcome: "missing", rows: missing };
    }
    await session.send(`${label}: COMMIT`, [], "commit");
    return { outcome: "done", deletedSome: deleted() };
  }

  /** Null where it has to be tried again. */
  async #raise(wanted: number): Promise<number | null> {
    await this.#db.call(this.#owner, "raise the fence");
    // A snapshot, so that two takeovers at once conflict instead of drawing the same number.
    const session = this.#db.open(this.#owner, "repeatable read");
    let found: Found | null = null;
    try {
      found = await this.#find(session);
      if (this.#holder.isSuperseded(found.mark, found.fence))
        throw new MillraceError("MR_FENCED", "(model) another process took over");
      return await this.#write(session, found, wanted);
    } catch (thrown) {
      session.hangUp();
      if (!(thrown instanceof MillraceError) || thrown.code === "MR_FENCED") throw thrown;
      if (thrown.class === "unknown-outcome" && found !== null)
        this.#holder.mayHaveTaken(found.mark, found.fence);
      return null;
    }
  }

  async #find(session: SinkSession): Promise<Found> {
    const found: Found[] = [];
    const look: Statement = (tx) => {
      const lanes = lanesOf(this.#db, tx);
      const mark = (this.#db.read(tx, HOLDER_KEY) as HolderMark | undefined) ?? null;
      found[0] = { mark, fence: Math.max(0, ...lanes.map((row) => row.fence)) };
    };
    await session.send("look who holds the task", [look], "more");
    const [first] = found;
    if (first === undefined) throw new Error("a look that found nothing");
    return first;
  }

  async #write(session: SinkSession, found: Found, wanted: number): Promise<number> {
    const db = this.#db;
    const fence = found.fence + 1;
    const { process } = this.#holder;
    const put = (tx: SinkTransaction, lane: number, seq: number): void =>
      db.write(tx, laneKey(lane), { fence, seq } satisfies StoredLane);
    const raise: Statement = (tx) => {
      for (const { lane, seq } of shuffled(lanesOf(db, tx), db.world.random)) put(tx, lane, seq);
    };
    const add: Statement = (tx) => {
      for (let lane = lanesOf(db, tx).length; lane < wanted; lane++) put(tx, lane, 0);
    };
    const hold: Statement = (tx) =>
      db.write(tx, HOLDER_KEY, { process, fence } satisfies HolderMark);
    await session.send("raise the fence", [raise], "more");
    await session.send("add lanes", [add], "more");
    await session.send("leave a name", [hold], "more");
    await session.send(`takeover ${fence}`, [], "commit");
    this.#holder.took(found.mark);
    return fence;
  }

  /** Three statements of their own, as the sink reads them. */
  async #read(fence: number): Promise<Takeover> {
    await this.#db.call(this.#owner, "read the lanes");
    const lanes = lanesOf(this.#db, this.#db.begin());
    if (lanes.some((row) => row.fence !== fence))
      throw new MillraceError("MR_FENCED", "(model) another task took over meanwhile");
    await this.#db.call(this.#owner, "read the state");
    const state = stateOf(this.#db, this.#db.begin());
    await this.#db.call(this.#owner, "read the letters");
    return { fence, lanes, state, deadLetters: lettersOf(this.#db, this.#db.begin()) };
  }
}

function isFresh(write: Write): write is Extract<Write, { kind: "upsert" }> {
  return write.kind === "upsert" && write.fresh === true;
}

/** COMMIT goes with the rest: no answer is to be looked at first, and a state row misses a lane row that is gone. */
function isSentAtOnce({ state, writes }: Commit): boolean {
  return state.some(({ value }) => value !== null) && !writes.some(isLookedAt);
}

function isLookedAt(write: Write): boolean {
  if (write.kind === "move") return write.row.includes(UNCHANGED);
  return ["update", "delete-equal", "delete-some"].includes(write.kind);
}

/** A server locks the rows of one statement in any order. */
function shuffled<T>(some: readonly T[], random: SeededRandom): T[] {
  const left = [...some];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(random.between(0, left.length - 1), 1));
  return order;
}
