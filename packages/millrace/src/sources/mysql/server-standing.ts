import type { Queryable } from "./connection.ts";
import type { ServerVersion } from "./server-version.ts";

/** What a server is, and how it writes its log. */
export interface ServerStanding {
  /** Tells its log's files from those of every other server, as far as it has a name of its own. */
  readonly server: string;
  /** What events of its own are marked with; replicas of a group have others. */
  readonly serverId: number;
  readonly logs: boolean;
  /** Folder and name of the log's files, without their numbers; null where it writes none. */
  readonly basename: string | null;
  /** `ROW`, `STATEMENT` or `MIXED`; a session may have another one. */
  readonly format: string;
  /** `FULL`, `MINIMAL`, …: what a row event holds of a row. */
  readonly rowImage: string;
  /** Every transaction has a GTID; always so on MariaDB. */
  readonly hasGtids: boolean;
}

const STANDING_SQL = `
SHOW GLOBAL VARIABLES WHERE Variable_name IN
  ('server_uuid', 'server_uid', 'server_id', 'log_bin', 'log_bin_basename', 'binlog_format', 'binlog_row_image', 'gtid_mode')`;

/** Asks a server what it is. @throws MillraceError */
export async function readStanding(
  client: Queryable,
  { flavor }: Pick<ServerVersion, "flavor">,
): Promise<ServerStanding> {
  const rows = await client.query(STANDING_SQL);
  const settings = new Map(rows.map(([name, value]) => [name, value ?? ""]));
  const setting = (name: string): string => settings.get(name) ?? "";
  // MariaDB has no name for a server that no other one can have: its id, and what it is made of from 10.11 on.
  const server =
    flavor === "mysql"
      ? setting("server_uuid")
      : [setting("server_id"), setting("server_uid")].filter((part) => part !== "").join(" ");
  const basename = setting("log_bin_basename");
  return {
    server,
    serverId: Number(setting("server_id")),
    logs: setting("log_bin") === "ON",
    basename: basename === "" ? null : basename,
    format: setting("binlog_format"),
    rowImage: setting("binlog_row_image"),
    hasGtids: flavor === "mariadb" || setting("gtid_mode") === "ON",
  };
}
