import type { DeadLetter } from "../../model/dead-letter.ts";
import { isPutOff } from "../put-off.ts";
import type { LoadedState } from "../state-documents.ts";
import { letterKey } from "./sink-state.ts";
import type { SinkDatabase } from "./sink-database.ts";
import type { StoredTable } from "./source-tables.ts";
import { isBad, type Target } from "./target-rows.ts";
import { Violation } from "./violation.ts";

/**
 * Rows that were put off are not, when their tables are SYNC; and constraints refuse nothing that the source has. Letters of
 * a table that is captured no more wait for it to come back.
 */
export function checkLetters(
  db: SinkDatabase,
  hasConstraints: boolean,
  { tables }: Pick<LoadedState, "tables">,
): void {
  for (const name of db.durableKeys("letter/")) {
    const letter = db.durable(name) as DeadLetter;
    if (tables.get(letter.table)?.removed === true) continue;
    if (isPutOff(letter)) throw new Violation(`${letter.target} ${letter.key} is still put off`);
    if (hasConstraints)
      throw new Violation(`${letter.target} ${letter.key} was refused: ${letter.reason}`);
  }
}

/** All letters were replayed: those that stand are of rows that the source has and no sink would take. */
export function checkReplayed(db: SinkDatabase, target: Target, { rows }: StoredTable): void {
  const prefix = letterKey(target.id, "");
  for (const name of db.durableKeys(prefix)) {
    const key = name.slice(prefix.length);
    if (!isBad(target, rows.get(key)))
      throw new Violation(`${target.id} ${key} has a letter that a replay should have settled`);
  }
}
