import type { Finding } from "../../model/finding.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import { NEWCOMER_WAITS } from "../../model/uncaptured.ts";
import { captureFindings, unlessNew } from "../../tables/capture-findings.ts";
import type { Relation } from "./catalogue.ts";
import type { FindingRule, Observed } from "./finding-rule.ts";
import { isCovered, publicationSteps } from "./publication.ts";
import { quote } from "./table-plan.ts";

/** Whether the publication is, or can be made, what it must be. */
export const PUBLICATION_RULES: readonly FindingRule[] = [
  {
    severity: "error",
    when: ({ publication, options }) => publication === null && !options.createPublication,
    what: ({ options }) => `There is no publication ${options.publicationName}.`,
    follows: () => "There is nothing to read.",
    remedy: (observed) => `${createPublicationSql(observed)}${leftOutNote(observed)}`,
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
    when: (observed) =>
      isOurs(observed) && !mayChangePublication(observed) && isToChange(observed, "in the way"),
    what: lacksPublication,
    follows: ({ options }) =>
      `It cannot keep publication ${options.publicationName} in step with the tables.`,
    remedy: askAdministrator,
  },
  {
    severity: "warning",
    when: (observed) =>
      isOurs(observed) &&
      !mayChangePublication(observed) &&
      !isToChange(observed, "in the way") &&
      isToChange(observed, "waiting"),
    what: lacksPublication,
    follows: () => NEWCOMER_WAITS,
    remedy: askAdministrator,
  },
  {
    severity: "error",
    when: (observed) => isOurs(observed) && notOwned(observed, "in the way").length > 0,
    what: (observed) => lacksTables(observed, "in the way"),
    follows: ({ options }) => `It cannot add them to publication ${options.publicationName}.`,
    remedy: (observed) => grantOwners(observed, "in the way"),
  },
  {
    severity: "warning",
    when: (observed) => isOurs(observed) && notOwned(observed, "waiting").length > 0,
    what: (observed) => lacksTables(observed, "waiting"),
    follows: () => NEWCOMER_WAITS,
    remedy: (observed) => grantOwners(observed, "waiting"),
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

function lacksPublication({ server, publication }: Observed): string {
  return `Role ${server.role} ${publication === null ? "may not create objects in this database" : "does not own the publication"}.`;
}

type Which = "in the way" | "waiting";

/** A table that is not captured yet waits where the pipeline has begun; any other is in its way. */
function isAmong(which: Which, id: TableId, known: Observed["known"]): boolean {
  return (known !== null && !known.has(id)) === (which === "waiting");
}

/** Whether these tables take a change of the publication; one that is right is taken as it is, whoever made it. */
function isToChange(observed: Observed, which: Which): boolean {
  const { publication, discovery, known } = observed;
  const shapes = discovery.tables.map(({ shape }) => shape);
  const counted = shapes.filter(
    (shape) => isAmong(which, shape.id, known) || isCovered(publication, shape),
  );
  return steps(observed, counted).length > 0;
}

function steps(
  { publication, options, server }: Observed,
  tables: readonly TableShape[],
): readonly string[] {
  const { publicationName, partitions, createPublication: manage } = options;
  const request = { publicationName, viaRoot: partitions === "root", tables, manage };
  return publicationSteps(publication, request, server.version);
}

/** Tables that are still to be added, which takes owning them. */
function notOwned({ discovery, publication, known }: Observed, which: Which): readonly Relation[] {
  return discovery.relations
    .filter(({ oid, schema, isOwner }) => {
      return !isOwner && !isCovered(publication, { schema, identity: oid });
    })
    .filter(({ schema, name }) => isAmong(which, tableId(schema, name), known));
}

function lacksTables(observed: Observed, which: Which): string {
  const names = notOwned(observed, which).map(
    ({ schema, name }) => `${quote(schema)}.${quote(name)}`,
  );
  return `Role ${observed.server.role} does not own ${names.join(", ")}.`;
}

/** What makes it an owner too; else somebody else has the publication, which is told once where its rights lack too. */
function grantOwners(observed: Observed, which: Which): string {
  const owners = new Set(notOwned(observed, which).map(({ owner }) => quote(owner)));
  const grants = [...owners].map((owner) => `GRANT ${owner} TO ${quote(observed.server.role)};`);
  const other = mayChangePublication(observed) ? ` Or: ${askAdministrator(observed)}` : "";
  return `${grants.join(" ")}${other}`;
}

/** One that is there is changed, not made; once it is right, nobody's rights to it matter. */
function askAdministrator(observed: Observed): string {
  const { publication, discovery, server } = observed;
  const note = leftOutNote(observed);
  if (publication === null) {
    if (discovery.tables.length === 0) return createPublicationSql(observed);
    const grant = server.mayCreate
      ? ""
      : `GRANT CREATE ON DATABASE ${quote(server.database)} TO ${quote(server.role)}; Or: `;
    return `${grant}Let an administrator run: ${createPublicationSql(observed)} and leave the publication to them (publication.create: never).${note}`;
  }
  const statements = steps(
    observed,
    discovery.tables.map(({ shape }) => shape),
  );
  return `Let its owner run: ${statements.join("; ")}; a publication that holds exactly the captured tables is taken as it is. Where it is theirs to keep, set publication.create: never.${note}`;
}

/** What the statement does not name yet: run as it is, it would be wrong once that is mended. */
function leftOutNote({ discovery }: Observed): string {
  if (discovery.tables.length === 0) return "";
  const refused = discovery.refused.map(({ id }) => id);
  const unmatched = discovery.unmatched().map(({ text }) => text);
  const leftOut = [...refused, ...unmatched];
  if (leftOut.length === 0) return "";
  return ` It leaves out ${leftOut.join(", ")}: mend ${leftOut.length === 1 ? "that" : "those"} first, and look again for the whole statement.`;
}

/** An empty publication would help nobody. */
function createPublicationSql({ options, discovery, server }: Observed): string {
  if (discovery.tables.length === 0) {
    return "Mend the tables first: the statement that makes the publication is told once there are some that can be captured.";
  }
  const tables = discovery.tables.map(({ shape }) => `${quote(shape.schema)}.${quote(shape.name)}`);
  const generated = server.version >= 18 ? ", publish_generated_columns = stored" : "";
  const viaRoot = options.partitions === "root";
  return `CREATE PUBLICATION ${quote(options.publicationName)} FOR TABLE ${tables.join(", ")} WITH (publish_via_partition_root = ${viaRoot}${generated});`;
}
