import { MillraceError } from "../../errors/millrace-error.ts";
import type { Holder, HolderMark } from "../../model/holder.ts";
import type {
  Commit,
  CommitResult,
  KeyPage,
  LaneRow,
  Sink,
  SinkCapabilities,
  Takeover,
  TargetChange,
  TargetCheck,
} from "../../model/sink.ts";
import type { TableShape, TargetTable } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";
import { UNCHANGED } from "../../model/value.ts";
import { checkOf, mapModelTable } from "./model-table.ts";
import { applyTargetChange, createTable, dropPutAway, misfitsOf } from "./sink-ddl.ts";
import type { SinkDatabase } from "./sink-database.ts";
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
import { keyOf, rowPrefix, WriteRunner, type StoredRow } from "./sink-tables.ts";
import { weigh } from "./values.ts";
import type { Process } from "./world.ts";

/** The model's sink connector, as one process uses it. */
export class ModelSink implements Sink {
  readonly kind = "model";
  readonly capabilities: SinkCapabilities;
  readonly #db: SinkDatabase;
  readonly #owner: Process;
  readonly #holder: Holder;
  /** Changes of shape no answer to which was lost. */
  readonly #answered = new Set<string>();

  constructor(
    db: SinkDatabase,
    owner: Process,
    capabilities: SinkCapabilities,
    holder = holderOf(owner),
  ) {
    this.#db = db;
    this.#holder = holder;
    this.#owner = owner;
    this.capabilities = capabilities;
  }

  mapTable(shape: TableShape, target: { schema: string; name: string }): TargetTable {
    return mapModelTable(shape, target);
  }

  estimateBytes(_table: TargetTable, row: Row): number {
    return weigh(row);
  }

  async open(): Promise<void> {
    await this.#step("sink open");
    const { world, faults } = this.#db;
    if (faults.lostOpen > 0 && world.random.chance(faults.lostOpen))
      throw new MillraceError("MR_SINK_LOST_CONNECTION", "(model) sink open");
  }

  /** A lost answer, or a conflict, raises the fence again: equal numbers would prove nothing. */
  async takeOver(task: { pipeline: string; task: string; lanes: number }): Promise<Takeover> {
    for (;;) {
      const fence = await this.#raiseFence(task.lanes);
      if (fence !== null) return this.#readTakeover(fence);
    }
  }

