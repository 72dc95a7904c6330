import { MillraceError } from "../../errors/millrace-error.ts";
import type { Queryable } from "./catalogue.ts";
import { quote } from "./table-plan.ts";

/** Who runs the server, where that is a service with words of its own. */
export type Provider = "rds" | "cloudsql" | "alloydb" | "azure";

/** By the administrators' roles that the services make, and the settings that only they have. */
export const PROVIDER_SQL = `
CASE
  WHEN pg_catalog.to_regrole('rds_superuser') IS NOT NULL
    OR pg_catalog.current_setting('rds.logical_replication', true) IS NOT NULL THEN 'rds'
  WHEN pg_catalog.to_regrole('alloydbsuperuser') IS NOT NULL THEN 'alloydb'
  WHEN pg_catalog.to_regrole('cloudsqlsuperuser') IS NOT NULL
    OR pg_catalog.current_setting('cloudsql.logical_decoding', true) IS NOT NULL THEN 'cloudsql'
  WHEN pg_catalog.to_regrole('azure_pg_admin') IS NOT NULL
    OR pg_catalog.current_setting('azure.extensions', true) IS NOT NULL THEN 'azure'
END`;

/** Whom to ask. @returns null for a server of one's own, or a service that is not known. */
export async function readProvider(client: Queryable): Promise<Provider | null> {
  const { rows } = await client.query<{ provider: Provider | null }>(
    `SELECT ${PROVIDER_SQL} AS provider`,
  );
  return rows[0]?.provider ?? null;
}

/** What is the matter, in the words of a finding, of a refusal and of the guide. */
export interface Matter {
  readonly what: string;
  readonly follows: string;
  readonly remedy: string;
}

/** A start that is refused says what a look beforehand would have said. */
export function refusalFor({ what, follows, remedy }: Matter, cause?: unknown): MillraceError {
  const because = cause === undefined ? {} : { cause };
  return new MillraceError("MR_SOURCE_REFUSED", `${what} ${follows}`, { remedy, ...because });
}

const LOGICAL = {
  rds:
    "In the parameter group (Aurora: of the cluster) set rds.logical_replication = 1, then reboot the instance " +
    "(Aurora: the writer); the parameter is static.",
  cloudsql: "Set the instance's flag cloudsql.logical_decoding = on; the instance restarts.",
  alloydb: "Set the instance's flag alloydb.logical_decoding = on; the instance restarts.",
  azure: "Set the server parameter wal_level = logical, then restart the server.",
} as const satisfies Record<Provider, string>;

/** The log does not hold rows. */
export function walLevelMatter(walLevel: string, provider: Provider | null): Matter {
  return {
    what: `wal_level is ${walLevel}.`,
    follows: "The log does not hold what is needed to tell rows.",
    remedy:
      provider === null
        ? "ALTER SYSTEM SET wal_level = logical; then restart the server (managed services have a setting of their own)."
        : LOGICAL[provider],
  };
}

/** The role can read no log. */
export function replicationMatter(role: string, provider: Provider | null): Matter {
  return {
    what: `Role ${role} has no REPLICATION.`,
    follows: "It can neither create a slot nor read the log.",
    remedy: `Let ${administrator(provider)} run: ${replicationSql(role, provider)}`,
  };
}

function replicationSql(role: string, provider: Provider | null): string {
  return provider === "rds"
    ? `GRANT rds_replication TO ${quote(role)};`
    : `ALTER ROLE ${quote(role)} WITH REPLICATION;`;
}

const ADMINISTRATORS = {
  rds: "a member of rds_superuser",
  cloudsql: "a member of cloudsqlsuperuser",
  alloydb: "a member of alloydbsuperuser",
  azure: "a member of azure_pg_admin",
} as const satisfies Record<Provider, string>;

/** Who may do what an ordinary role may not. */
export function administrator(provider: Provider | null): string {
  return provider === null ? "a superuser" : ADMINISTRATORS[provider];
}

const SETTINGS = {
  rds: (name) => `In the parameter group (Aurora: of the cluster) set ${name}, then reboot`,
  cloudsql: (name) => `Set the instance's flag ${name}; the instance restarts`,
  alloydb: (name) => `Set the instance's flag ${name}; the instance restarts`,
  azure: (name) => `Set the server parameter ${name}, then restart the server`,
} as const satisfies Record<Provider, (name: string) => string>;

/** How a setting is raised that counts from the next start on. */
export function raiseSetting(name: string, provider: Provider | null): string {
  return provider === null
    ? `raise ${name} and restart the server`
    : lowerFirst(SETTINGS[provider](name));
}

function lowerFirst(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
