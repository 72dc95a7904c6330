import type { MysqlDatabase } from "../../../../../test/support/mysql.ts";
import { systemClock } from "../../model/ports.ts";
import type { TableShape } from "../../model/table.ts";
import { boundary } from "./position.ts";
import { shapeOf } from "./read-rows.fixture.ts";
import { SeenPlace } from "./seen-place.ts";
import type { SnapshotDependencies } from "./snapshot.ts";
import { SessionStash } from "./snapshot-sessions.ts";
import { configOf } from "./told-events.fixture.ts";

/** The shape of a table as the catalogue has it, its key in the order of the index. */
export async function keyedShape(server: MysqlDatabase, table: string): Promise<TableShape> {
  const shape = await shapeOf(server, table, {
    tinyint1AsBoolean: false,
    timeAsInterval: false,
    geometry: "geojson",
  });
  const rows = await server.query(
    `SELECT COLUMN_NAME AS name FROM information_schema.STATISTICS
     WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX`,
    [server.database, table],
  );
  const names = shape.columns.map(({ name }) => name);
  return { ...shape, key: rows.map(({ name }) => names.indexOf(String(name))) };
}

/** What snapshots of a test need; `sessions` are the test's to close. */
export function snapshotParts(
  server: MysqlDatabase,
): SnapshotDependencies & { readonly sessions: SessionStash } {
  const config = configOf(server);
  return {
    sessions: new SessionStash(() => Promise.resolve(config)),
    seen: new SeenPlace({
      clock: systemClock,
      readXaStretch: () => Promise.reject(new Error("these tests prepare nothing")),
    }),
    clock: systemClock,
    values: { zeroDatesAreNull: false },
    positionOf: (end) => boundary({ ...end, era: 0, n: null, hash: null }),
  };
}
