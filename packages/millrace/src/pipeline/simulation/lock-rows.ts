import { MillraceError } from "../../errors/millrace-error.ts";
import type { LockingDatabase } from "./locking-database.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { Statement } from "./sink-session.ts";
import type { Process } from "./world.ts";

const STRANGER: Process = { name: "stranger", dead: false, frozen: false };

/** An application at the sink locks some rows of the targets, one after another, and changes none. */
export function lockRows(db: LockingDatabase, random: SeededRandom): void {
  const rows = db.durableKeys("row/");
  if (rows.length === 0) return;
  const locks = Array.from({ length: random.between(1, 3) }, (): Statement => {
    const row = random.pick(rows);
    return (tx) => db.lock(tx, row);
  });
  const rests = Array.from({ length: random.between(0, 10) }, (): Statement => () => undefined);
  db.open(STRANGER)
    .send("a stranger", [...locks, ...rests], "commit")
    .catch((thrown: unknown) => {
      if (!(thrown instanceof MillraceError)) throw thrown;
    });
}
