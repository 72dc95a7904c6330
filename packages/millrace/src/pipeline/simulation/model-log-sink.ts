import { MillraceError } from "../../errors/millrace-error.ts";
import type { Holder, HolderMark } from "../../model/holder.ts";
import type { DeadLetter } from "../../model/dead-letter.ts";
import type { Json } from "../../model/position.ts";
import type {
  Commit,
  CommitResult,
  LaneRow,
  Sink,
  SinkCapabilities,
  Takeover,
  TargetCheck,
  Write,
} from "../../model/sink.ts";
import type { TableShape, TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import type { Coordinator } from "./coordinator.ts";
import { HOLDER_KEY, holderOf, laneKey, letterKey } from "./sink-state.ts";
import { mapModelTable } from "./model-table.ts";
import { createTable } from "./sink-ddl.ts";
import type { SinkDatabase, SinkTransaction } from "./sink-database.ts";
import { WriteRunner } from "./sink-tables.ts";
import { weigh } from "./values.ts";
import type { Process } from "./world.ts";

/**
 * A sink like Kafka, as one process uses it: one lane, whose transactions one transactional id makes; state is a topic
 * that is read to its end, committed only. There is no compare-and-set: an epoch has what was read after it to itself, so
 * that fence and seq are compared here. An unknown outcome is decided by initialising anew, before the state is read.
 */
export class ModelLogSink implements Sink {
  readonly kind = "model-log";
  readonly capabilities: SinkCapabilities;
  readonly #db: SinkDatabase;
  readonly #coordinator: Coordinator;
  readonly #owner: Process;
  readonly #holder: Holder;
  /** Null while nobody knows what became of the last transaction: a new one has to be had first. */
  #epoch: number | null = null;
  /** As they were read under this epoch, and moved by its transactions since. */
  #lanes: LaneRow[] = [];

  constructor(
    db: SinkDatabase,
    coordinator: Coordinator,
    owner: Process,
    capabilities: SinkCapabilities,
  ) {
    this.#db = db;
    this.#coordinator = coordinator;
    this.#owner = owner;
    this.#holder = holderOf(owner);
    this.capabilities = {
      ...capabilities,
      maxLanes: 1,
      lastWriteWins: false,
      partialUpdates: false,
    };
  }

  mapTable(shape: TableShape, target: { schema: string; name: string }): TargetTable {
    return mapModelTable(shape, target);
  }

  estimateBytes(_table: TargetTable, row: Row): number {
    return weigh(row);
  }

  open(): Promise<void> {
    return this.#step("sink open");
  }

  async takeOver({ lanes }: { lanes: number }): Promise<Takeover> {
    for (;;) {
      // A look first: who was superseded must not take the epoch from who works.
      this.#refuseSuperseded(await this.#read("look for the holder"));
      this.#epoch = await this.#coordinator.initialise(this.#owner);
      const fence = await this.#raiseFence(lanes);
      if (fence !== null) return this.#takeover(fence);
    }
  }

  /** Only a look, unless the last outcome is open: then whatever it was is decided first (I6). */
  async readLanes(): Promise<readonly LaneRow[]> {
    const seen = lanesIn(this.#db, await this.#read("read lanes"));
    const isStranger = seen.some(({ fence }, i) => fence !== this.#lanes[i]?.fence);
    if (this.#epoch !== null || isStranger) return seen;
    this.#epoch = await this.#coordinator.initialise(this.#owner);
    try {
      this.#lanes = lanesIn(this.#db, await this.#read("read lanes"));
    } catch (thrown) {
      this.#epoch = null;
      throw thrown;
    }
    return this.#lanes;
  }

  async commit({ fence, lanes, next, ...content }: Commit): Promise<CommitResult> {
    await this.#call("commit of lane 0");
    for (const { lane, expectedSeq } of lanes) {
      const row = this.#lanes[lane];
      if (this.#epoch === null || row?.fence !== fence || row.seq !== expectedSeq)
        throw new MillraceError("MR_SINK_LANE_MOVED", `(model) lane ${lane}`);
    }
    const tx = this.#db.begin();
    const writes = new WriteRunner(this.#db, tx);
    content.writes.forEach((write, i) => writes.run(whole(write), i));
    for (const { key, value } of content.state)
      this.#db.write(tx, `state/${key}`, value ?? undefined);
    for (const letter of content.deadLetters)
      this.#db.write(tx, letterKey(letter.target, letter.key), letter);
    for (const { target, key } of content.superseded)
      this.#db.write(tx, letterKey(target, key), undefined);
    for (const { lane, expectedSeq } of lanes)
      this.#db.write(tx, laneKey(lane), { fence, seq: expectedSeq + 1 });
    // As the real one: what comes behind it is made ready meanwhile.
    void next?.();
    await this.#end(tx, "commit of lane 0");
    this.#lanes = this.#lanes.map((row) => ({ ...row, seq: row.seq + 1 }));
    // Nothing of what was to be emptied is left to ask for.
    return { outcome: "done", deletedSome: 0 };
  }

  async checkTable(table: TargetTable): Promise<TargetCheck> {
    await this.#call(`check ${table.id}`);
    await createTable(this.#db, this.#owner, table);
    return { created: false, notices: [], secondaryUnique: false };
  }

  applyChange(): Promise<void> {
    return this.#step("a schema is registered");
  }

  close(): Promise<void> {
    return this.#step("sink close");
  }

  #step(label: string): Promise<void> {
    return this.#db.world.step(this.#owner, label);
  }

  async #call(label: string): Promise<void> {
    await this.#step(label);
    if (this.#db.world.random.chance(this.#db.faults.lostBefore))
      throw new MillraceError("MR_SINK_LOST_CONNECTION", `(model) ${label}`);
  }

  /** The state topic to its end, committed only. */
  async #read(label: string): Promise<SinkTransaction> {
    await this.#call(label);
    return this.#db.begin();
  }

  /** Whatever goes wrong here leaves the outcome open, or the epoch to another one. */
  async #end(tx: SinkTransaction, label: string): Promise<void> {
    const { epoch } = { epoch: this.#epoch ?? -1 };
    try {
      await this.#coordinator.end(this.#owner, epoch, tx, label);
    } catch (thrown) {
      this.#epoch = null;
      throw thrown;
    }
  }

  #refuseSuperseded(tx: SinkTransaction): number {
    const highest = Math.max(0, ...lanesIn(this.#db, tx).map((row) => row.fence));
    if (this.#holder.isSuperseded(this.#mark(tx), highest))
      throw new MillraceError("MR_FENCED", "(model) another process took over");
    return highest;
  }

  #mark(tx: SinkTransaction): HolderMark | null {
    return (this.#db.read(tx, HOLDER_KEY) as HolderMark | undefined) ?? null;
  }

  async #raiseFence(wanted: number): Promise<number | null> {
    const tx = await this.#read("read the holder");
    const highest = this.#refuseSuperseded(tx);
    const lanes = lanesIn(this.#db, tx);
    const fence = highest + 1;
    const mark = this.#mark(tx);
    this.#db.write(tx, HOLDER_KEY, { process: this.#holder.process, fence } satisfies HolderMark);
    this.#lanes = Array.from({ length: Math.max(wanted, lanes.length) }, (_, lane) => ({
      lane,
      fence,
      seq: lanes[lane]?.seq ?? 0,
    }));
    for (const { lane, seq } of this.#lanes) this.#db.write(tx, laneKey(lane), { fence, seq });
    try {
      await this.#end(tx, `takeover ${fence}`);
      this.#holder.took(mark);
      return fence;
    } catch (thrown) {
      if (!(thrown instanceof MillraceError)) throw thrown;
      if (thrown.class === "unknown-outcome") this.#holder.mayHaveTaken(mark, highest);
      return null;
    }
  }

  async #takeover(fence: number): Promise<Takeover> {
    const tx = await this.#read("read the state");
    if (lanesIn(this.#db, tx).some((row) => row.fence !== fence))
      throw new MillraceError("MR_FENCED", "(model) another task took over meanwhile");
    const state = this.#db
      .keys(tx, "state/")
      .map((key) => [key.slice("state/".length), this.#db.read(tx, key) as Json] as const);
    return {
      fence,
      lanes: this.#lanes,
      state: new Map(JSON.parse(JSON.stringify(state)) as [string, Json][]),
      deadLetters: this.#db.keys(tx, "letter/").map((key) => this.#db.read(tx, key) as DeadLetter),
    };
  }
}

/** One marker empties a table, whatever the limits of a transaction are. */
function whole(write: Write): Write {
  return write.kind === "delete-some" ? { ...write, maxRows: Infinity } : write;
}

function lanesIn(db: SinkDatabase, tx: SinkTransaction): LaneRow[] {
  return db.keys(tx, "lane/").map((key, lane) => {
    const { fence, seq } = db.read(tx, key) as Omit<LaneRow, "lane">;
    return { lane, fence, seq };
  });
}
