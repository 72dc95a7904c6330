import type { Queryable } from "./catalogue.ts";
import type { PostgresConnectionConfig } from "./config.ts";

/**
 * What a session is for, which says how long it may keep the server:
 *
 * - `question`: catalogue and control queries, bounds of chunks.
 * - `rows`: snapshots: chunks, keys that are looked up. A table without key lifts the bound of its own statement.
 * - `beside-log`: questions to the catalogue while the log is read, heartbeats.
 * - `log`: the walsender. Its one command is no statement and lasts for as long as the pipeline does; the server's
 *   `wal_sender_timeout` bounds its silence.
 * - `look`: what another session of ours is doing.
 * - `verify`: compares whole tables, a page at a time.
 */
export type SessionPurpose = "question" | "rows" | "beside-log" | "log" | "look" | "verify";

/** What a session may take of the server, milliseconds; 0 is without bound. */
export interface SessionBounds {
  readonly statementMs: number;
  /** Waiting for a lock; meanwhile others may have to queue behind us. */
  readonly lockMs: number;
  /** Between two statements of a transaction, which keeps its snapshot and its locks. */
  readonly idleInTransactionMs: number;
  /**
   * How long the server tries to send what nobody takes. While it waits for a reader it heeds its other timeouts only
   * when it can write on: this alone frees a snapshot whose reader has frozen, be it by SIGSTOP.
   */
  readonly unreadMs: number;
}

/** No session of ours waits for anything else with a transaction open; this is for a process that stopped in between. */
const IDLE_IN_TRANSACTION_MS = 60_000;
/** The catalogue answers in milliseconds, or something is wrong. */
const BESIDE_LOG_MS = 60_000;
/** So does the view of sessions. */
const LOOK_MS = 10_000;

/** The bounds of a session by what it is for. */
export function boundsOf(
  purpose: SessionPurpose,
  {
    statementTimeoutMs,
    lockTimeoutMs,
    readTimeoutMs,
  }: Pick<PostgresConnectionConfig, "statementTimeoutMs" | "lockTimeoutMs" | "readTimeoutMs">,
): SessionBounds {
  const usual = {
    statementMs: statementTimeoutMs,
    lockMs: lockTimeoutMs,
    idleInTransactionMs: IDLE_IN_TRANSACTION_MS,
    unreadMs: 0,
  };
  switch (purpose) {
    case "question":
    case "verify":
      return usual;
    case "rows":
      return { ...usual, unreadMs: statementTimeoutMs };
    case "beside-log":
      return { ...usual, statementMs: Math.min(BESIDE_LOG_MS, readTimeoutMs) };
    case "look":
      return { ...usual, statementMs: LOOK_MS };
    case "log":
      return { ...usual, statementMs: 0, lockMs: 0 };
  }
}

/** The server's settings that hold these bounds. Nothing ends a session that rests: it is in nobody's way. */
export function settingsOf(bounds: SessionBounds): Readonly<Record<string, string>> {
  return {
    statement_timeout: String(bounds.statementMs),
    lock_timeout: String(bounds.lockMs),
    idle_in_transaction_session_timeout: String(bounds.idleInTransactionMs),
    idle_session_timeout: "0",
    transaction_timeout: "0",
    tcp_user_timeout: String(bounds.unreadMs),
  };
}

/**
 * Does `work`, which waits for others as long as that takes (a slot waits for every transaction that is open when it is
 * made), on a session without bounds; it has its own again afterwards.
 */
export async function unbounded<T>(client: Queryable, work: () => Promise<T>): Promise<T> {
  const { rows } = await client.query<{ statement: string; lock: string }>(
    "SELECT pg_catalog.current_setting('statement_timeout') AS statement, pg_catalog.current_setting('lock_timeout') AS lock",
  );
  const { statement = "0", lock = "0" } = rows[0] ?? {};
  await setBounds(client, "0", "0");
  try {
    return await work();
  } finally {
    await setBounds(client, statement, lock).catch(() => undefined); // the session is gone
  }
}

async function setBounds(client: Queryable, statement: string, lock: string): Promise<void> {
  await client.query(
    "SELECT pg_catalog.set_config('statement_timeout', $1, false), pg_catalog.set_config('lock_timeout', $2, false)",
    [statement, lock],
  );
}
