import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Clock } from "../model/ports.ts";
import type { Sink, StateEntry, Write } from "../model/sink.ts";
import type { Source } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import type { Superseded } from "./batch-content.ts";
import type { Committer } from "./committer.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import { marksOf } from "./marks.ts";
import { entry } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";

/**
 * What becomes of rows at the sink that the source has no more, and of which no change tells: `swept`, they are looked for by their
 * keys once the table is loaded; `told`, nobody can ask a topic for its keys, so that readers are told that the table is empty before
 * its rows come again (docs/design/007); `stay`, others write there too, or nobody knows the rows.
 */
export type GoneRows = "swept" | "told" | "stay";

/** What generations are begun with. */
export interface GenerationParts {
  readonly sink: Pick<Sink, "capabilities">;
  readonly committer: Committer;
  readonly book: DeadLetterBook;
  readonly clock: Pick<Clock, "now">;
  readonly source: Pick<Source, "sharesTables" | "besides">;
  /** How many source tables are routed to a target; with `apart` those of the source that share a table are not counted. */
  readonly sourcesOf: (target: TableId, apart?: boolean) => number;
  /** See {@link targetsElsewhere}. */
  readonly elsewhere: () => Promise<ReadonlySet<TableId>>;
}

/** Rows of one transaction that empties a table, at most; the sink's own limit is lower. */
const MAX_ROWS_DELETED = 10_000;
/** What the lane's own rows take of a transaction. */
const OWN_ROWS = 10;

const SHARED_REMEDY =
  "Route the table to a target of its own that no other pipeline writes, then start again.";
const TRUNCATE_REMEDY =
  "Let the table come by one topic of one partition (a pipeline of another name reads it anew), or say `on-truncate: ignore` at the source: the rows stay then.";
const BEGUN_REMEDY =
  "Give this pipeline up (`millrace cleanup --state`) and let one of another name read the topic anew, where the table comes by one partition or with `on-truncate: ignore` at the source.";

/** Begins generations of tables' INIT_SYNC, empties targets, puts tables aside. Only ever while the lanes are drained. */
export class Generations {
  readonly #parts: GenerationParts;

  constructor(parts: GenerationParts) {
    this.#parts = parts;
  }

