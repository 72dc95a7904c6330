import type { Finding } from "../../model/finding.ts";
import { tableId, type TableId } from "../../model/table.ts";
import { NEWCOMER_WAITS } from "../../model/uncaptured.ts";
import { captureFindings, unlessNew } from "../../tables/capture-findings.ts";
import type { FindingRule, Observed } from "./finding-rule.ts";
import { quote } from "./table-plan.ts";

/** Whether the publication is, or can be made, what it must be. */
export const PUBLICATION_RULES: readonly FindingRule[] = [
  {
    severity: "error",
    when: ({ publication, options }) => publication === null && !options.createPublication,
    what: ({ options }) => `There is no publication ${options.publicationName}.`,
    follows: () => "There is nothing to read.",
    remedy: (observed) => createPublicationSql(observed),
  },
  {
    severity: "error",
    when: ({ publication, options }) => {
      if (publication === null || options.createPublication) return false;
      const { pubinsert, pubupdate, pubdelete, pubtruncate } = publication;
      return !(pubinsert && pubupdate && pubdelete && pubtruncate);
    },
    what: ({ options }) =>
      `Publication ${options.publicationName} does not publish all of insert, update, delete and truncate.`,
    follows: () => "Changes would be missing at the sink.",
    remedy: ({ options }) =>
      `ALTER PUBLICATION ${quote(options.publicationName)} SET (publish = 'insert, update, delete, truncate');`,
  },
  {
    severity: "error",
    when: (observed) => isOurs(observed) && !mayChangePublication(observed),
    what: ({ server, publication }) =>
      `Role ${server.role} ${publication === null ? "may not create objects in this database" : "does not own the publication"}.`,
    follows: ({ options }) =>
      `It cannot keep publication ${options.publicationName} in step with the tables.`,
    remedy: askAdministrator,
  },
  {
    severity: "error",
    when: (observed) => isOurs(observed) && notOwned(observed, "in the way").length > 0,
    what: (observed) =>
      `Role ${observed.server.role} does not own ${notOwned(observed, "in the way").join(", ")}.`,
    follows: ({ options }) => `It cannot add them to publication ${options.publicationName}.`,
    remedy: askAdministrator,
  },
  {
    severity: "warning",
    when: (observed) => isOurs(observed) && notOwned(observed, "waiting").length > 0,
    what: (observed) =>
      `Role ${observed.server.role} does not own ${notOwned(observed, "waiting").join(", ")}.`,
    follows: () => NEWCOMER_WAITS,
    remedy: askAdministrator,
  },
];

/** What can be captured, and what is special about it. */
export function tableFindings({ discovery, options, server, known }: Observed): Finding[] {
  const unreadable = discovery.relations.flatMap((relation) =>
    readingFindings(relation, server.role).map((finding) =>
      unlessNew(finding, tableId(relation.schema, relation.name), known),
    ),
  );
  return captureFindings(discovery, { ...options, known, unreadable });
}

function readingFindings(
  { schema, name, maySelect, rowSecurity }: Observed["discovery"]["relations"][number],
  role: string,
): Finding[] {
  const table = `${quote(schema)}.${quote(name)}`;
  const found: Finding[] = [];
  if (!maySelect) {
    found.push({
      severity: "error",
      what: `Role ${role} may not read ${table}.`,
      whatFollows: "It cannot be loaded.",
      remedy: `GRANT USAGE ON SCHEMA ${quote(schema)} TO ${quote(role)}; GRANT SELECT ON ${table} TO ${quote(role)};`,
    });
  }
  if (rowSecurity) {
    found.push({
      severity: "error",
      what: `Policies filter what role ${role} reads of ${table}.`,
      whatFollows: "Rows would be missing, so that reading it is refused.",
      remedy: `ALTER ROLE ${quote(role)} BYPASSRLS;`,
    });
  }
  return found;
}

/** The publication is kept in step by us, with tables named one by one. */
function isOurs({ options, server, publication }: Observed): boolean {
  return options.createPublication && !server.isSuperuser && publication?.puballtables !== true;
}

function mayChangePublication({ server, publication }: Observed): boolean {
  return publication === null ? server.mayCreate : server.ownsPublication === true;
}

/** Tables that are still to be added, which takes owning them. */
function notOwned(
  { discovery, publication, known }: Observed,
  which: "in the way" | "waiting",
): string[] {
  const members = new Set(publication?.tables.map((member) => member.oid));
  const waits = (id: TableId) => known !== null && !known.has(id);
  return discovery.relations
    .filter(({ oid, isOwner }) => !isOwner && !members.has(oid))
    .filter(({ schema, name }) => waits(tableId(schema, name)) === (which === "waiting"))
    .map(({ schema, name }) => `${quote(schema)}.${quote(name)}`);
}

function askAdministrator(observed: Observed): string {
  return `Let an administrator run: ${createPublicationSql(observed)} and leave the publication to them (publication.create: never).`;
}

function createPublicationSql({ options, discovery, server }: Observed): string {
  const tables = discovery.tables.map(({ shape }) => `${quote(shape.schema)}.${quote(shape.name)}`);
  const list = tables.length === 0 ? "" : ` FOR TABLE ${tables.join(", ")}`;
  const generated = server.version >= 18 ? ", publish_generated_columns = stored" : "";
  const viaRoot = options.partitions === "root";
  return `CREATE PUBLICATION ${quote(options.publicationName)}${list} WITH (publish_via_partition_root = ${viaRoot}${generated});`;
}
