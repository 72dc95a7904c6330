/** Types of binlog events. From 160 on they are MariaDB's. */
export const EventType = {
  QUERY: 2,
  STOP: 3,
  ROTATE: 4,
  INTVAR: 5,
  APPEND_BLOCK: 9,
  DELETE_FILE: 11,
  RAND: 13,
  USER_VAR: 14,
  FORMAT_DESCRIPTION: 15,
  XID: 16,
  BEGIN_LOAD_QUERY: 17,
  EXECUTE_LOAD_QUERY: 18,
  TABLE_MAP: 19,
  WRITE_ROWS_V1: 23,
  UPDATE_ROWS_V1: 24,
  DELETE_ROWS_V1: 25,
  INCIDENT: 26,
  HEARTBEAT: 27,
  IGNORABLE: 28,
  ROWS_QUERY: 29,
  WRITE_ROWS: 30,
  UPDATE_ROWS: 31,
  DELETE_ROWS: 32,
  GTID: 33,
  ANONYMOUS_GTID: 34,
  PREVIOUS_GTIDS: 35,
  TRANSACTION_CONTEXT: 36,
  VIEW_CHANGE: 37,
  XA_PREPARE: 38,
  PARTIAL_UPDATE_ROWS: 39,
  TRANSACTION_PAYLOAD: 40,
  HEARTBEAT_V2: 41,
  GTID_TAGGED: 42,
  ANNOTATE_ROWS: 160,
  BINLOG_CHECKPOINT: 161,
  MARIADB_GTID: 162,
  MARIADB_GTID_LIST: 163,
  START_ENCRYPTION: 164,
  QUERY_COMPRESSED: 165,
  WRITE_ROWS_COMPRESSED_V1: 166,
  UPDATE_ROWS_COMPRESSED_V1: 167,
  DELETE_ROWS_COMPRESSED_V1: 168,
  WRITE_ROWS_COMPRESSED: 169,
  UPDATE_ROWS_COMPRESSED: 170,
  DELETE_ROWS_COMPRESSED: 171,
} as const;

/** Types of events that stand beside what they tell of: its text, its variables, the pieces of its file. */
const SAYING_NOTHING: ReadonlySet<number> = new Set([
  EventType.STOP,
  EventType.INTVAR,
  EventType.APPEND_BLOCK,
  EventType.DELETE_FILE,
  EventType.RAND,
  EventType.USER_VAR,
  EventType.BEGIN_LOAD_QUERY,
  EventType.IGNORABLE,
  EventType.ROWS_QUERY,
  EventType.PREVIOUS_GTIDS,
  EventType.TRANSACTION_CONTEXT,
  EventType.VIEW_CHANGE,
  // What is in it comes behind it.
  EventType.TRANSACTION_PAYLOAD,
  EventType.ANNOTATE_ROWS,
  EventType.BINLOG_CHECKPOINT,
  EventType.MARIADB_GTID_LIST,
  EventType.START_ENCRYPTION,
]);
/** The server's own mark (`LOG_EVENT_IGNORABLE_F`) of what a reader may pass by that does not know it. */
const IGNORABLE_FLAG = 0x80;

/** Whether an event of this type, with these flags in its header, may be passed by. */
export function saysNothing(type: number, flags: number): boolean {
  return SAYING_NOTHING.has(type) || (flags & IGNORABLE_FLAG) !== 0;
}

/** What a row event does. */
export type RowOp = "c" | "u" | "d";

/** A kind of row event, and how it is written. */
export interface RowEventKind {
  readonly op: RowOp;
  /** Has the extra data of version 2. */
  readonly isVersion2: boolean;
  /** MariaDB's zlib around the rows. */
  readonly isCompressed: boolean;
  /** Updates of JSON as differences. */
  readonly isPartial: boolean;
}

const kinds = new Map<number, RowEventKind>();
const ops: readonly RowOp[] = ["c", "u", "d"];
for (const [index, op] of ops.entries()) {
  const row = (first: number, isVersion2: boolean, isCompressed: boolean): void => {
    kinds.set(first + index, { op, isVersion2, isCompressed, isPartial: false });
  };
  row(EventType.WRITE_ROWS_V1, false, false);
  row(EventType.WRITE_ROWS, true, false);
  row(EventType.WRITE_ROWS_COMPRESSED_V1, false, true);
  row(EventType.WRITE_ROWS_COMPRESSED, true, true);
}
kinds.set(EventType.PARTIAL_UPDATE_ROWS, {
  op: "u",
  isVersion2: true,
  isCompressed: false,
  isPartial: true,
});

/** What kind of row event a type is; null where it is none. Hot. */
export function rowEventKind(type: number): RowEventKind | null {
  return kinds.get(type) ?? null;
}