  /** A new generation of INIT_SYNC; somebody else makes it durable. */
  restart(table: TableRuntime, sweep: "none" | "due"): void {
    table.update({
      state: "INIT_SYNC",
      generation: newGeneration(this.#parts.clock, table),
      planned: null,
      allPlanned: false,
      rowsLoaded: 0,
      loadedAtMs: null,
      repeated: true,
      end: null,
      snapshot: null,
      sweep,
    });
  }

  /**
   * The table's INIT_SYNC begins anew with its rows left in place; ghosts are looked for afterwards. It brings back what
   * was stopped or paused: what the log told meanwhile is gone, and all of it is seen again (I1).
   */
  async resync(table: TableRuntime, sweep: "none" | "due"): Promise<void> {
    const chunks = [...table.chunks.keys()];
    table.chunks.clear();
    this.restart(table, sweep);
    table.update({ stopped: null, paused: null });
    const { key, read } = table.storedParts;
    // Every row is seen again, and rows that are gone are looked for: what cannot be applied is parked anew.
    const superseded = sweep === "due" || table.keyless ? this.#lettersOf(table) : [];
    const state = () => [...tableEntries(table, chunks), entry(key, read())];
    await this.#forget(superseded, state);
  }

  /**
   * Nothing of the table is applied from here on; what its load had planned is forgotten. Durable before the first of
   * its changes is left out: nothing else would tell that they are missing (I1).
   */
  async pause(table: TableRuntime): Promise<void> {
    const chunks = [...table.chunks.keys()];
    table.chunks.clear();
    this.restart(table, "none");
    table.update({ paused: { atMs: this.#parts.clock.now() } });
    await this.#forget([], () => tableEntries(table, chunks));
  }

  /** Empties a table without a log position: a load that cannot be resumed begins again. */
  async emptyForLoad(table: TableRuntime): Promise<void> {
    this.refuseShared(table, "loading a table without key");
    await this.empty(table);
    // Letters of a load that was broken off would stand beside those of the next one.
    const marks = marksOf(this.#parts.sink.capabilities, table, {
      kind: "truncate",
      position: null,
    });
    await this.#forget(this.#lettersOf(table), () => [], marks);
  }

  /** Deletes all rows, in as many fenced transactions as the sink's limits ask for; of targets that are `gone` none. */
  async empty(table: TableRuntime, gone: ReadonlySet<TableId> = new Set()): Promise<void> {
    const { committer, sink } = this.#parts;
    // Nothing can be taken out of a topic: whoever calls this tells its readers ({@link marksOf}).
    if (!sink.capabilities.lastWriteWins) return;
    const maxRows = Math.min(sink.capabilities.maxRowsPerCommit - OWN_ROWS, MAX_ROWS_DELETED);
    for (const { target } of table.targets) {
      if (gone.has(target.id)) continue;
      for (let left = true; left;) {
        const result = await committer.commit([0], {
          writes: [{ kind: "delete-some", table: target, maxRows }],
          state: () => [],
          deadLetters: [],
          superseded: [],
        });
        left = result.outcome !== "done" || result.deletedSome !== 0;
        failpoint("barrier.rows-deleted");
      }
    }
  }

  /** @throws MillraceError MR_SCHEMA_CHANGE_REFUSED where rows of other tables would go too. */
  refuseShared(table: TableRuntime, what: string): void {
    this.#refuseShared(table, what, false);
  }

  /**
   * A TRUNCATE takes all rows of a target, and nothing that is older may come behind it. Of a table with key that others share, rows will
   * come to them while it is emptied. One without key is in one place, unless they have something of it.
   * @param standing `begun`: rows have been deleted, perhaps what others brought meanwhile too.
   * @throws MillraceError MR_SCHEMA_CHANGE_REFUSED where others bring the table too, or bring it still.
   */
  async refuseTruncate(table: TableRuntime, standing: "ahead" | "begun" = "ahead"): Promise<void> {
    const { source } = this.#parts;
    this.#refuseShared(table, "TRUNCATE", true);
    const brought = await this.#broughtElsewhere(table);
    if (brought !== null)
      throw truncateRefused(
        standing,
        `TRUNCATE of ${table.id} would remove rows of ${brought} that another task of this pipeline has brought`,
      );
    if (source.sharesTables !== true) return;
    const besides =
      table.keyless && source.besides !== undefined
        ? await source.besides()
        : "other tasks share the table";
    if (besides !== null)
      throw truncateRefused(
        standing,
        `TRUNCATE of ${table.id} would remove what others have brought since, or leave what they bring still: ${besides}`,
      );
  }

  async #broughtElsewhere({ targets }: TableRuntime): Promise<TableId | null> {
    const others = await this.#parts.elsewhere();
    return targets.find(({ target }) => others.has(target.id))?.target.id ?? null;
  }

  #refuseShared(table: TableRuntime, what: string, apart: boolean): void {
    const { sourcesOf } = this.#parts;
    const shared = table.targets.find(({ target }) => sourcesOf(target.id, apart) > 1);
    if (shared !== undefined)
      throw new MillraceError(
        "MR_SCHEMA_CHANGE_REFUSED",
        `${what} of ${table.id} would remove rows of other tables from ${shared.target.id}`,
        { remedy: SHARED_REMEDY },
      );
  }

  #lettersOf({ id, targets }: TableRuntime): Superseded[] {
    const { book } = this.#parts;
    return targets.flatMap(({ target }) =>
      book
        .keysOf(target.id)
        .filter((key) => book.get(target.id, key)?.table === id)
        .map((key) => ({ target: target.id, key })),
    );
  }

  /** Letters go, and with them what state says. */
  async #forget(
    superseded: readonly Superseded[],
    state: () => readonly StateEntry[],
    writes: readonly Write[] = [],
  ): Promise<void> {
    const { committer, book } = this.#parts;
    await committer.commit([0], { writes, state, deadLetters: [], superseded });
    for (const { target, key } of superseded) book.remove(target, key);
  }
}

function truncateRefused(standing: "ahead" | "begun", detail: string): MillraceError {
  if (standing === "ahead")
    return new MillraceError("MR_SCHEMA_CHANGE_REFUSED", detail, { remedy: TRUNCATE_REMEDY });
  const begun = `${detail}. The table is being emptied already: rows of theirs may have gone with the others`;
  return new MillraceError("MR_SCHEMA_CHANGE_REFUSED", begun, { remedy: BEGUN_REMEDY });
}

/** A table's document as it stands, and those of its chunks; the ones that are no more go. */
export function tableEntries(table: TableRuntime, chunks: readonly number[]): StateEntry[] {
  const documents = [table.stored, ...chunks.map((n) => table.storedChunk(n))];
  return documents.map(({ key, read }) => entry(key, read()));
}

/** When the table's INIT_SYNC begins anew: later than before, whatever our clock says. */
export function newGeneration(clock: Pick<Clock, "now">, { document }: TableRuntime): number {
  return Math.max(clock.now(), document.generation + 1);
}
