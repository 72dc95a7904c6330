import { silentLogger, systemClock } from "../../model/ports.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import type { Commit, LaneStamp, StateEntry, Write } from "../../model/sink.ts";
import type { Column, TableShape } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import type { SqlSinkContext } from "./create-sql-sink.ts";
import { createSqlSink } from "./create-sql-sink.ts";
import type { SqlSinkInput } from "./options.ts";
import { POSTGRES } from "./profile.ts";
import type { SqlSink } from "./sql-sink.ts";

/** A source table for tests: names and types, the first `keyWidth` columns its key. */
export function shapeOf(
  name: string,
  columns: Readonly<Record<string, LogicalType>>,
  keyWidth = 1,
  schema = "public",
): TableShape {
  return {
    id: tableId(schema, name),
    schema,
    name,
    identity: name,
    columns: Object.entries(columns).map(([column, type], index): Column => ({
      name: column,
      type,
      sourceType: type.kind,
      nullable: index >= keyWidth,
      ordinal: index + 1,
    })),
    key: Array.from({ length: keyWidth }, (_, index) => index),
  };
}

export const BIGINT: LogicalType = { kind: "int", bits: 64 };
export const TEXT: LogicalType = { kind: "text", maxChars: null };

export const testContext: SqlSinkContext = {
  clock: systemClock,
  random: Math.random,
  log: silentLogger,
};

/** A sink of the `postgres` profile on a test database. */
export function postgresSink(
  server: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  },
  options: Partial<SqlSinkInput> = {},
  context: Partial<SqlSinkContext> = {},
): SqlSink {
  const { host, port, user, password, database } = server;
  const input: SqlSinkInput = { host, port, username: user, password, database, ...options };
  return createSqlSink(POSTGRES, input, { ...testContext, ...context });
}

/** A commit of lane 0 unless said otherwise. */
export function commitOf(
  fence: number,
  lanes: readonly LaneStamp[] | number,
  writes: readonly Write[] = [],
  state: readonly StateEntry[] = [{ key: "frontier", value: 1 }],
): Commit {
  const stamps = typeof lanes === "number" ? [{ lane: 0, expectedSeq: lanes }] : lanes;
  return { fence, lanes: stamps, writes, state, deadLetters: [], superseded: [] };
}
