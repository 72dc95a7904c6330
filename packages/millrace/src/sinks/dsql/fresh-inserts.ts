import type { MillraceError } from "../../errors/millrace-error.ts";
import type { Commit, Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import { Rests } from "./rests.ts";

const NONE: ReadonlySet<TargetTable> = new Set();

/**
 * Which tables take their fresh rows as plain INSERTs: a fifth cheaper for the server than upserts, which look for the
 * row first. Where a row is there after all (a chunk that is read again, a resync, a key that was deleted and came back)
 * the server refuses the whole transaction with 23505, the same batch goes as an upsert, and the table rests from
 * INSERTs for a while. A guess that costs time when it is wrong, and nothing else: both say the same of rows that are
 * not there, and lane rows are written before either (I5, I6).
 */
export class FreshInserts {
  readonly #rests = new Rests();

  /** Tables of this commit whose fresh rows are worth a plain INSERT. */
  choose({ writes }: Commit): ReadonlySet<TargetTable> {
    if (!writes.some(isFresh)) return NONE;
    return new Set(
      writes.filter(isFresh).flatMap(({ table }) => (this.#rests.passes(table) ? [] : [table])),
    );
  }

  /** True where the commit failed for a row that is there; then it is sent again without INSERTs. */
  refused(error: MillraceError, { writes }: Commit, chosen: ReadonlySet<TargetTable>): boolean {
    const { sqlState, write: index } = error.facts;
    const write = typeof index === "number" ? writes[index] : undefined;
    if (sqlState !== "23505" || write === undefined || !isFresh(write)) return false;
    if (!chosen.has(write.table)) return false;
    this.#rests.begin(write.table);
    return true;
  }
}

function isFresh(write: Write): write is Extract<Write, { kind: "upsert" }> {
  return write.kind === "upsert" && write.fresh === true;
}
