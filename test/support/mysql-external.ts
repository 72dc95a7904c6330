/** The server that the user names in the place of the shared one. */
import type { MysqlAddress } from "./broker-client.ts";
import type { MysqlFlavor } from "./mysql-binaries.ts";
import { databaseAt, type MysqlRow } from "./mysql-database.ts";

/** The variables that name them. */
const variables: Readonly<Record<MysqlFlavor, string>> = {
  mysql: "MILLRACE_TEST_MYSQL_URL",
  mariadb: "MILLRACE_TEST_MARIADB_URL",
};

/** The user's server, if he named one; throws where it is not what the tests need. */
export async function addressOfUsers(
  flavor: MysqlFlavor,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<MysqlAddress | undefined> {
  const variable = variables[flavor];
  const text = environment[variable];
  if (text === undefined) return undefined;
  const url = new URL(text);
  const address = {
    flavor,
    version: "",
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
  const [facts = {}] = await databaseAt(address, "").query(
    "SELECT @@version AS version, @@log_bin AS log_bin, @@binlog_format AS format, @@binlog_row_metadata AS metadata",
  );
  const wrong = whatIsWrong(flavor, facts);
  if (wrong.length > 0) throw new Error(`${variable}: ${wrong.join(", ")}.`);
  return { ...address, version: /^[\d.]+/.exec(String(facts["version"]))?.[0] ?? "" };
}

/** What the tests need and this server does not have. */
export function whatIsWrong(flavor: MysqlFlavor, facts: MysqlRow): readonly string[] {
  const isMariadb = /mariadb/i.test(String(facts["version"]));
  return [
    ...(isMariadb === (flavor === "mariadb") ? [] : [`it is ${String(facts["version"])}`]),
    ...(Number(facts["log_bin"]) === 1 ? [] : ["log_bin must be ON"]),
    ...(facts["format"] === "ROW" ? [] : ["binlog_format must be ROW"]),
    ...(facts["metadata"] === "FULL" ? [] : ["binlog_row_metadata must be FULL"]),
  ];
}
