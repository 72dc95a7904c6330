/** What a task keeps, as records of the compacted state topic: keys are JSON arrays, values JSON; null takes away. */
import { KafkaFault } from "../../kafka/kafka-fault.ts";
import { deadLetterOf, type DeadLetter } from "../../model/dead-letter.ts";
import type { TransactionCounts } from "../../formats/transaction-meter.ts";
import type { HolderMark } from "../../model/holder.ts";
import type { Json } from "../../model/position.ts";
import type { Commit, LaneRow, TaskDocument } from "../../model/sink.ts";
import type { TableId } from "../../model/table.ts";

/** Of what the values are. Raised when an older program could not read them. */
const VERSION = 1;

/** Who has taken a task over, as it is kept. */
export interface StoredHolder extends HolderMark {
  readonly version: number;
  /** Older programs wrote none. */
  readonly pipeline?: string;
}

/** A record of the state topic. */
export interface StateRecord {
  readonly key: Json;
  /** Null takes the key away. */
  readonly value: Json | null;
}

/** All that a task keeps. */
export interface TaskState {
  readonly holder: HolderMark | null;
  /** By lane number. */
  readonly lanes: ReadonlyMap<number, LaneRow>;
  readonly state: ReadonlyMap<string, Json>;
  readonly letters: readonly DeadLetter[];
  /** What readers were told last of each target's shape, by a digest. */
  readonly shapes: ReadonlyMap<TableId, string>;
  /** Of a source transaction of which only the beginning is there, where it is counted. */
  readonly openTransaction: TransactionCounts | null;
}

/** Reads a task's records, one after the other. */
export class TaskStateReader {
  readonly #task: string;
  #holder: HolderMark | null = null;
  readonly #lanes = new Map<number, LaneRow>();
  readonly #state = new Map<string, Json>();
  readonly #letters = new Map<string, DeadLetter>();
  readonly #shapes = new Map<TableId, string>();
  #openTransaction: TransactionCounts | null = null;

  constructor(task: string) {
    this.#task = task;
  }

