/**
 * vitest's global set-up: starts servers when the first test asks for one, keeps them for the whole
 * run, ends them afterwards. A run of unit tests alone starts nothing.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";
import { brokerVariable, type MysqlAddress, type ServerAddress } from "./broker-client.ts";
import { type KafkaCluster, startKafka } from "./kafka.ts";
import { addressOfUsers } from "./mysql-external.ts";
import { type MotoProcess, startMoto } from "./moto.ts";
import { type MysqlFlavor, type MysqlServer, startMysql } from "./mysql.ts";
import { startPostgres, type PostgresServer, type PostgresVersion } from "./postgres.ts";

/** What has been started, or is being. */
interface Servers {
  readonly postgres: Map<PostgresVersion, Promise<PostgresServer>>;
  readonly mysql: Map<MysqlFlavor, Promise<MysqlServer>>;
  kafka?: Promise<KafkaCluster>;
  moto?: Promise<MotoProcess>;
}

/** Where a moto is. */
interface MotoAddress {
  readonly url: string;
}

/** Where a Kafka is. */
interface KafkaAddress {
  readonly bootstrap: string;
}

/** Called by vitest before the first test; the function it gives is called after the last. */
export default async function setUp(): Promise<() => Promise<void>> {
  if (process.env[brokerVariable] !== undefined) return async () => undefined;
  const servers: Servers = { postgres: new Map(), mysql: new Map() };
  const broker = createServer((request, response) => {
    addressFor(request.url ?? "", servers).then(
      (address) => response.end(JSON.stringify(address)),
      (error: unknown) => response.writeHead(500).end(JSON.stringify({ error: String(error) })),
    );
  });
  await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve));
  process.env[brokerVariable] = `http://127.0.0.1:${(broker.address() as AddressInfo).port}`;
  return async () => {
    delete process.env[brokerVariable];
    broker.closeAllConnections();
    broker.close();
    const kafka = servers.kafka === undefined ? [] : [servers.kafka];
    const moto = servers.moto === undefined ? [] : [servers.moto];
    const others = [...kafka, ...moto];
    for (const server of [...servers.postgres.values(), ...servers.mysql.values(), ...others])
      // One that did not start has been told of by the tests that wanted it.
      await server.then((started) => started.stop()).catch(() => undefined);
  };
}

async function addressFor(
  path: string,
  servers: Servers,
): Promise<ServerAddress | MysqlAddress | KafkaAddress | MotoAddress> {
  if (path === "/kafka") return kafkaAddress(servers);
  if (path === "/moto") return motoAddress(servers);
  if (path === "/mysql/mysql") return mysqlAddress("mysql", servers.mysql);
  if (path === "/mysql/mariadb") return mysqlAddress("mariadb", servers.mysql);
  const version = path === "/postgres/13" ? 13 : path === "/postgres/18" ? 18 : undefined;
  if (version === undefined) throw new Error(`No such server: ${path}`);
  const users = process.env["MILLRACE_TEST_POSTGRES_URL"];
  if (users !== undefined && version === 18) return addressOf(users);
  const started = servers.postgres.get(version) ?? startPostgres({ version });
  servers.postgres.set(version, started);
  const { host, port, user, password } = await started;
  return { version, host, port, user, password };
}

async function kafkaAddress(servers: Servers): Promise<KafkaAddress> {
  const users = process.env["MILLRACE_TEST_KAFKA_URL"];
  if (users !== undefined) return { bootstrap: users };
  servers.kafka ??= startKafka();
  const { bootstrap } = await servers.kafka;
  return { bootstrap };
}

async function motoAddress(servers: Servers): Promise<MotoAddress> {
  const users = process.env["MILLRACE_TEST_MOTO_URL"];
  if (users !== undefined) return { url: users };
  servers.moto ??= startMoto();
  const { url } = await servers.moto;
  return { url };
}

async function mysqlAddress(flavor: MysqlFlavor, servers: Servers["mysql"]): Promise<MysqlAddress> {
  const users = await addressOfUsers(flavor);
  if (users !== undefined) return users;
  const started = servers.get(flavor) ?? startMysql(flavor);
  servers.set(flavor, started);
  const { version, host, port, user, password } = await started;
  return { flavor, version, host, port, user, password };
}

/** Reads the user's URL and asks the server for its version; the user must be a superuser. */
async function addressOf(url: string): Promise<ServerAddress> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string; wal: string }>(
      "SELECT current_setting('server_version_num') AS version, current_setting('wal_level') AS wal",
    );
    if (rows[0]?.wal !== "logical")
      throw new Error("MILLRACE_TEST_POSTGRES_URL: wal_level must be logical.");
    const { host, port, user, database = "postgres" } = client;
    const version = Math.floor(Number(rows[0].version) / 10_000);
    return {
      version,
      host,
      port,
      user: user ?? "postgres",
      password: new URL(url).password,
      database,
    };
  } finally {
    await client.end();
  }
}
