import type { ErrorCode } from "../../errors/catalogue.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { Queryable } from "./catalogue.ts";
import { connectionError, sqlStateOf } from "./connection-error.ts";
import { readProvider, refusalFor, replicationMatter, walLevelMatter } from "./managed.ts";
import { boundary, formatLsn, type LogPosition, parseLsn, startLsn } from "./position.ts";
import { unbounded } from "./session-bounds.ts";
import { lossRemedy, slotLoss } from "./slot-loss.ts";
import { literal } from "./table-plan.ts";

const PLUGIN = "pgoutput";
const INSUFFICIENT_PRIVILEGE = "42501";
const DUPLICATE_OBJECT = "42710";
const BUSY_RETRY_MS = 250;

/** A replication slot as the server has it, as far as we look at it; fields that a version lacks are absent. */
export interface SlotState {
  readonly slot_name: string;
  readonly plugin: string | null;
  readonly slot_type: string;
  readonly database: string | null;
  readonly active: boolean;
  readonly active_pid: number | null;
  readonly temporary: boolean;
  readonly restart_lsn: string | null;
  readonly confirmed_flush_lsn: string | null;
  /** 13 and later: `reserved`, `extended`, `unreserved`, `lost`. */
  readonly wal_status?: string | null;
  /** 16 and later. */
  readonly conflicting?: boolean | null;
  /** 17 and later. */
  readonly invalidation_reason?: string | null;
  readonly failover?: boolean;
  /** Kept in step with a primary's slot; stays true when its server is promoted, and means nothing there. */
  readonly synced?: boolean;
  /** The server is a standby. */
  readonly in_recovery?: boolean;
}

/** Reads a slot; null where there is none of this name. */
export async function readSlot(client: Queryable, name: string): Promise<SlotState | null> {
  const { rows } = await client.query<{ slot: SlotState }>(
    "SELECT pg_catalog.to_jsonb(s) || pg_catalog.jsonb_build_object('in_recovery', pg_catalog.pg_is_in_recovery()) AS slot " +
      "FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1",
    [name],
  );
  return rows[0]?.slot ?? null;
}

/** What {@link prepareSlot} is told. */
export interface SlotRequest {
  readonly slotName: string;
  readonly failover: boolean;
  /** Where replay begins; null on the first run. */
  readonly known: Position | null;
  /** Policy `resync`: a slot that lost its log, or is gone, is made anew. */
  readonly recreate: boolean;
}

/**
 * Makes sure that the slot holds the log from `known` on, and says where it begins. The publication must exist
 * before: the log is read with the catalogue as it was when each change was made.
 * @throws MillraceError of class loss where what comes after `known` is gone (I8); MR_SOURCE_SLOT_FOREIGN,
 *   MR_SOURCE_SLOT_BUSY, MR_SOURCE_REFUSED.
 */
export async function prepareSlot(
  client: Queryable,
  request: SlotRequest,
): Promise<{ readonly start: LogPosition; readonly created: boolean }> {
  const { slotName, known, recreate } = request;
  const state = await readSlot(client, slotName);
  if (state !== null && !recreate)
    return { start: await readableFrom(client, state, known), created: false };
  if (state === null && known !== null && !recreate) throw missingSlot(slotName);
  if (state !== null) {
    await refuseForeign(client, state);
    await dropSlot(client, slotName);
  }
  const lsn = await createSlot(client, request);
  if (lsn === null) throw busySlot(await readSlot(client, slotName), slotName);
  failpoint("postgres-slot.after-create");
  return { start: boundary(lsn), created: true };
}

/**
 * Refuses what {@link prepareSlot} would refuse for more than the moment; writes nothing.
 * @throws MillraceError MR_SOURCE_SLOT_FOREIGN, MR_SOURCE_REFUSED
 */
export async function refuseSlot(client: Queryable, slotName: string): Promise<void> {
  const state = await readSlot(client, slotName);
  if (state !== null) return refuseForeign(client, state);
  const { rows } = await client.query<{ level: string }>(
    "SELECT pg_catalog.current_setting('wal_level') AS level",
  );
  const level = rows[0]?.level ?? "";
  if (level !== "logical") throw refusalFor(walLevelMatter(level, await readProvider(client)));
}

