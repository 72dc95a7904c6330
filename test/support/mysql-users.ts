/** Users of a test's server, with the ways to log in that the servers have. */
import { randomBytes } from "node:crypto";
import { urlOf, type MysqlDatabase } from "./mysql-database.ts";

/** How a user proves who he is. MySQL 9 has no native password any more, MariaDB has no caching_sha2_password before 12. */
export type LoginPlugin = "caching_sha2_password" | "mysql_native_password" | "ed25519";

/** Options of `createUser`. */
export interface UserOptions {
  /** Gets a suffix, so that no other test has it; `reader` when left out. */
  readonly name?: string;
  readonly plugin?: LoginPlugin;
  /** `SSL`, or `X509` for a client with a certificate. */
  readonly require?: "SSL" | "X509";
  /** What he may do on `*.*`; what a reader of the log has to when left out. */
  readonly grants?: string;
}

/** A user that was made. */
export interface MysqlUser {
  readonly user: string;
  readonly password: string;
  /** The URL of the server's (or the shared) database as this user. */
  readonly url: string;
}

const readerGrants = "SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT";

/** Makes a user who may come from everywhere. */
export async function createUser(
  database: MysqlDatabase,
  options: UserOptions = {},
): Promise<MysqlUser> {
  const user = `${options.name ?? "reader"}_${randomBytes(4).toString("hex")}`;
  const password = randomBytes(12).toString("hex");
  const { plugin } = options;
  if (plugin === "ed25519")
    await database.query("INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'");
  const identified =
    plugin === undefined
      ? `IDENTIFIED BY '${password}'`
      : database.flavor === "mariadb"
        ? `IDENTIFIED VIA ${plugin} USING PASSWORD('${password}')`
        : `IDENTIFIED WITH ${plugin} BY '${password}'`;
  const require = options.require === undefined ? "" : ` REQUIRE ${options.require}`;
  await database.query(`CREATE USER '${user}'@'%' ${identified}${require}`);
  await database.query(`GRANT ${options.grants ?? readerGrants} ON *.* TO '${user}'@'%'`);
  return { user, password, url: urlOf({ ...database, user, password }, database.database) };
}

/** Takes them away. */
export async function dropUsers(admin: MysqlDatabase, users: readonly MysqlUser[]): Promise<void> {
  for (const { user } of users) await admin.query(`DROP USER IF EXISTS '${user}'@'%'`);
}
