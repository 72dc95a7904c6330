import { MillraceError } from "../../errors/millrace-error.ts";
import type { CleanedUp } from "../../model/clean-up.ts";
import type { ConnectorContext } from "../../model/source.ts";
import type { Queryable } from "./catalogue.ts";
import { sqlStateOf } from "./connection-error.ts";
import { DDL_FUNCTION, DDL_SCHEMA, REMOVE_DDL_TRIGGER_SQL } from "./ddl-trigger-sql.ts";
import type { PostgresSourceOptions } from "./options.ts";
import { readPublication } from "./publication.ts";
import { readStanding } from "./server-standing.ts";
import { dropSlot, readSlot, refuseForeign } from "./slot.ts";
import { SourceServers } from "./source-servers.ts";
import { quote } from "./table-plan.ts";

/** Not ours; a standby. */
const MAY_NOT: ReadonlySet<string | null> = new Set(["42501", "25006"]);

/**
 * Drops what the server keeps for a pipeline: the slot first, which keeps the log, then the publication. The event trigger
 * is shared by all pipelines of the database, and goes only where that is asked for.
 * @throws MillraceError MR_SOURCE_SLOT_BUSY while the pipeline runs, MR_SOURCE_SLOT_FOREIGN; nothing is dropped then.
 */
export async function cleanUpPostgres(
  options: PostgresSourceOptions,
  context: ConnectorContext,
  { eventTrigger }: { readonly eventTrigger: boolean },
): Promise<CleanedUp[]> {
  const servers = new SourceServers(options, context);
  try {
    await servers.checkPrimary(await readStanding(servers.log));
    const { primary } = servers;
    const slot = await servers.log.use((client) => cleanUpSlot(client, options));
    const publication = await primary.use((client) => cleanUpPublication(client, options));
    const trigger = eventTrigger ? [await primary.use(cleanUpTrigger)] : [];
    return [slot, publication, ...trigger];
  } finally {
    await servers.close();
  }
}

async function cleanUpSlot(
  client: Queryable,
  { slotName: name }: PostgresSourceOptions,
): Promise<CleanedUp> {
  const slot = await readSlot(client, name);
  if (slot === null) return { what: "slot", name, outcome: "absent", why: null };
  await refuseForeign(client, slot);
  try {
    await dropSlot(client, name);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "MR_SOURCE_SLOT_BUSY") throw error;
    const remedy = "Stop the pipeline (`millrace stop`, or end its process), then clean up again.";
    throw new MillraceError(error.code, `${error.detail}: the pipeline runs`, {
      class: "config",
      remedy,
      cause: error,
    });
  }
  return { what: "slot", name, outcome: "dropped", why: null };
}

/** One that is taken as it is when the pipeline starts is left as it is when it ends. */
async function cleanUpPublication(
  client: Queryable,
  { publicationName: name, createPublication }: PostgresSourceOptions,
): Promise<CleanedUp> {
  const found = await readPublication(client, name);
  if (found === null) return { what: "publication", name, outcome: "absent", why: null };
  const sql = `DROP PUBLICATION ${quote(name)}`;
  const isOfOtherKind =
    found.puballtables ||
    found.schemas.length > 0 ||
    found.tables.some(({ restricted }) => restricted);
  const kept = isOfOtherKind
    ? "it is not of the kind that Millrace makes"
    : "the file leaves it to others (publication.create: never)";
  if (isOfOtherKind || !createPublication) {
    const why = `${kept}; where nobody needs it, let its owner run: ${sql};`;
    return { what: "publication", name, outcome: "kept", why };
  }
  return dropped(client, { what: "publication", name, sql });
}

async function cleanUpTrigger(client: Queryable): Promise<CleanedUp> {
  const name = `${DDL_SCHEMA}.${DDL_FUNCTION}`;
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT pg_catalog.to_regnamespace($1) IS NOT NULL AS there",
    [DDL_SCHEMA],
  );
  if (rows[0]?.there !== true) return { what: "event-trigger", name, outcome: "absent", why: null };
  const sql = `BEGIN; ${REMOVE_DDL_TRIGGER_SQL} COMMIT`;
  return dropped(client, { what: "event-trigger", name, sql });
}

async function dropped(
  client: Queryable,
  { what, name, sql }: Pick<CleanedUp, "what" | "name"> & { readonly sql: string },
): Promise<CleanedUp> {
  try {
    await client.query(sql);
    return { what, name, outcome: "dropped", why: null };
  } catch (error) {
    await client.query("ROLLBACK");
    if (!MAY_NOT.has(sqlStateOf(error))) throw error;
    const why = `this role may not drop it here; let its owner run, at the primary: ${sql};`;
    return { what, name, outcome: "refused", why };
  }
}