  async readLanes(): Promise<readonly LaneRow[]> {
    await this.#call("read lanes");
    return lanesOf(this.#db, this.#db.begin());
  }

  async commit(commit: Commit): Promise<CommitResult> {
    const label = `commit of lane ${commit.lanes.map((stamp) => stamp.lane).join("+")}`;
    await this.#call(label);
    const tx = this.#db.begin();
    for (const stamp of commit.lanes) stampLane(this.#db, tx, commit.fence, stamp);
    const writes = new WriteRunner(this.#db, tx);
    commit.writes.forEach((write, i) => writes.run(write, i));
    this.#refuseTooLarge(commit, writes);
    if (writes.missing.length > 0) {
      await this.#call(`${label} rolls back`);
      return { outcome: "missing", rows: writes.missing };
    }
    writeState(this.#db, tx, commit);
    await this.#call(`${label} sends COMMIT`);
    await this.#db.commit(this.#owner, tx, label);
    return { outcome: "done", deletedSome: writes.deletedSome };
  }

  /** What a task writes of its own has no limit that could be met with as few lanes and tables as there are here. */
  #refuseTooLarge({ state, deadLetters, lanes }: Commit, { rows, bytes }: WriteRunner): void {
    const { maxRowsPerCommit, maxBytesPerCommit } = this.capabilities;
    const isTooMany = rows + state.length + deadLetters.length + lanes.length > maxRowsPerCommit;
    if (rows > 0 && (isTooMany || bytes > maxBytesPerCommit))
      throw new MillraceError("MR_SINK_TOO_LARGE", `(model) ${rows} rows of ${bytes} bytes`);
  }

  async checkTable(table: TargetTable, create: "if-missing" | "never"): Promise<TargetCheck> {
    await this.#call(`check ${table.id}`);
    const misfits = misfitsOf(this.#db, table);
    if (misfits === null && create === "if-missing") {
      await createTable(this.#db, this.#owner, table);
      return checkOf(this.#db, table, true);
    }
    if (misfits === null || misfits.length > 0)
      throw new MillraceError(
        "MR_SINK_SCHEMA",
        `(model) ${table.id}: ${misfits?.join(", ") ?? "missing"}`,
      );
    return checkOf(this.#db, table, false);
  }

  async applyChange(change: TargetChange): Promise<void> {
    await this.#call(`${change.kind} ${change.table.id}`);
    const isAnswered = await applyTargetChange(this.#db, this.#owner, change);
    const name = `${change.table.id}/${change.kind === "create" ? "" : change.tag}`;
    if (isAnswered) this.#answered.add(name);
  }

  async finishChange(change: TargetChange): Promise<void> {
    if (change.kind !== "alter" || !this.#answered.has(`${change.table.id}/${change.tag}`)) return;
    await dropPutAway(this.#db, this.#owner, change);
  }

  async readKeys(table: TargetTable, after: Row | null, limit: number): Promise<KeyPage> {
    await this.#call(`keys of ${table.id}`);
    const tx = this.#db.begin();
    const last = after === null ? null : keyOf(table, after).slice(rowPrefix(table).length);
    const names = this.#db
      .keys(tx, rowPrefix(table))
      .map((key) => key.slice(rowPrefix(table).length));
    const rest = names.filter((key) => last === null || key > last);
    const page = rest.slice(0, Math.min(limit, this.#db.world.random.between(1, 4)));
    const keys = page.map((key) => {
      const row = this.#db.read(tx, rowPrefix(table) + key) as StoredRow;
      return table.columns.map(({ name }, i): Value =>
        table.key.includes(i) ? (row[name] ?? null) : UNCHANGED,
      );
    });
    return { keys, done: page.length === rest.length };
  }

  close(): Promise<void> {
    return this.#step("sink close");
  }

  #step(label: string): Promise<void> {
    return this.#db.world.step(this.#owner, label);
  }

  #call(label: string): Promise<void> {
    return this.#db.call(this.#owner, label);
  }

  async #raiseFence(wanted: number): Promise<number | null> {
    await this.#call("raise the fence");
    const tx = this.#db.begin();
    const lanes = lanesOf(this.#db, tx);
    const highest = Math.max(0, ...lanes.map((row) => row.fence));
    const mark = (this.#db.read(tx, HOLDER_KEY) as HolderMark | undefined) ?? null;
    if (this.#holder.isSuperseded(mark, highest))
      throw new MillraceError("MR_FENCED", "(model) another process took over");
    const fence = highest + 1;
    this.#db.write(tx, HOLDER_KEY, { process: this.#holder.process, fence } satisfies HolderMark);
    for (let lane = 0; lane < Math.max(wanted, lanes.length); lane++)
      this.#db.write(tx, laneKey(lane), { fence, seq: lanes[lane]?.seq ?? 0 } satisfies StoredLane);
    try {
      await this.#db.commit(this.#owner, tx, `takeover ${fence}`);
      this.#holder.took(mark);
      return fence;
    } catch (thrown) {
      if (!(thrown instanceof MillraceError)) throw thrown;
      if (thrown.class === "unknown-outcome") this.#holder.mayHaveTaken(mark, highest);
      return null;
    }
  }

  async #readTakeover(fence: number): Promise<Takeover> {
    await this.#call("read the state");
    const tx = this.#db.begin();
    const lanes = lanesOf(this.#db, tx);
    if (lanes.some((row) => row.fence !== fence))
      throw new MillraceError("MR_FENCED", "(model) another task took over meanwhile");
    return { fence, lanes, state: stateOf(this.#db, tx), deadLetters: lettersOf(this.#db, tx) };
  }
}
