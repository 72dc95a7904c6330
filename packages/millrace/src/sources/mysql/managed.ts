/** Who runs the server, where that is a service with words of its own. */
export type Provider = "rds" | "cloudsql" | "azure";

/** By its name, its version's suffix and the folder that it is installed in. */
export function providerOf(server: {
  readonly hostname: string;
  readonly version: string;
  readonly basedir: string;
}): Provider | null {
  const { hostname, version, basedir } = server;
  if (/\.rds\.amazonaws\.com(\.cn)?$/i.test(hostname) || basedir.includes("/rdsdbbin/"))
    return "rds";
  if (/-google\b/i.test(version)) return "cloudsql";
  return /\.(mysql|mariadb)\.database\.(azure\.com|chinacloudapi\.cn|usgovcloudapi\.net)$/i.test(
    hostname,
  )
    ? "azure"
    : null;
}

/** What is the matter, in the words of a finding, of a refusal and of the guide. */
export interface Matter {
  readonly what: string;
  readonly follows: string;
  readonly remedy: string;
}

const LOG_ON: Readonly<Record<Provider, string>> = {
  rds: "RDS: set the backup retention period to a day or more, which turns the log on. Aurora: set binlog_format = ROW in the cluster's parameter group and reboot the writer.",
  cloudsql: "Turn on binary logging (point-in-time recovery) of the instance; it restarts.",
  azure: "Azure's flexible servers always write it; use one of those.",
};

/** There is nothing to read. */
export function noLogMatter(provider: Provider | null): Matter {
  return {
    what: "The server writes no binary log.",
    follows: "There is nothing to read.",
    remedy:
      provider === null
        ? "Start it with log_bin, a server_id, and binlog_format = ROW where that is not the default."
        : LOG_ON[provider],
  };
}

/** The log holds statements. */
export function formatMatter(format: string, provider: Provider | null): Matter {
  return {
    what: `binlog_format is ${format}.`,
    follows: "The log has statements, which nobody but the server can apply.",
    remedy: `${setSetting("binlog_format", "ROW", provider)}; sessions that write have to begin anew.`,
  };
}

/** Without key a row is told by all that it was. */
export function rowImageMatter(
  rowImage: string,
  tables: readonly string[],
  provider: Provider | null,
): Matter {
  return {
    what: `binlog_row_image is ${rowImage}, and these tables have no primary key: ${tables.join(", ")}.`,
    follows: "Nobody can tell which row an update or a delete is about.",
    remedy: `${setSetting("binlog_row_image", "FULL", provider)}, give the tables a primary key, or leave them out with tables.exclude.`,
  };
}

/** How a setting is made that counts at once. */
export function setSetting(name: string, value: string, provider: Provider | null): string {
  switch (provider) {
    case null:
      return `SET GLOBAL ${name} = ${/^\d+$/.test(value) ? value : `'${value}'`}, and write it into the server's configuration`;
    case "rds":
      return `In the parameter group (Aurora: of the cluster) set ${name} = ${value}, and reboot where the console says so`;
    case "cloudsql":
      return `Set the instance's flag ${name} = ${value}`;
    case "azure":
      return `Set the server parameter ${name} = ${value}`;
  }
}
