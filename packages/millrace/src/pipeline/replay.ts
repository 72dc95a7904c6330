import { Change } from "../model/change.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Sink } from "../model/sink.ts";
import type { Column, TableId, TableShape } from "../model/table.ts";
import { UNCHANGED, type Row, type Value } from "../model/value.ts";
import { openView, type ChunkParts } from "./chunk-reader.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { Lane } from "./lane.ts";
import { ClearItem, ReplayItem, type RowItem } from "./lane-item.ts";
import type { Loader } from "./loader.ts";
import { letterSourceKey } from "./letter.ts";
import { backoffMs } from "./retry.ts";
import type { SourceReads, WantedRow } from "./source-reads.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";

/** What replaying letters needs beside what chunks are read with. */
export interface ReplayParts extends ChunkParts {
  readonly sink: Pick<Sink, "estimateBytes">;
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
  readonly book: DeadLetterBook;
  readonly reads: SourceReads;
  readonly loader: Pick<Loader, "beside">;
  /** The table may be SYNC now. */
  readonly look: (table: TableRuntime) => void;
  /** Of the run. */
  readonly signal: AbortSignal;
}

/** Letters that one snapshot is taken for; their rows may be large. */
const PAGE_LETTERS = 10;

interface Wanted extends WantedRow {
  readonly letter: DeadLetter;
  /** Of its row at the source. */
  readonly key: string;
}

interface ReadLetter {
  readonly letter: DeadLetter;
  readonly item: ReplayItem;
}

/**
 * Reads rows of dead letters from the source as a chunk of single rows: the window opens, the snapshot sees all that
 * went to the lanes before, a row whose key was struck is read again, the others enter their lanes (I7). The letter
 * goes in the transaction that makes its row durable, or its absence; refused again, it stays. A load that is stopped
 * (TRUNCATE, DDL, resync) stops a replay, too, so that nothing of before enters a lane behind it.
 */
export class Replay {
  readonly #parts: ReplayParts;

  constructor(parts: ReplayParts) {
    this.#parts = parts;
  }

  /** Resolves when each letter is settled or refused again, durably; in any order. */
  async replay(letters: readonly DeadLetter[]): Promise<ReplayOutcome[]> {
    const outcomes: ReplayOutcome[] = [];
    const tables = Map.groupBy(letters, ({ table }) => table);
    for (const [id, ofTable] of tables) {
      for (let at = 0; at < ofTable.length; at += PAGE_LETTERS)
        outcomes.push(...(await this.#page(id, ofTable.slice(at, at + PAGE_LETTERS))));
    }
    return outcomes;
  }

  /** Removes the rows that these keys have at the sink, as far as their letters still stand; the letters stay. */
  async clear(letters: readonly DeadLetter[]): Promise<void> {
    for (const [id, ofTable] of Map.groupBy(letters, ({ table }) => table)) {
      const table = this.#parts.tables.get(id);
      if (table === undefined) continue;
      await this.#parts.loader.beside(table, async (stopped) => {
        const lanes = this.#enter(ofTable.flatMap((letter) => this.#clearing(table, letter)));
        await until(stopped, Promise.all([...lanes].map((lane) => lane.passedSoFar())));
      });
    }
  }

