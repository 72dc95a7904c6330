import type { SinkDatabase } from "./sink-database.ts";
import { letterKey } from "./sink-state.ts";
import { durableRows } from "./sink-tables.ts";
import type { StoredTable } from "./source-tables.ts";
import { compareBags, compareRow, isBad, type Target } from "./target-rows.ts";
import { Violation } from "./violation.ts";

/** At rest a target is what its table is, but for rows that are parked (I1). */
export function checkWhole(db: SinkDatabase, target: Target, table: StoredTable): void {
  const when = "at the end";
  const actual = durableRows(db, target);
  const all = new Set(target.columns.keys());
  if (target.keyless) {
    if (!hasLetters(db, target)) compareBags(when, target, actual, table.rows, all);
    return;
  }
  for (const key of new Set([...actual.keys(), ...table.rows.keys()])) {
    const expected = table.rows.get(key);
    if (db.durable(letterKey(target.id, key)) !== undefined) continue;
    if (isBad(target, expected))
      throw new Violation(`${when}: ${target.id} ${key} is bad and has no letter`);
    compareRow(when, target, key, { actual: actual.get(key), expected }, all);
  }
}

/** Which rows of a table without key are parked cannot be told by what is left. */
export function hasLetters(db: SinkDatabase, target: Target): boolean {
  return db.durableKeys(letterKey(target.id, "")).length > 0;
}
