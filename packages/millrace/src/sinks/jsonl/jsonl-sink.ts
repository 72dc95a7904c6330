import { access, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import type { DeadLetter } from "../../model/dead-letter.ts";
import { failpoint } from "../../model/failpoint.ts";
import { Holder, takenOverText } from "../../model/holder.ts";
import type { Random } from "../../model/ports.ts";
import type { Json } from "../../model/position.ts";
import type {
  Commit,
  CommitResult,
  LaneRow,
  Sink,
  SinkCapabilities,
  Takeover,
  TargetChange,
  TargetCheck,
  TaskDocument,
} from "../../model/sink.ts";
import type { TableShape, TargetColumn, TargetTable } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { linesOf } from "./line.ts";
import type { FileState } from "./state-file.ts";
import {
  EMPTY_STATE,
  committed,
  laneRows,
  raised,
  readDocuments,
  readState,
  stateFileOf,
  writeState,
} from "./state-file.ts";
import { TableFile } from "./table-file.ts";

/** Where the lines and the state go; both are folders. */
export interface JsonlOptions {
  readonly path: string;
  readonly statePath: string;
}

const MIB = 1024 * 1024;

/** First column of a table without key, as in every sink; the value comes from the position. */
const KEYLESS_COLUMN: TargetColumn = {
  name: "_millrace_key",
  type: "text",
  logical: { kind: "text", maxChars: null },
  nullable: false,
};

/**
 * Writes changes as lines of JSON, a file per table, for looking at and for tests. At least once: lines and state are
 * different files, so that a crash between them repeats the lines of one batch.
 */
export class JsonlSink implements Sink {
  readonly kind = "jsonl";
  readonly capabilities: SinkCapabilities = {
    transactional: false,
    maxLanes: 1,
    maxRowsPerCommit: 10_000,
    maxBytesPerCommit: 16 * MIB,
    maxValueBytes: 32 * MIB,
    lastWriteWins: false,
    partialUpdates: false,
  };
  readonly #options: JsonlOptions;
  readonly #files = new Map<string, Promise<TableFile>>();
  readonly #holder: Holder;
  #stateFile = "";
  #state: FileState = EMPTY_STATE;

  constructor(
    options: JsonlOptions,
    random: Random = Math.random,
    holder: Holder = new Holder(random),
  ) {
    this.#options = options;
    this.#holder = holder;
  }

  /** See {@link Sink.mapTable}. A column's type is the name of its logical type. */
  mapTable(shape: TableShape, target: { schema: string; name: string }): TargetTable {
    const keyless = shape.key.length === 0;
    const columns = shape.columns.map((column, index): TargetColumn => ({
      name: column.name,
      type: column.type.kind,
      logical: column.type,
      nullable: !shape.key.includes(index),
    }));
    if (keyless) columns.unshift(KEYLESS_COLUMN);
    const key = keyless ? [0] : shape.key;
    return { id: tableId(target.schema, target.name), ...target, columns, key, keyless };
  }

  /** See {@link Sink.estimateBytes}. */
  estimateBytes(_table: TargetTable, row: Row): number {
    let bytes = 64;
    for (const value of row)
      bytes += typeof value === "string" || value instanceof Uint8Array ? value.length + 16 : 16;
    return bytes;
  }

  /** See {@link Sink.open}. */
  async open(): Promise<void> {
    try {
      await mkdir(this.#options.path, { recursive: true });
      await mkdir(this.#options.statePath, { recursive: true });
    } catch (error) {
      throw toMillraceError(error, "MR_SINK_REFUSED");
    }
  }

  /** See {@link Sink.takeOver}. */
  async takeOver({
    pipeline,
    task,
    lanes,
  }: {
    pipeline: string;
    task: string;
    lanes: number;
  }): Promise<Takeover> {
    this.#stateFile = stateFileOf(this.#options.statePath, { pipeline, task });
    const before = await readState(this.#stateFile);
    if (this.#holder.isSuperseded(before.holder ?? null, before.fence))
      throw new MillraceError("MR_FENCED", takenOverText(before.holder ?? null, before.fence));
    this.#state = raised(before, lanes, this.#holder);
    await writeState(this.#stateFile, this.#state);
    const from = this.#holder.took(before.holder ?? null);
    const { fence, state, deadLetters } = this.#state;
    return {
      fence,
      from,
      lanes: laneRows(this.#state),
      state: new Map(Object.entries(state)),
      deadLetters,
    };
  }

  /** See {@link Sink.readLanes}. */
  async readLanes(): Promise<readonly LaneRow[]> {
    return laneRows(await readState(this.#stateFile));
  }

  /** See {@link Sink.commit}. */
  async commit(commit: Commit): Promise<CommitResult> {
    try {
      return await this.#append(commit);
    } catch (error) {
      // A full disk, say: the lines may be there and the state not, which repeats them.
      throw toMillraceError(error, "MR_SINK_LOST_CONNECTION");
    }
  }

  /** See {@link Sink.checkTable}. */
  async checkTable(table: TargetTable, create: "if-missing" | "never"): Promise<TargetCheck> {
    const path = join(this.#options.path, fileName(table));
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (!exists && create === "never")
      throw new MillraceError(
        "MR_SINK_SCHEMA",
        `there is no file for ${table.id}, and create is "never"`,
      );
    await this.#file(fileName(table));
    return { created: !exists, notices: [], secondaryUnique: false };
  }

  /** A change of shape is a line among the others. See {@link Sink.applyChange}. */
  async applyChange(change: TargetChange): Promise<void> {
    const { table } = change;
    if (change.kind === "drop") return this.#remove(table);
    const columns = Object.fromEntries(table.columns.map((column) => [column.name, column.type]));
    const json: Json = { op: "schema", table: table.id, columns };
    await (await this.#file(fileName(table))).append(`${JSON.stringify(json)}\n`);
  }

  /** See {@link Sink.readDocuments}. */
  readDocuments(pipeline: string, prefix: string): Promise<readonly TaskDocument[]> {
    return readDocuments(this.#options.statePath, pipeline, prefix);
  }

  /** See {@link Sink.readDeadLetters}. */
  async readDeadLetters(task: { pipeline: string; task: string }): Promise<readonly DeadLetter[]> {
    return (await readState(stateFileOf(this.#options.statePath, task))).deadLetters;
  }

  /** See {@link Sink.close}. */
  async close(): Promise<void> {
    const files = await Promise.all(this.#files.values());
    this.#files.clear();
    await Promise.all(files.map((file) => file.close()));
  }

  async #append(commit: Commit): Promise<CommitResult> {
    await this.#checkFence(commit);
    const texts = new Map<string, string>();
    for (const { table, json } of commit.writes.flatMap(linesOf)) {
      texts.set(fileName(table), `${texts.get(fileName(table)) ?? ""}${JSON.stringify(json)}\n`);
    }
    for (const [name, text] of texts) await (await this.#file(name)).append(text);
    failpoint("jsonl.lines-written");
    const next = committed(this.#state, commit);
    await writeState(this.#stateFile, next);
    this.#state = next;
    return { outcome: "done", deletedSome: 0 };
  }

  /** As good as files allow: a takeover between this look and the append goes unseen. */
  async #checkFence(commit: Commit): Promise<void> {
    const { fence, holder = null } = await readState(this.#stateFile);
    if (fence !== commit.fence) throw new MillraceError("MR_FENCED", takenOverText(holder, fence));
    const behind = commit.lanes.some(
      ({ lane, expectedSeq }) =>
        this.#state.lanes.find((l) => l.lane === lane)?.seq !== expectedSeq,
    );
    if (behind) throw new MillraceError("MR_SINK_LANE_MOVED", "the lane has another seq");
  }

  async #remove(table: TargetTable): Promise<void> {
    const name = fileName(table);
    await (await this.#file(name)).close();
    this.#files.delete(name);
    await rm(join(this.#options.path, name), { force: true });
  }

  #file(name: string): Promise<TableFile> {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const opened = TableFile.open(join(this.#options.path, name));
    this.#files.set(name, opened);
    return opened;
  }
}

/** `shop.orders.jsonl`; characters that a file system may not like are percent-encoded. */
function fileName(table: TargetTable): string {
  return `${encodeURIComponent(table.schema)}.${encodeURIComponent(table.name)}.jsonl`;
}
