/** The programs of MySQL and MariaDB, fetched where they are not there yet, and how they are run. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { programCommand } from "../../scripts/debian-packages.mjs";
import { bringServer } from "../../scripts/servers.mjs";

/** Both kinds of server, for `describe.each`. */
export const mysqlFlavors = ["mysql", "mariadb"] as const;

/** Which of the two. */
export type MysqlFlavor = (typeof mysqlFlavors)[number];

/** Programs that come along with the server. */
export type MysqlProgram = "mysql" | "mysqlbinlog" | "mysqldump" | "mariadb" | "mariadb-binlog";

/** One server's programs. */
export interface MysqlBinaries {
  readonly flavor: MysqlFlavor;
  readonly folder: string;
  /** `9.7.4`. */
  readonly version: string;
  /** The server's command with what it has to be told whatever it does; settings follow. */
  readonly server: readonly string[];
  /** The SQL that fills an empty data folder, and everything else that all servers share. */
  readonly share: string;
}

/** Finds the programs; the first call of a checkout fetches them. Throws with the remedy where they cannot be had. */
export async function findMysqlBinaries(flavor: MysqlFlavor): Promise<MysqlBinaries> {
  const folder = await bringServer(flavor);
  const share = join(folder, "usr/share/mysql");
  const program = flavor === "mysql" ? "usr/sbin/mysqld" : "usr/sbin/mariadbd";
  const server = [
    ...programCommand(folder, program),
    // First, and without it the server reads the machine's own configuration.
    "--no-defaults",
    `--basedir=${join(folder, "usr")}`,
    `--plugin-dir=${join(folder, "usr/lib/mysql/plugin")}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, "charsets")}`,
    // The only servers that refuse to run as root unless told to.
    ...(process.getuid?.() === 0 ? ["--user=root"] : []),
    ...(flavor === "mysql" ? ["--secure-file-priv=NULL", "--mysqlx=OFF"] : []),
  ];
  const version = await readFile(join(folder, "version"), "utf8");
  return { flavor, folder, version, server, share };
}

/** The command of a client program, to which its arguments are added. */
export async function mysqlProgram(
  flavor: MysqlFlavor,
  name: MysqlProgram,
): Promise<readonly string[]> {
  const { folder, share } = await findMysqlBinaries(flavor);
  const command = programCommand(folder, `usr/bin/${name}`);
  return [...command, "--no-defaults", `--character-sets-dir=${join(share, "charsets")}`];
}
