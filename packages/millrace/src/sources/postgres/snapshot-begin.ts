import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Queryable } from "./catalogue.ts";
import { parseLsn } from "./position.ts";
import { BEGIN_SQL } from "./snapshot-sql.ts";
import { Visibility } from "./visibility.ts";

/** Where the log ends now, on a primary or on a standby. */
export const LOG_END_SQL = `
SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
  ELSE pg_catalog.pg_current_wal_insert_lsn() END)::text AS lsn`;

/** Where the log ends now. An insert position behind the header of a page that is empty is that page's begin. */
export async function readLogEnd(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ lsn: string }>(LOG_END_SQL);
  const lsn = parseLsn(rows[0]?.lsn ?? "");
  const inPage = lsn % PAGE_BYTES;
  return PAGE_HEADERS_BYTES.includes(inPage) ? lsn - inPage : lsn;
}

const PAGE_BYTES = 8_192;
/** Of a page, and of the first page of a segment. */
const PAGE_HEADERS_BYTES = [24, 40];

const REPLAYED = `(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END)::text AS lsn`;

/**
 * One message, so that nothing of ours comes between the three: where a standby has replayed to (outside of the
 * transaction, whose first statement takes the snapshot), the transaction, what it sees. The COMMIT ends the transaction
 * that several statements of one message are.
 */
const SNAPSHOT_SQL =
  `SELECT ${REPLAYED}; COMMIT; ${BEGIN_SQL}; ` +
  `SELECT pg_catalog.pg_current_snapshot()::text AS snapshot, pg_catalog.pg_is_in_recovery() AS recovery, ${REPLAYED}`;

/** A snapshot on a standby that must be exact is taken again this often; replay rests between two records. */
const EXACT_ATTEMPTS = 1_000;

/** What a transaction that was begun sees, and the log's end as read after that (I7). */
export interface Begun {
  readonly visibility: Visibility;
  readonly end: string;
}

/**
 * Opens the transaction. With `exact`, what it is not known to see it does not see: on a standby that is so where
 * nothing was replayed meanwhile.
 * @throws MillraceError MR_SOURCE_STANDBY where the server was promoted in that moment.
 */
export async function beginSnapshot(client: Queryable, exact: boolean): Promise<Begun> {
  for (let attempt = 0; ; attempt += 1) {
    const { visibility, isExact } = readSnapshot(await client.query(SNAPSHOT_SQL));
    if (exact && !isExact && attempt < EXACT_ATTEMPTS) {
      await client.query("ROLLBACK");
      continue;
    }
    if (exact && !isExact)
      throw standbyError("it replays without a pause, so that no snapshot can be told exactly");
    failpoint("snapshot.taken");
    const { rows } = await client.query<{ lsn: string }>(LOG_END_SQL);
    return { visibility, end: rows[0]?.lsn ?? "" };
  }
}

/** Several statements of one message are answered by a list, which the types of `pg` do not say. */
function readSnapshot(answers: unknown): {
  readonly visibility: Visibility;
  readonly isExact: boolean;
} {
  const list: readonly unknown[] = Array.isArray(answers) ? answers : [];
  const before = firstRow(list[0])["lsn"];
  const { snapshot, recovery, lsn: after } = firstRow(list.at(-1));
  if (typeof snapshot !== "string") throw new MillraceError("MR_BUG", "no snapshot was told");
  if (recovery === false && before === null)
    return { visibility: Visibility.parse(snapshot), isExact: true };
  if (recovery === false) throw standbyError("it was promoted while a snapshot was taken");
  if (typeof before !== "string")
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      "the standby does not tell how far it has replayed, so that nothing can be told about its snapshots",
    );
  return {
    visibility: Visibility.ofStandby(snapshot, parseLsn(before)),
    isExact: before === after,
  };
}

function firstRow(answer: unknown): Readonly<Record<string, unknown>> {
  if (typeof answer !== "object" || answer === null || !("rows" in answer)) return {};
  const first: unknown = Array.isArray(answer.rows) ? answer.rows[0] : null;
  return typeof first === "object" && first !== null ? { ...first } : {};
}

/** The server that chunks are read from cannot give what they need. */
export function standbyError(what: string, cause?: unknown): MillraceError {
  return new MillraceError("MR_SOURCE_STANDBY", what, cause === undefined ? {} : { cause });
}
