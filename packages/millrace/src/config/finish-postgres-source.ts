import { isLoopback } from "../model/loopback.ts";
import { createHash } from "node:crypto";
import type { POSTGRES_SOURCE_OPTIONS } from "./options/postgres-source-options.ts";
import type { PostgresSourceConfig } from "./pipeline-config.ts";
import type { Findings, Section } from "./section.ts";
import { checkSourceTables } from "./source-tables.ts";
import { checkProtection } from "./source-protection.ts";
import { finishRdsIam, tlsOfIam } from "./finish-rds-iam.ts";
import { finishTls } from "./finish-tls.ts";
import type { SourceParts } from "./finish-source.ts";
import type { OptionValues } from "./option.ts";

/** Longest name of a slot: PostgreSQL's identifiers less what it keeps for itself. */
const MAX_SLOT_CHARS = 63;

type PostgresSourceValues = OptionValues<typeof POSTGRES_SOURCE_OPTIONS>;

/** Fills in what follows from other options, and checks what only shows between them. */
export function finishPostgresSource(
  section: Section<typeof POSTGRES_SOURCE_OPTIONS>,
  parts: SourceParts,
): PostgresSourceConfig {
  const { values } = section;
  const slotName = values.slotName ?? slotNameOf(parts.name);
  checkServers(section, parts.findings);
  checkProtection(section, parts.findings);
  const region = finishRdsIam(section, parts.findings);
  const { sslMode: _mode, sslCa: _ca, sslCert: _cert, sslKey: _key, ...rest } = values;
  if (values.backfillSkip)
    notice(
      section,
      parts.findings,
      "scan.incremental.snapshot.backfill.skip",
      "is true and changes nothing: changes of the load's time are always applied once, in their place",
    );
  return {
    ...rest,
    kind: "postgres",
    database: checkTables(section, parts.findings),
    slotName,
    publicationName: values.publicationName ?? slotName,
    region,
    tls: finishTls(section, "source", farthestHost(values), tlsOfIam(values), parts),
  };
}

/** One host that is not this machine has TLS for all: the same password goes to each of them. */
function farthestHost({
  hostname,
  primaryHostname,
  snapshotHostname,
}: PostgresSourceValues): string {
  const hosts = [hostname, primaryHostname, snapshotHostname].filter((host) => host !== null);
  return hosts.find((host) => !isLoopback(host)) ?? hostname;
}

/** Other servers are named one by one; a port alone names none. */
function checkServers(section: Section<typeof POSTGRES_SOURCE_OPTIONS>, findings: Findings): void {
  const { values, given } = section;
  for (const [kind, host, other] of [
    ["primary", values.primaryHostname, values.primaryPort],
    ["snapshot", values.snapshotHostname, values.snapshotPort],
  ] as const) {
    const portPlace = given.get(`${kind}.port`);
    if (host === null && portPlace !== undefined)
      findings.problem(
        portPlace,
        `source.${kind}.port`,
        `is given without ${kind}.hostname`,
        `Write ${kind}.hostname, or take the port out`,
      );
    if (host === values.hostname && other === values.port)
      findings.problem(
        given.get(`${kind}.hostname`) ?? section.place,
        `source.${kind}.hostname`,
        "names the same server as hostname",
        "Take it out, or name the other server",
      );
  }
}

function notice(
  section: Section<typeof POSTGRES_SOURCE_OPTIONS>,
  findings: Findings,
  name: string,
  message: string,
): void {
  findings.notice(section.given.get(name) ?? section.place, `source.${name}`, message);
}

/**
 * The name of a slot for a pipeline: lower-case letters, digits and underscores are all that a slot may have. Where
 * that loses something, a digest of the whole name keeps two pipelines apart.
 */
export function slotNameOf(pipeline: string): string {
  const plain = pipeline.toLowerCase().replace(/[^a-z0-9]+/g, "_");
  const slot = `millrace_${plain}`;
  if (pipeline.replaceAll("-", "_") === plain && slot.length <= MAX_SLOT_CHARS) return slot;
  const digest = createHash("sha256").update(pipeline).digest("hex").slice(0, 8);
  return `${slot.slice(0, MAX_SLOT_CHARS - 9)}_${digest}`;
}

/** Checks both lists and takes the database from the first part of `tables`. */
function checkTables(section: Section<typeof POSTGRES_SOURCE_OPTIONS>, findings: Findings): string {
  const { tables } = section.values;
  if (!checkSourceTables(section, 3, findings)) return "";
  const databases = [...new Set(firstParts(tables))];
  const [database = ""] = databases;
  if (databases.length === 1 && /^[\w$-]+$/u.test(database)) return database;
  const wrong =
    databases.length === 1
      ? `begins with "${database}", which is a pattern`
      : `names the databases ${databases.join(" and ")}`;
  findings.problem(
    section.given.get("tables") ?? section.place,
    "source.tables",
    wrong,
    "Write the name of one database as the first part, e.g. tables: shop.public.\\.*; make one pipeline per database",
  );
  return "";
}

/** First parts of a list that was compiled with three parts per item, so that commas in brackets are inside parts. */
function firstParts(tables: string): string[] {
  const items = tables.matchAll(
    /(?:^|,)\s*((?:\\.|[^.,\\])+)\.(?:\\.|\[[^\]]*\]|\{[^}]*\}|\([^)]*\)|[^,\\])*/g,
  );
  return [...items].map((item) => (item[1] ?? "").trim());
}
