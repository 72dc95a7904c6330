// A sink of one's own: changes as lines on the terminal.
//
//     node --conditions=source examples/printing-sink.ts
import { fileURLToPath } from "node:url";
import {
  createTask,
  MillraceError,
  Skimmed,
  tableId,
  taskDefaults,
  UNCHANGED,
} from "millrace/extend";
import type {
  Commit,
  CommitResult,
  DeadLetter,
  Json,
  LaneRow,
  Row,
  Sink,
  SinkCapabilities,
  TableShape,
  Takeover,
  TargetChange,
  TargetCheck,
  TargetTable,
  Value,
} from "millrace/extend";
import { ArraySource, TEAS } from "./array-source.ts";

const MIB = 1024 * 1024;

/**
 * Prints what changes. Its state is kept in memory, so that every process begins anew; a sink that is to go on after a
 * restart keeps lanes, state and dead letters where its data is, in one transaction if it has any.
 */
export class PrintingSink implements Sink {
  readonly kind = "printing";
  readonly capabilities: SinkCapabilities = {
    transactional: false,
    maxLanes: 1,
    maxRowsPerCommit: 1_000,
    maxBytesPerCommit: MIB,
    maxValueBytes: MIB,
    // Every change is told, not only the last one of a key, and old values cannot be kept.
    lastWriteWins: false,
    partialUpdates: false,
  };
  readonly #print: (line: string) => void;
  readonly #state = new Map<string, Json>();
  readonly #letters = new Map<string, DeadLetter>();
  #lanes: readonly LaneRow[] = [];

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  mapTable(shape: TableShape, target: { schema: string; name: string }): TargetTable {
    const columns = shape.columns.map((column, index) => ({
      name: column.name,
      type: column.type.kind,
      logical: column.type,
      nullable: !shape.key.includes(index),
    }));
    if (shape.key.length === 0)
      throw new MillraceError("MR_SINK_REFUSED", `${shape.id} has no key`);
    const id = tableId(target.schema, target.name);
    return { id, ...target, columns, key: shape.key, keyless: false };
  }

  estimateBytes(_table: TargetTable, row: Row): number {
    return 32 * row.length;
  }

  async open(): Promise<void> {}

  /** The fence first: commits of whoever had it before are refused from now on. */
  async takeOver({ lanes }: { readonly lanes: number }): Promise<Takeover> {
    const fence = (this.#lanes[0]?.fence ?? 0) + 1;
    this.#lanes = Array.from({ length: Math.max(lanes, this.#lanes.length) }, (_, lane) => ({
      lane,
      fence,
      seq: this.#lanes[lane]?.seq ?? 0,
    }));
    const deadLetters = [...this.#letters.values()];
    return { fence, lanes: this.#lanes, state: new Map(this.#state), deadLetters };
  }

  async readLanes(): Promise<readonly LaneRow[]> {
    return this.#lanes;
  }

  /** Nothing is awaited here: the look at the lanes, the lines and the state are one step. */
  async commit(commit: Commit): Promise<CommitResult> {
    this.#checkLanes(commit);
    for (const write of commit.writes) {
      if (write.kind === "mark") {
        this.#print(`${write.mark.table.id} ${write.mark.kind}`);
        continue;
      }
      if (write.kind !== "changes") throw new MillraceError("MR_BUG", `no ${write.kind} here`);
      for (const { table, op, before, after } of write.changes)
        this.#print(`${table.id} ${op} ${textOf(table, after ?? before)}`);
    }
    for (const { key, value } of commit.state) {
      if (value === null) this.#state.delete(key);
      else this.#state.set(key, value);
    }
    for (const { target, key } of commit.superseded) this.#letters.delete(`${target} ${key}`);
    for (const letter of commit.deadLetters)
      this.#letters.set(`${letter.target} ${letter.key}`, letter);
    return { outcome: "done", deletedSome: 0 };
  }

  #checkLanes({ fence, lanes }: Commit): void {
    const moved = new Set(lanes.map(({ lane }) => lane));
    for (const { lane, expectedSeq } of lanes) {
      const row = this.#lanes[lane];
      if (row?.fence !== fence) throw new MillraceError("MR_FENCED", "another task took over");
      if (row.seq !== expectedSeq)
        throw new MillraceError("MR_SINK_LANE_MOVED", `lane ${lane} is at ${row.seq}`);
    }
    this.#lanes = this.#lanes.map((row) =>
      moved.has(row.lane) ? { ...row, seq: row.seq + 1 } : row,
    );
  }

  async checkTable(): Promise<TargetCheck> {
    return { created: false, notices: [], secondaryUnique: false };
  }

  async applyChange({ kind, table }: TargetChange): Promise<void> {
    this.#print(`${table.id} ${kind}`);
  }

  async close(): Promise<void> {}
}

function textOf({ columns }: TargetTable, row: Row | null): string {
  return columns.map(({ name }, i) => `${name}=${printed(row?.[i] ?? null)}`).join(" ");
}

/** The forms of `model/value.ts`. */
function printed(value: Value): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (value instanceof Skimmed) return `(${value.bytes} bytes)`;
  if (value === UNCHANGED) return "(unchanged)";
  return value === null ? "" : String(value);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const source = new ArraySource(TEAS, [
    { op: "c", row: ["1", "Assam"] },
    { op: "c", row: ["2", "Darjeeling"] },
  ]);
  const sink = new PrintingSink((line) => process.stdout.write(`${line}\n`));
  const task = createTask({ ...taskDefaults("printing"), source, sink });
  await task.start();
  await task.caughtUp();
  source.push({ op: "d", row: ["1", null] });
  await task.caughtUp();
  await task.stop();
}