  #clearing(table: TableRuntime, letter: DeadLetter): { readonly item: ClearItem }[] {
    const wanted = this.#wanted(table, letter);
    if (typeof wanted === "string") return [];
    const { route, change, key } = wanted;
    const keyRow = change.after ?? [];
    const gone = new Change("d", change.shape, keyRow, null, null, null, null, 0);
    const row = route.map(keyRow);
    return [{ item: new ClearItem("remove", table, route, key, row, null, gone, 0) }];
  }

  async #page(id: TableId, letters: readonly DeadLetter[]): Promise<ReplayOutcome[]> {
    const { clock, random, signal } = this.#parts;
    const table = this.#parts.tables.get(id);
    const entered = new Map<string, "row" | "absence">();
    for (let attempt = 0; ; attempt++) {
      const left = letters.filter((letter) => this.#isOpen(table, letter));
      if (table === undefined || left.length === 0) break;
      if (attempt > 0) await clock.sleep(backoffMs(attempt, 5, 1_000, random), signal);
      await this.#parts.loader.beside(table, (stopped) =>
        this.#round(table, left, entered, stopped),
      );
    }
    return letters.map((letter) => this.#outcomeOf(table, letter, entered.get(letter.id)));
  }

  /** Still to be tried: it stands as it stood, and can be tried at all. */
  #isOpen(table: TableRuntime | undefined, letter: DeadLetter): boolean {
    const now = this.#standing(letter);
    if (now === null || now.attempts !== letter.attempts) return false;
    return table !== undefined && typeof this.#wanted(table, letter) !== "string";
  }

  #standing({ target, key, id }: DeadLetter): DeadLetter | null {
    const now = this.#parts.book.get(target, key);
    return now?.id === id ? now : null;
  }

  /** One snapshot, and what it says of the letters into their lanes. */
  async #round(
    table: TableRuntime,
    letters: readonly DeadLetter[],
    entered: Map<string, "row" | "absence">,
    signal: AbortSignal,
  ): Promise<void> {
    const { source, reads, look } = this.#parts;
    const wanted = letters
      .map((letter) => this.#wanted(table, letter))
      .filter((one) => typeof one !== "string");
    const view = await openView(this.#parts, table, signal);
    let lanes: ReadonlySet<Lane> = new Set();
    try {
      const rows = await reads.readIn(view.snapshot, table, wanted);
      failpoint("replay.rows-read");
      if (rows === null) return;
      const read = wanted.map((one, i) => this.#read(one, rows[i] ?? null));
      const bytes = weightOf(read);
      await this.#parts.chunkBytes.take(bytes, signal);
      const isStale = signal.aborted || view.window.overflowed;
      const fresh = isStale ? [] : read.filter(({ item }) => !view.window.has(item.key));
      lanes = this.#enter(fresh);
      if (!isStale) this.#parts.rest.progressed(table, view.window);
      for (const { letter, item } of fresh)
        entered.set(letter.id, item.write === "put" ? "row" : "absence");
      this.#parts.chunkBytes.give(bytes - weightOf(fresh));
      signal.throwIfAborted();
    } finally {
      table.windows.close(view.window);
      await view.snapshot.close();
    }
    failpoint("replay.rows-sent");
    await until(signal, Promise.all([...lanes].map((lane) => lane.passedSoFar())));
    // The table is SYNC again when the frontier has passed the end of this read. On a source that nobody writes to it is there
    // already, and nothing comes that would move it.
    look(table);
    void source.nudge();
  }

  /** One step with the look at the window: nothing is awaited here (I7). */
  #enter(fresh: readonly { readonly item: RowItem }[]): ReadonlySet<Lane> {
    const lanes = new Set<Lane>();
    for (const { item } of fresh) {
      const lane = this.#parts.lanes[this.#parts.choice.laneOf(item.route.target.id, item.key)];
      if (lane === undefined) continue;
      lane.push(item);
      lanes.add(lane);
    }
    return lanes;
  }

  /** What the snapshot says of a letter's key: its row, or that it is gone. */
  #read({ table, letter, route, change, key }: Wanted, row: Row | null): ReadLetter {
    const keyRow = change.after ?? [];
    const image = row ?? route.map(keyRow);
    const bytes = this.#parts.sink.estimateBytes(route.target, image);
    const write = row === null ? "remove" : "put";
    const read =
      row === null
        ? new Change("d", change.shape, keyRow, null, null, null, null, bytes)
        : new Change("r", change.shape, null, keyRow, null, null, null, bytes);
    const item = new ReplayItem(write, table, route, key, image, null, read, bytes);
    return { letter, item };
  }

  /** What to ask the source for; a sentence where that cannot be. */
  #wanted(table: TableRuntime, letter: DeadLetter): Wanted | string {
    const { shape } = table;
    if (table.stopped !== null) return `${table.id} is stopped; resync the table`;
    if (table.paused !== null) return `${table.id} is paused; a resume tries all of its rows again`;
    if (table.keyless)
      return `${table.id} has no key by which the row could be read again; resync the table`;
    const route = table.routeOf(shape, letter.target);
    if (route === null)
      return `${table.id} does not go to ${letter.target} any more; discard the letter`;
    const known = letterSourceKey(letter, route.hidesKey);
    if (known === null)
      return `the key of ${table.id} is hashed on the way, and only its hash was kept; resync the table`;
    const row = keyRowOf(shape, known.keyColumns);
    if (row === null || this.#parts.source.keyText(shape, row) !== known.key)
      return `the letter does not hold the key of ${table.id} as it is now; resync the table`;
    const change = new Change("r", shape, null, row, null, null, null, 0);
    return { table, change, route, letter, key: known.key };
  }

  #outcomeOf(
    table: TableRuntime | undefined,
    letter: DeadLetter,
    entered: "row" | "absence" | undefined,
  ): ReplayOutcome {
    const { id } = letter;
    const now = this.#standing(letter);
    const of = { id, table: letter.table, why: null, letter: now };
    if (now === null) {
      if (entered === undefined) return { ...of, outcome: "superseded" };
      return { ...of, outcome: entered === "row" ? "replayed" : "deleted" };
    }
    if (now.attempts !== letter.attempts) return { ...of, outcome: "refused", why: now.reason };
    const wanted = table === undefined ? null : this.#wanted(table, letter);
    const why = wanted ?? `${letter.table} is not captured any more; discard the letter`;
    return { ...of, outcome: "impossible", why: typeof why === "string" ? why : null };
  }
}

function weightOf(read: readonly ReadLetter[]): number {
  return read.reduce((sum, { item }) => sum + item.weight, 0);
}

/** A row of the shape with the key that a letter has, and nothing else; null where it has not all of it. */
export function keyRowOf(shape: TableShape, keyColumns: DeadLetter["keyColumns"]): Row | null {
  const columns = shape.key.map((index) => shape.columns[index]).filter((c) => c !== undefined);
  // Columns that were renamed since are found by their place: another key would have made the table anew.
  const names = columns.every(({ name }) => Object.hasOwn(keyColumns, name))
    ? columns.map(({ name }) => name)
    : Object.keys(keyColumns);
  if (names.length !== columns.length || names.length === 0) return null;
  const row: Value[] = shape.columns.map(() => UNCHANGED);
  for (const [i, index] of shape.key.entries()) {
    const text = keyColumns[names[i] ?? ""] ?? null;
    const column = columns[i];
    if (text === null || column === undefined) return null;
    row[index] = valueOf(column, text);
  }
  return row;
}

/** The canonical form of a key's text. */
function valueOf({ type }: Column, text: string): Value {
  if (type.kind === "boolean") return text === "true";
  if (type.kind === "bytes") return Uint8Array.from(Buffer.from(text.slice(2), "hex"));
  return text;
}
