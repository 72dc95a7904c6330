import { unreachable } from "../../errors/unreachable.ts";
import type { Finding } from "../../model/finding.ts";
import { applyRules, worstFirst } from "../../model/finding-rule.ts";
import type { ConnectorContext } from "../../model/source.ts";
import type { TableId } from "../../model/table.ts";
import type { Queryable } from "./catalogue.ts";
import { ControlPool } from "./control-pool.ts";
import { readDdlTrigger } from "./ddl-trigger.ts";
import { DDL_RULES } from "./ddl-rules.ts";
import { discoverTables } from "./discover.ts";
import type { Observed } from "./finding-rule.ts";
import { chooseConnection, type PostgresSourceOptions } from "./options.ts";
import { readPublication } from "./publication.ts";
import { readPublished } from "./published.ts";
import { readServerFacts } from "./server-facts.ts";
import { SERVER_RULES, SLOT_RULES } from "./server-rules.ts";
import { readSlot } from "./slot.ts";
import { standbyFindings } from "./standby-findings.ts";
import { PUBLICATION_RULES, tableFindings } from "./table-rules.ts";

/**
 * What the server says about a pipeline before it is started, worst first. Writes nothing. A server that cannot be
 * asked is a finding too. `known` are tables that the pipeline captures already, if it has begun: others that it may not
 * capture do not stop it.
 */
export async function validatePostgres(
  options: PostgresSourceOptions,
  context: ConnectorContext,
  known: ReadonlySet<TableId> | null = null,
): Promise<Finding[]> {
  const pool = new ControlPool(() => chooseConnection(options, context.pipeline));
  try {
    const found = findings({ ...(await observe(pool, options)), known });
    return worstFirst([...found, ...(await standbyFindings(pool, options, context))]);
  } catch (error) {
    return [unreachable(error)];
  } finally {
    await pool.close();
  }
}

/** Pure: what follows from what was observed. */
export function findings(observed: Observed): Finding[] {
  const rules = [...SERVER_RULES, ...SLOT_RULES, ...PUBLICATION_RULES, ...DDL_RULES];
  const all = [...applyRules(rules, observed), ...tableFindings(observed)];
  return worstFirst(all);
}

async function observe(
  client: Queryable,
  options: PostgresSourceOptions,
): Promise<Omit<Observed, "known">> {
  const { createPublication, publicationName, slotName } = options;
  const server = await readServerFacts(client, publicationName);
  const slot = await readSlot(client, slotName);
  const publication = await readPublication(client, publicationName);
  const published = await readPublished(client, publicationName);
  // Where there is none at all, that is told once, with the SQL for all tables, and not of each.
  const isCreated = createPublication || publication === null;
  const going = { ...options, createPublication: isCreated, published };
  const ddl = options.ddlMessages ? await readDdlTrigger(client, slotName) : null;
  const discovery = await discoverTables(client, going);
  return { options, server, slot, publication, discovery, ddl };
}