  /** Takes the next record; those of other tasks are passed by. @throws KafkaFault `corrupt` */
  take(keyBytes: Buffer | null, valueBytes: Buffer | null): void {
    const [kind, task, ...rest] = textsIn(parsed(keyBytes));
    if (task !== this.#task) return;
    const value = parsed(valueBytes);
    const [name = ""] = rest;
    if (kind === "holder") this.#holder = holderIn(value);
    else if (kind === "lane") put(this.#lanes, Number(name), laneIn(Number(name), value));
    else if (kind === "state") put(this.#state, name, value);
    else if (kind === "letter") put(this.#letters, JSON.stringify(rest), letterIn(value));
    else if (kind === "shape") put(this.#shapes, name as TableId, digestIn(value));
    else if (kind === "transaction") this.#openTransaction = countsIn(value);
  }

  /** What they add up to. */
  result(): TaskState {
    const lanes = [...this.#lanes].toSorted(([a], [b]) => a - b);
    return {
      holder: this.#holder,
      lanes: new Map(lanes),
      state: this.#state,
      letters: [...this.#letters.values()],
      shapes: this.#shapes,
      openTransaction: this.#openTransaction,
    };
  }
}

/** Reads what all tasks keep under keys that begin with a text. */
export class TaskDocumentReader {
  readonly #prefix: string;
  readonly #found = new Map<string, TaskDocument>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Takes the next record. @throws KafkaFault `corrupt` */
  take(keyBytes: Buffer | null, valueBytes: Buffer | null): void {
    const [kind, task = "", key = ""] = textsIn(parsed(keyBytes));
    if (kind !== "state" || !key.startsWith(this.#prefix)) return;
    const value = parsed(valueBytes);
    put(this.#found, JSON.stringify([task, key]), value === null ? null : { task, key, value });
  }

  /** What they add up to. */
  result(): readonly TaskDocument[] {
    return [...this.#found.values()];
  }
}

/** Reads which tasks keep anything. */
export class TaskNameReader {
  readonly #keys = new Map<string, Set<string>>();

  /** Takes the next record. @throws KafkaFault `corrupt` */
  take(keyBytes: Buffer | null, valueBytes: Buffer | null): void {
    const [, task] = textsIn(parsed(keyBytes));
    if (task === undefined || keyBytes === null) return;
    const kept = this.#keys.get(task) ?? new Set();
    this.#keys.set(task, kept);
    const key = keyBytes.toString("utf8");
    if (valueBytes === null) kept.delete(key);
    else kept.add(key);
  }

  /** In the order of their names. */
  result(): readonly string[] {
    const found = [...this.#keys].filter(([, kept]) => kept.size > 0);
    return found.map(([task]) => task).toSorted();
  }
}

/** What a takeover writes. */
export function takeoverRecords(
  { pipeline, task }: { readonly pipeline: string; readonly task: string },
  holder: HolderMark,
  lanes: readonly LaneRow[],
): readonly StateRecord[] {
  const value = storedHolder(pipeline, holder);
  return [{ key: ["holder", task], value }, ...lanes.map((row) => laneRecord(task, row))];
}

/** A holder as it is kept. */
export function storedHolder(pipeline: string, { process, fence, who }: HolderMark): Json {
  return {
    version: VERSION,
    process,
    fence,
    pipeline,
    ...(who === undefined ? {} : { who: { ...who } }),
  };
}

/** What a commit writes beside its data. */
export function commitRecords(task: string, commit: Commit): readonly StateRecord[] {
  const { fence, lanes, state, deadLetters, superseded } = commit;
  return [
    ...superseded.map(({ target, key }) => ({ key: letterKey(task, target, key), value: null })),
    ...deadLetters.map((letter) => ({
      key: letterKey(task, letter.target, letter.key),
      value: { ...letter },
    })),
    ...state.map(({ key, value }) => ({ key: ["state", task, key], value })),
    ...lanes.map(({ lane, expectedSeq }) =>
      laneRecord(task, { lane, fence, seq: expectedSeq + 1 }),
    ),
  ];
}

/** What readers were told last of a target's shape; null: that it is gone. */
export function shapeRecord(task: string, target: TableId, digest: string | null): StateRecord {
  return { key: ["shape", task, target], value: digest === null ? null : { digest } };
}

/** How far a source transaction is counted of which only the beginning is there; null: none is. */
export function openTransactionRecord(task: string, counts: TransactionCounts | null): StateRecord {
  if (counts === null) return { key: ["transaction", task], value: null };
  const { id, commitTimeMs, total, byTable } = counts;
  const told = byTable.map(({ table, count }) => ({ table, count }));
  return { key: ["transaction", task], value: { id, commitTimeMs, total, byTable: told } };
}

/** Takes away everything of a task. */
export function forgetRecords(task: string, found: TaskState): readonly StateRecord[] {
  const keys: Json[] = [
    ["holder", task],
    ...[...found.lanes.keys()].map((lane) => ["lane", task, lane]),
    ...[...found.state.keys()].map((key) => ["state", task, key]),
    ...found.letters.map(({ target, key }) => letterKey(task, target, key)),
    ...[...found.shapes.keys()].map((target) => ["shape", task, target]),
    ...(found.openTransaction === null ? [] : [["transaction", task]]),
  ];
  return keys.map((key) => ({ key, value: null }));
}

/** Nothing is kept of the task. */
export function isEmpty({ holder, lanes, state, letters }: TaskState): boolean {
  return holder === null && lanes.size === 0 && state.size === 0 && letters.length === 0;
}

function laneRecord(task: string, { lane, fence, seq }: LaneRow): StateRecord {
  return { key: ["lane", task, lane], value: { fence, seq } };
}

function letterKey(task: string, target: TableId, key: string): Json {
  return ["letter", task, target, key];
}

/** Null takes it away. */
export function put<K, V>(map: Map<K, V>, key: K, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

/** A key or a value. @throws KafkaFault `corrupt` */
export function parsed(bytes: Buffer | null): Json | null {
  if (bytes === null) return null;
  try {
    return JSON.parse(bytes.toString("utf8")) as Json;
  } catch (error) {
    throw corrupt(error);
  }
}

/** The parts of a key. */
export function textsIn(key: Json | null): readonly string[] {
  if (!Array.isArray(key)) return [];
  return key.map((part: Json) => (typeof part === "string" ? part : JSON.stringify(part)));
}

function holderIn(value: Json | null): HolderMark | null {
  if (value === null) return null;
  const { version, process, fence, who } = value as Json & StoredHolder;
  if (version === VERSION) return { process, fence, ...(who === undefined ? {} : { who }) };
  throw new KafkaFault(
    "config",
    "NEWER_STATE",
    `the state topic was written by a newer program (its version is ${version}, this one knows ${VERSION})`,
  );
}

function laneIn(lane: number, value: Json | null): LaneRow | null {
  if (value === null || typeof value !== "object" || !("fence" in value) || !("seq" in value))
    return null;
  return { lane, fence: Number(value.fence), seq: Number(value.seq) };
}

function digestIn(value: Json | null): string | null {
  if (value === null || typeof value !== "object" || !("digest" in value)) return null;
  return typeof value.digest === "string" ? value.digest : null;
}

function countsIn(value: Json | null): TransactionCounts | null {
  return value === null ? null : (value as Json & TransactionCounts);
}

function letterIn(value: Json | null): DeadLetter | null {
  return value === null ? null : deadLetterOf(value as Json & DeadLetter);
}

function corrupt(cause: unknown): KafkaFault {
  return new KafkaFault(
    "corrupt",
    "CORRUPT_STATE",
    "a record of the state topic is not ours",
    cause,
  );
}