/**
 * Checks that the slot is one of ours and still has what comes after `known`; gives the position to read from.
 * @throws MillraceError
 */
export async function readableFrom(
  client: Queryable,
  state: SlotState,
  known: Position | null,
): Promise<LogPosition> {
  if (known !== null && isFollower(state)) throw notPromoted(state);
  await refuseForeign(client, state);
  if (isBeingMade(state)) throw busySlot(state);
  checkAlive(state);
  const confirmed = parseLsn(state.confirmed_flush_lsn ?? "0/0");
  if (known === null) return boundary(confirmed);
  const from = startLsn(known);
  if (confirmed > from) {
    throw slotError(
      "MR_SOURCE_SLOT_LOST",
      state.slot_name,
      `was moved on to ${formatLsn(confirmed)}, and ${formatLsn(from)} comes next`,
    );
  }
  const end = await readLogEnd(client);
  if (from > end && state.in_recovery === true)
    throw new MillraceError(
      "MR_SOURCE_LOST_CONNECTION",
      `the standby has replayed to ${formatLsn(end)} and not to ${formatLsn(from)} yet`,
    );
  if (from > end) {
    throw new MillraceError(
      "MR_SOURCE_LOSS",
      `the server's log ends at ${formatLsn(end)}, before ${formatLsn(from)} which the sink has: ` +
        "a standby without the last commits was promoted, or a backup restored",
    );
  }
  return known as LogPosition;
}

/**
 * Refuses what {@link prepareSlot} would refuse of a slot that is gone or was moved on; writes nothing. Of one that lost its
 * log the rules for slots tell, and one that is being read moves on while it is looked at.
 * @throws MillraceError of class loss
 */
export async function refuseLostSlot(
  client: Queryable,
  slotName: string,
  known: Position,
): Promise<void> {
  const state = await readSlot(client, slotName);
  if (state === null) throw missingSlot(slotName);
  if (state.active || slotLoss(state) !== null) return;
  await readableFrom(client, state, known);
}

/** Where the server's log ends: what was flushed, or replayed on a standby. */
async function readLogEnd(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ lsn: string }>(
    `SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
       ELSE pg_catalog.pg_current_wal_flush_lsn() END::text AS lsn`,
  );
  return parseLsn(rows[0]?.lsn ?? "0/0");
}

/** @throws MillraceError MR_SOURCE_SLOT_FOREIGN where the slot is none that a pipeline of this database could read. */
export async function refuseForeign(client: Queryable, state: SlotState): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT pg_catalog.current_database()::text AS name",
  );
  const reason = foreignReason(state, rows[0]?.name ?? "");
  if (reason !== null) throw slotError("MR_SOURCE_SLOT_FOREIGN", state.slot_name, reason);
}

/** Why a slot is none that this pipeline could read, as what follows its name; null where it is one. */
export function foreignReason(state: SlotState, database: string): string | null {
  const problems = [
    state.slot_type === "logical" ? null : `is ${state.slot_type}`,
    state.slot_type !== "logical" || state.plugin === PLUGIN
      ? null
      : `speaks ${state.plugin}, not ${PLUGIN}`,
    state.slot_type !== "logical" || state.database === database
      ? null
      : `belongs to database ${state.database}`,
    state.temporary ? "is temporary" : null,
    isFollower(state) ? "is kept in step with a primary's, which must be read instead" : null,
  ].filter((problem) => problem !== null);
  return problems.length === 0 ? null : problems.join(" and ");
}

/** The slot of a standby that follows the one of its primary: nobody can read it there. */
export function isFollower({ synced, in_recovery: inRecovery }: SlotState): boolean {
  return synced === true && inRecovery === true;
}

/** A failover may be under way: the name leads to the standby already. */
function notPromoted({ slot_name: name }: SlotState): MillraceError {
  return new MillraceError(
    "MR_SOURCE_LOST_CONNECTION",
    `the server is a standby that keeps replication slot ${name} in step, and was not promoted (yet)`,
    { facts: { slot: name } },
  );
}

/** Somebody's statement that makes it waits for a moment to begin at; until then it looks like one without log. */
export function isBeingMade(state: Pick<SlotState, "active" | "confirmed_flush_lsn">): boolean {
  return state.active && state.confirmed_flush_lsn === null;
}

