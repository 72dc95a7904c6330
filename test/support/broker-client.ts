/** How a test file finds the servers of its run: it asks the broker that the run's set-up started. */
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

/** The shared server of `version`; the broker starts it when it is asked for the first time. */
export async function askBroker(version: PostgresVersion): Promise<ServerAddress> {
  const broker = process.env[brokerVariable];
  if (broker === undefined) {
    throw new Error(
      "sharedPostgres() works in a vitest run only (test/support/broker.ts is its globalSetup).",
    );
  }
  const response = await fetch(`${broker}/postgres/${version}`);
  const body: unknown = await response.json();
  if (isAddress(body)) return body;
  throw new Error(`The shared PostgreSQL ${version} did not start: ${JSON.stringify(body)}`);
}

function isAddress(value: unknown): value is ServerAddress {
  return typeof value === "object" && value !== null && "port" in value && "password" in value;
}
