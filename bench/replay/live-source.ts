import { silentLogger, systemClock } from "../../packages/millrace/src/model/ports.ts";
import type { ConnectorContext } from "../../packages/millrace/src/model/source.ts";
import {
  POSTGRES_SOURCE_DEFAULTS,
  type PostgresSourceOptions,
} from "../../packages/millrace/src/sources/postgres/options.ts";
import { PostgresSource } from "../../packages/millrace/src/sources/postgres/source.ts";
import type { PostgresDatabase } from "../../test/support/postgres.ts";

/** What connectors are given here: real time, and nobody who listens. */
export const CONTEXT: ConnectorContext = {
  pipeline: "bench",
  clock: systemClock,
  random: Math.random,
  log: silentLogger,
};

/** How the engine's own source is told to reach a database's table `items`. */
export function liveSource(
  { host, port, user, password }: PostgresDatabase,
  database: string,
  slotName: string,
  publicationName: string,
): PostgresSource {
  const options: PostgresSourceOptions = {
    ...POSTGRES_SOURCE_DEFAULTS,
    hostname: host,
    port,
    username: user,
    password,
    database,
    tls: { mode: "disable", ca: null, cert: null, key: null },
    matches: (schema, table) => schema === "public" && table === "items",
    tablesText: `${database}.public.items`,
    slotName,
    publicationName,
    heartbeatIntervalMs: 0,
  };
  return new PostgresSource(options, CONTEXT);
}
