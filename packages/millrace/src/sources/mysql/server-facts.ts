import { errnoOf } from "./connection-error.ts";
import type { MysqlConnection } from "./connection.ts";
import { readLogStatus } from "./log-end.ts";
import { type Provider, providerOf } from "./managed.ts";
import { readingGrants, type ReadingGrants } from "./reading-grants.ts";
import type { ServerVersion } from "./server-version.ts";
import { readPrepared } from "./xa-recover.ts";

/** A replica or another reader that the server sends its log to. */
export interface LogReader {
  readonly serverId: number;
  readonly host: string;
  /** Empty where the server does not tell. */
  readonly uuid: string;
}

/** What a server says about itself, as far as it matters for capturing its changes. */
export interface ServerFacts {
  readonly version: ServerVersion;
  /** `user@host`, as the server took the login. */
  readonly user: string;
  /** Who runs the server; null for one's own. */
  readonly provider: Provider | null;
  readonly serverId: number;
  readonly logs: boolean;
  readonly format: string;
  readonly rowImage: string;
  /** `FULL`, `MINIMAL`, `NO_LOG`. */
  readonly rowMetadata: string;
  /** JSON may be logged as differences. */
  readonly partialJson: boolean;
  readonly hasGtids: boolean;
  /** After how long files of the log may go, seconds; null where the server never lets them go by itself. */
  readonly keptSeconds: number | null;
  /** RDS: its own setting, hours; 0 where that is not set, null where it cannot be read, or there is none. */
  readonly rdsKeptHours: number | null;
  /** Databases whose changes are logged, or are not; empty where there is no such choice. */
  readonly loggedDatabases: readonly string[];
  readonly unloggedDatabases: readonly string[];
  /** It applies another server's log and does not write it into its own. */
  readonly hidesReplicated: boolean;
  /** Deletes and updates that foreign keys cascade are in the log. */
  readonly logsCascades: boolean;
  readonly namesAreLowerCase: boolean;
  /** New sessions may write dates with a zero part. */
  readonly takesZeroDates: boolean;
  readonly encrypted: boolean;
  /** Its clock less ours, seconds. */
  readonly clockAheadSeconds: number;
  /** Privileges on all tables that the session has, in capitals; `ALL PRIVILEGES` is one. */
  readonly privileges: ReadonlySet<string>;
  /** Where it may read every table. */
  readonly reads: ReadingGrants;
  /** XA transactions that are prepared now, by their names; null where the user may not ask. */
  readonly prepared: readonly string[] | null;
  /** Null where the user may not ask. */
  readonly readers: readonly LogReader[] | null;
}

/** Asks for all of it. @throws MillraceError */
export async function readServerFacts(
  session: MysqlConnection,
  hostname: string,
  nowMs: number,
): Promise<ServerFacts> {
  const settings = await readSettings(session);
  const setting = (name: string): string => settings.get(name) ?? "";
  const { version } = session;
  const provider = providerOf({ hostname, version: version.text, basedir: setting("basedir") });
  const logs = setting("log_bin") === "ON";
  const [me] = await session.query("SELECT CURRENT_USER(), UNIX_TIMESTAMP()");
  return {
    version,
    user: me?.[0] ?? "",
    provider,
    serverId: Number(setting("server_id")),
    logs,
    format: setting("binlog_format") || "ROW",
    rowImage: setting("binlog_row_image"),
    rowMetadata: setting("binlog_row_metadata"),
    partialJson: setting("binlog_row_value_options").includes("PARTIAL_JSON"),
    hasGtids: version.flavor === "mariadb" || setting("gtid_mode") === "ON",
    keptSeconds: keptSeconds(setting),
    rdsKeptHours: provider === "rds" ? await readRdsKept(session) : null,
    ...(await readFilters(session, logs)),
    hidesReplicated: await hidesReplicated(session, setting),
    // Before 9.6 only the engine knew of them, as MariaDB's does; a setting brings that back.
    logsCascades: setting("innodb_native_foreign_keys") === "OFF",
    namesAreLowerCase: setting("lower_case_table_names") === "1",
    takesZeroDates: takesZeroDates(setting("sql_mode")),
    encrypted: await isEncrypted(session),
    clockAheadSeconds: Number(me?.[1] ?? 0) - nowMs / 1000,
    ...(await readGrants(session)),
    prepared: await readPrepared(session),
    readers: await readReaders(session),
  };
}

const SETTINGS = (
  "basedir server_id log_bin binlog_format binlog_row_image binlog_row_metadata binlog_row_value_options gtid_mode " +
  "binlog_expire_logs_seconds binlog_expire_logs_auto_purge expire_logs_days lower_case_table_names " +
  "log_replica_updates log_slave_updates innodb_native_foreign_keys sql_mode"
).split(" ");

