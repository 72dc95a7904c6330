import { MillraceError } from "../../errors/millrace-error.ts";
import type { TransactionId } from "../../model/position.ts";
import type { Queryable } from "./catalogue.ts";
import { connectionError, sqlStateOf } from "./connection-error.ts";
import { type Matter, refusalFor } from "./managed.ts";
import { readSeal } from "./seal.ts";
import { loggedTransaction } from "./transaction-id.ts";
import {
  DDL_EVENTS,
  DDL_FUNCTION,
  DDL_FUNCTION_SETTINGS,
  DDL_SCHEMA,
  ddlFunctionBody,
  installDdlTriggerSql,
} from "./ddl-trigger-sql.ts";

/** The event trigger that tells of schema changes, as the server has it. */
export interface DdlTrigger {
  readonly version: number;
  /** Who asked. */
  readonly role: string;
  /** There is something of that name. */
  readonly isThere: boolean;
  /** It is what this version of Millrace makes for this version of the server, it is on, and its key may be read. */
  readonly isCurrent: boolean;
  /** It has been what it is since before what was asked for: every change from there on is told of. */
  readonly isSettled: boolean;
  /** This role may make event triggers. */
  readonly mayInstall: boolean;
}

/** pgoutput hands on messages since then. */
export const OLDEST_WITH_MESSAGES = 14;
const INSUFFICIENT_PRIVILEGE = "42501";

const TRIGGER_SQL = `
SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS version, me.rolname AS role, f.source,
  coalesce(f.config, '{}') AS config, coalesce(f.definer, false) AS definer, f.events, f.age,
  CASE WHEN $4::text IS NULL THEN pg_catalog.age(s.catalog_xmin) ELSE pg_catalog.age($4::text::xid) END AS since,
  (me.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_roles r
    WHERE r.rolname = 'rds_superuser' AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))) AS "mayInstall"
FROM pg_catalog.pg_roles me
  LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $3
  LEFT JOIN LATERAL (
    SELECT p.prosrc AS source, p.proconfig AS config, p.prosecdef AND p.proowner = n.nspowner AS definer, e.events, least(pg_catalog.age(p.xmin), e.age) AS age
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace CROSS JOIN LATERAL (
      SELECT pg_catalog.array_agg(e.evtevent::text ORDER BY e.evtevent::text)
          FILTER (WHERE e.evtenabled = 'A' AND e.evttags IS NULL) AS events,
        pg_catalog.min(pg_catalog.age(e.xmin)) AS age
      FROM pg_catalog.pg_event_trigger e WHERE e.evtfoid = p.oid
    ) e
    WHERE n.nspname = $1 AND p.proname = $2 AND p.pronargs = 0
  ) f ON true
WHERE me.rolname = current_user`;

interface TriggerRow {
  readonly version: number;
  readonly role: string;
  readonly source: string | null;
  readonly config: readonly string[];
  /** It runs with the rights of who owns the schema. */
  readonly definer: boolean;
  readonly events: readonly string[] | null;
  /** How many transactions ago it became what it is, and ago is what was asked for. */
  readonly age: number | null;
  readonly since: number | null;
  readonly mayInstall: boolean;
}

/** Looks at the event trigger; whether it is settled is asked since a transaction, or what the slot still has to decode. */
export async function readDdlTrigger(
  client: Queryable,
  slotName: string,
  since: TransactionId | null = null,
): Promise<DdlTrigger> {
  const { rows } = await client.query<TriggerRow>(TRIGGER_SQL, [
    DDL_SCHEMA,
    DDL_FUNCTION,
    slotName,
    since === null ? null : String(BigInt.asUintN(32, loggedTransaction(since).xid)),
  ]);
  const [row] = rows;
  if (row === undefined) throw new MillraceError("MR_BUG", "the server does not know this role");
  const { version, role, source, events, mayInstall } = row;
  const seal = source === null ? null : await readSeal(client);
  const isCurrent =
    source === ddlFunctionBody(version) &&
    events?.join() === DDL_EVENTS.join() &&
    row.definer &&
    Object.entries(DDL_FUNCTION_SETTINGS).every(([setting, value]) =>
      row.config.includes(`${setting}=${value}`),
    ) &&
    seal !== null &&
    seal.key !== null;
  const age = Math.min(row.age ?? 0, seal?.age ?? 0);
  const isSettled = row.since !== null && age > row.since;
  return { version, role, isThere: source !== null, isCurrent, isSettled, mayInstall };
}

/**
 * Refuses what {@link prepareDdlTrigger} would refuse; writes nothing.
 * @throws MillraceError MR_SOURCE_REFUSED
 */
export async function refuseDdlTrigger(client: Queryable, slotName: string): Promise<DdlTrigger> {
  const trigger = await readDdlTrigger(client, slotName);
  const problem = ddlTriggerProblem(trigger);
  if (problem !== null) throw refusalFor(problem);
  return trigger;
}

/** Makes the trigger, or puts it right, where the role may. @throws MillraceError MR_SOURCE_REFUSED */
export async function prepareDdlTrigger(client: Queryable, slotName: string): Promise<void> {
  const trigger = await refuseDdlTrigger(client, slotName);
  if (trigger.isCurrent) return;
  try {
    await client.query(installDdlTriggerSql(trigger.version, trigger.role));
  } catch (error) {
    await client.query("ROLLBACK");
    if (sqlStateOf(error) !== INSUFFICIENT_PRIVILEGE)
      throw connectionError(error, "making the event trigger");
    throw refusalFor(missing(trigger), error);
  }
}

/** What stands in the way of messages about schema changes, in the words of a finding; null where nothing does. */
export function ddlTriggerProblem(trigger: DdlTrigger): Matter | null {
  const { version, isCurrent, mayInstall } = trigger;
  if (version < OLDEST_WITH_MESSAGES)
    return {
      what: `The server is PostgreSQL ${version}, whose pgoutput does not hand on messages.`,
      follows: "schema-change.messages: event-trigger is not possible.",
      remedy: "Write schema-change.messages: off, or upgrade the server to 14 or later.",
    };
  return isCurrent || mayInstall ? null : missing(trigger);
}

function missing({ version, role, isThere }: DdlTrigger): Matter {
  return {
    what: isThere
      ? "The event trigger that tells of schema changes is off or of another version, or this role may not read its key."
      : "There is no event trigger that tells of schema changes.",
    follows: "This role may not make one, and schema-change.messages asks for it.",
    remedy: `Let a superuser (managed services: their administrator) run, in this database:\n${installDdlTriggerSql(version, role)}\n`,
  };
}
