/**
 * The freshly initialised data folder of each server, made once and copied for every start: a copy takes 0.1 s, the
 * initialisation of MySQL 3 s and more.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { MysqlBinaries } from "./mysql-binaries.ts";
import { makeFolder, type FolderKind } from "./server-folder.ts";

/** One process to a server; its pid is written by us, since the server's own file comes late in its start. */
export const mysqlFolders: FolderKind = {
  prefix: "millrace-my-",
  pidFile: "pid",
  signal: "SIGKILL",
};

/** Raise it when the initialisation below changes, so that old templates are left alone. */
const templateRevision = 1;

/** A server's own: its identity, and what it has logged. */
const notCopied = /^(auto\.cnf|ib_buffer_pool|(my|mariadb-)?(sql-)?bin(log)?\..*)$/;

/** What a MySQL holds to for good from its initialisation on. */
const ofBirth = "lower_case_table_names";

/** Fills `target` (which must not exist) with a copy of the template; gives the password of `root`. */
export async function copyMysqlTemplate(
  binaries: MysqlBinaries,
  target: string,
  settings: Readonly<Record<string, string>>,
): Promise<string> {
  const chosen = binaries.flavor === "mysql" ? settings[ofBirth] : undefined;
  const born = chosen === undefined ? [] : [`--${ofBirth}=${chosen}`];
  const name = ["template", ...(chosen === undefined ? [] : [`names${chosen}`])].join("-");
  const template = join(binaries.folder, `${name}-r${templateRevision}`);
  const password = await readFile(join(template, "password"), "utf8").catch(() =>
    makeTemplate(template, binaries, born),
  );
  await copyFolder(join(template, "data"), target);
  return password;
}

function copyFolder(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE });
}

/** The first of several racers wins. */
async function makeTemplate(
  template: string,
  binaries: MysqlBinaries,
  born: readonly string[],
): Promise<string> {
  const password = randomBytes(12).toString("hex");
  const work = await makeFolder(mysqlFolders, "auto", undefined);
  const data = join(work, "data");
  try {
    await (binaries.flavor === "mysql" ? initializeMysql : initializeMariadb)(
      binaries,
      work,
      firstSql(password),
      born,
    );
    for (const name of await readdir(data)) if (notCopied.test(name)) await rm(join(data, name));
    await publish(data, password, binaries.folder, template);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return readFile(join(template, "password"), "utf8");
}

/**
 * Everything may be done by `root`, from everywhere, with the password; and a database is there, which is in nobody's log, so
 * that replicas have it too. One statement a line, as MySQL wants it.
 */
function firstSql(password: string): readonly string[] {
  const accounts = ["'%'", "'localhost'"].flatMap((host) => [
    `CREATE USER IF NOT EXISTS root@${host} IDENTIFIED BY '${password}';`,
    `ALTER USER root@${host} IDENTIFIED BY '${password}';`,
    `GRANT ALL ON *.* TO root@${host} WITH GRANT OPTION;`,
  ]);
  return [...accounts, "CREATE DATABASE test;"];
}

async function initializeMysql(
  { server }: MysqlBinaries,
  work: string,
  first: readonly string[],
  born: readonly string[],
): Promise<void> {
  const initFile = join(work, "init.sql");
  await writeFile(initFile, `${first.join("\n")}\n`);
  await runServer([
    ...server,
    "--initialize-insecure",
    `--datadir=${join(work, "data")}`,
    `--init-file=${initFile}`,
    "--innodb-redo-log-capacity=8M",
    "--skip-innodb-doublewrite",
    "--innodb-use-native-aio=OFF",
    ...born,
  ]);
}

/** What mariadb-install-db does, which expects its programs at their places in the system. */
async function initializeMariadb(
  { server, share }: MysqlBinaries,
  work: string,
  first: readonly string[],
): Promise<void> {
  const data = join(work, "data");
  await mkdir(data);
  // Named mysql_* before MariaDB 11, mariadb_* since. The help texts are left out.
  const names = await readdir(share);
  const wanted = ["system_tables", "performance_tables", "system_tables_data"]
    .map((name) => names.find((file) => file.endsWith(`_${name}.sql`)) ?? `${name}.sql`)
    .concat("maria_add_gis_sp_bootstrap.sql")
    .concat(names.filter((file) => file.endsWith("_sys_schema.sql")));
  const scripts = await Promise.all(wanted.map((name) => readFile(join(share, name), "utf8")));
  const sql = [
    "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;",
    ...scripts,
    "USE mysql;\nDELETE FROM global_priv WHERE User IN ('root', '');\nFLUSH PRIVILEGES;",
    ...first,
  ].join("\n");
  const options = ["--log-warnings=0", "--enforce-storage-engine=", "--max-allowed-packet=8M"];
  options.push("--innodb-log-file-size=8M", "--innodb-use-native-aio=OFF");
  await runServer([...server, "--bootstrap", `--datadir=${data}`, ...options], `${sql}\n`);
}

async function publish(
  data: string,
  password: string,
  folder: string,
  template: string,
): Promise<void> {
  const staged = await mkdtemp(join(folder, "staged-"));
  await copyFolder(data, join(staged, "data"));
  await writeFile(join(staged, "password"), password, { mode: 0o600 });
  try {
    await rename(staged, template);
  } catch {
    // Another process was first; its template and its password are the ones that count.
    await rm(staged, { recursive: true, force: true });
  }
}

function runServer(command: readonly string[], input = ""): Promise<void> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], cwd: "/" });
    let output = "";
    child.stdout.on("data", (text) => (output += String(text)));
    child.stderr.on("data", (text) => (output += String(text)));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`A data folder was not made:\n${output.trim().slice(-2000)}`));
    });
    // A server that ends early says why; that its input was not read is no news.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