/** Refused only where both modes stand, and strictly. */
function takesZeroDates(sqlMode: string): boolean {
  const modes = sqlMode.split(",");
  const isStrict = modes.includes("STRICT_TRANS_TABLES") || modes.includes("STRICT_ALL_TABLES");
  return !(isStrict && modes.includes("NO_ZERO_DATE") && modes.includes("NO_ZERO_IN_DATE"));
}

async function readSettings(session: MysqlConnection): Promise<ReadonlyMap<string, string>> {
  const rows = await session.query(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${SETTINGS.map(() => "?").join(", ")})`,
    SETTINGS,
  );
  return new Map(rows.map(([name, value]) => [name ?? "", value ?? ""]));
}

/** Of both settings the one that is set counts; 0 is never. */
function keptSeconds(setting: (name: string) => string): number | null {
  if (setting("binlog_expire_logs_auto_purge") === "OFF") return null;
  const seconds = Number(setting("binlog_expire_logs_seconds"));
  const days = Number(setting("expire_logs_days"));
  const kept = seconds > 0 ? seconds : days * 86_400;
  return kept > 0 ? kept : null;
}

async function readRdsKept(session: MysqlConnection): Promise<number | null> {
  const rows = await ifAllowed(() =>
    session.query(
      "SELECT value FROM mysql.rds_configuration WHERE name = 'binlog retention hours'",
    ),
  );
  return rows === null ? null : Number(rows[0]?.[0] ?? 0);
}

async function readFilters(
  session: MysqlConnection,
  logs: boolean,
): Promise<Pick<ServerFacts, "loggedDatabases" | "unloggedDatabases">> {
  const row = logs ? await ifAllowed(() => readLogStatus(session)) : null;
  const listOf = (text: string | null | undefined): string[] =>
    (text ?? "").split(",").filter((name) => name !== "");
  return { loggedDatabases: listOf(row?.[2]), unloggedDatabases: listOf(row?.[3]) };
}

async function hidesReplicated(
  session: MysqlConnection,
  setting: (name: string) => string,
): Promise<boolean> {
  const updates = setting("log_replica_updates") || setting("log_slave_updates");
  if (updates !== "OFF") return false;
  const status = await ifAllowed(() => session.query("SHOW REPLICA STATUS"));
  return status !== null && status.length > 0;
}

async function isEncrypted(session: MysqlConnection): Promise<boolean> {
  const [row] = await session.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
  return (row?.[1] ?? "") !== "";
}

/** Those of roles that are active count too. */
async function readGrants(
  session: MysqlConnection,
): Promise<Pick<ServerFacts, "privileges" | "reads">> {
  const [role] = await session.query("SELECT CURRENT_ROLE()");
  const roles = role?.[0] ?? "NONE";
  const isMysql = session.version.flavor === "mysql";
  const using = isMysql && roles !== "NONE" ? ` FOR CURRENT_USER() USING ${roles}` : "";
  const rows = await session.query(`SHOW GRANTS${using}`);
  const lines = rows.map(([text]) => text ?? "");
  const lists = lines.map((line) => /^GRANT (.+?) ON \*\.\* TO /.exec(line)?.[1] ?? "");
  const privileges = lists.flatMap((list) => list.split(/,\s*/)).filter((name) => name !== "");
  return { privileges: new Set(privileges), reads: readingGrants(lines) };
}

async function readReaders(session: MysqlConnection): Promise<readonly LogReader[] | null> {
  const { flavor, major } = session.version;
  const isNew = flavor === "mysql" && major >= 8;
  const rows = await ifAllowed(() => session.query(isNew ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS"));
  return (
    rows?.map((row) => ({
      serverId: Number(row[0]),
      host: row[1] ?? "",
      uuid: row[4] ?? "",
    })) ?? null
  );
}

/** Privileges on tables, on procedures, on the server; no such table; words that an older server does not know. */
const NOT_ALLOWED: ReadonlySet<number> = new Set([1044, 1064, 1142, 1146, 1227, 1370]);

/** Null where the user may not ask, or the server does not know what it is asked. */
async function ifAllowed<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (NOT_ALLOWED.has(errnoOf(error) ?? 0)) return null;
    throw error;
  }
}

/** Whether the session has a privilege on all tables. */
export function hasPrivilege({ privileges }: ServerFacts, name: string): boolean {
  return privileges.has("ALL PRIVILEGES") || privileges.has(name);
}