/** @throws MillraceError MR_SOURCE_SLOT_LOST where the server has given up the slot's log. */
function checkAlive(state: SlotState): void {
  const loss = slotLoss(state);
  if (loss === null) return;
  const { slot_name: slot } = state;
  throw new MillraceError("MR_SOURCE_SLOT_LOST", `replication slot ${slot} ${loss.reason}`, {
    facts: { slot },
    remedy: lossRemedy(loss),
  });
}

/** How {@link waitForSlot} waits. */
export interface SlotWait {
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Server processes of this source's own earlier logs, which are ended where they still hold the slot. */
  readonly earlier: ReadonlySet<number>;
}

/**
 * Waits until nobody else reads the slot: the connection that this process lost may live on at the server for a
 * while. @throws MillraceError MR_SOURCE_SLOT_BUSY after `timeoutMs`, MR_SOURCE_SLOT_MISSING.
 */
export async function waitForSlot(
  client: Queryable,
  name: string,
  { timeoutMs, clock, earlier }: SlotWait,
): Promise<SlotState> {
  const until = clock.monotonic() + timeoutMs;
  for (;;) {
    const state = await readSlot(client, name);
    if (state === null) throw missingSlot(name);
    if (!state.active) return state;
    if (state.active_pid !== null && earlier.has(state.active_pid))
      await endProcess(client, state.active_pid);
    if (clock.monotonic() >= until) throw busySlot(state);
    await clock.sleep(BUSY_RETRY_MS);
  }
}

/** A role may end its own processes; where it may not, the slot is waited for all the same. */
async function endProcess(client: Queryable, pid: number): Promise<void> {
  await client.query("SELECT pg_catalog.pg_terminate_backend($1)", [pid]).catch(() => undefined);
}

/** Drops a slot; one that is not there is fine. @throws MillraceError MR_SOURCE_SLOT_BUSY */
export async function dropSlot(client: Queryable, name: string): Promise<void> {
  const state = await readSlot(client, name);
  if (state === null) return;
  if (state.active) throw busySlot(state);
  try {
    await client.query("SELECT pg_catalog.pg_drop_replication_slot($1)", [name]);
  } catch (error) {
    throw connectionError(error, `dropping replication slot ${name}`);
  }
}

/** Null where somebody else made it at the same moment. */
async function createSlot(
  client: Queryable,
  { slotName, failover }: SlotRequest,
): Promise<number | null> {
  const { rows: versions } = await client.query<{ version: number }>(
    "SELECT pg_catalog.current_setting('server_version_num')::int AS version",
  );
  const sql = createSlotSql(slotName, failover && (versions[0]?.version ?? 0) >= 170_000);
  try {
    const { rows } = await unbounded(client, () =>
      client.query<{ lsn: string }>(`SELECT lsn::text AS lsn FROM ${sql}`),
    );
    return parseLsn(rows[0]?.lsn ?? "");
  } catch (error) {
    const sqlState = sqlStateOf(error);
    if (sqlState === DUPLICATE_OBJECT) return null;
    if (sqlState !== INSUFFICIENT_PRIVILEGE)
      throw connectionError(error, `creating replication slot ${slotName}`);
    const { rows } = await client.query<{ role: string }>("SELECT current_user::text AS role");
    throw refusalFor(replicationMatter(rows[0]?.role ?? "", await readProvider(client)), error);
  }
}

function createSlotSql(name: string, failover: boolean): string {
  const more = failover ? ", failover => true" : "";
  return `pg_catalog.pg_create_logical_replication_slot(${literal(name)}, '${PLUGIN}'${more})`;
}

function missingSlot(name: string): MillraceError {
  return slotError("MR_SOURCE_SLOT_MISSING", name, "does not exist");
}

function busySlot(state: SlotState | null, name = state?.slot_name ?? ""): MillraceError {
  const pid = state?.active_pid ?? null;
  const what = state === null || isBeingMade(state) ? "made" : "read";
  return slotError("MR_SOURCE_SLOT_BUSY", name, `is being ${what} by backend ${pid}`, pid);
}

function slotError(
  code: ErrorCode,
  slot: string,
  what: string,
  pid: number | null = null,
): MillraceError {
  return new MillraceError(code, `replication slot ${slot} ${what}`, { facts: { slot, pid } });
}
