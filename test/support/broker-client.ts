/** How a test file finds the servers of its run: it asks the broker that the run's set-up started. */
import type { MysqlFlavor } from "./mysql-binaries.ts";
import type { PostgresVersion } from "./postgres-binaries.ts";

/** The environment variable that carries the broker's address to workers and to their children. */
export const brokerVariable = "MILLRACE_TEST_BROKER";

/** Where a server is and who may do everything there. */
export interface ServerAddress {
  readonly version: number;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database?: string;
}

/** Where a MySQL or MariaDB is and who may do everything there. */
export interface MysqlAddress {
  readonly flavor: MysqlFlavor;
  /** `9.7.4`. */
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** The shared PostgreSQL of `version`; the broker starts it when it is asked for the first time. */
export async function askBroker(version: PostgresVersion): Promise<ServerAddress> {
  const body = await ask("sharedPostgres", `postgres/${version}`);
  if (isAddress(body) && typeof body.version === "number")
    return { ...body, version: body.version };
  throw new Error(`The shared PostgreSQL ${version} did not start: ${JSON.stringify(body)}`);
}

/** The shared MySQL or MariaDB, likewise. */
export async function askBrokerForMysql(flavor: MysqlFlavor): Promise<MysqlAddress> {
  const body = await ask("sharedMysql", `mysql/${flavor}`);
  if (isAddress(body)) return { ...body, flavor, version: String(body.version) };
  throw new Error(`The shared ${flavor} did not start: ${reasonIn(body)}`);
}

/** The shared Kafka: `HOST:PORT,…`. */
export async function askBrokerForKafka(): Promise<string> {
  const body = await ask("sharedKafka", "kafka");
  if (typeof body === "object" && body !== null && "bootstrap" in body)
    return String(body.bootstrap);
  throw new Error(`The shared Kafka did not start: ${reasonIn(body)}`);
}

/** The shared moto: its URL. */
export async function askBrokerForMoto(): Promise<string> {
  const body = await ask("sharedMoto", "moto");
  if (typeof body === "object" && body !== null && "url" in body) return String(body.url);
  throw new Error(`The shared moto did not start: ${reasonIn(body)}`);
}

async function ask(caller: string, path: string): Promise<unknown> {
  const broker = process.env[brokerVariable];
  if (broker === undefined) {
    throw new Error(
      `${caller}() works in a vitest run only (test/support/broker.ts is its globalSetup).`,
    );
  }
  return (await fetch(`${broker}/${path}`)).json();
}

type Address = Omit<ServerAddress, "version"> & { readonly version: unknown };

function isAddress(value: unknown): value is Address {
  return typeof value === "object" && value !== null && "port" in value && "password" in value;
}

function reasonIn(body: unknown): string {
  return typeof body === "object" && body !== null && "error" in body
    ? String(body.error)
    : JSON.stringify(body);
}
