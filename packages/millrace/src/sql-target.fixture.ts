import { startDsqlLocal } from "dsql-local";
import { sharedPostgres } from "../../../test/support/postgres.ts";

/** A server of one kind of SQL sink, whose tables a test makes before the pipeline does. */
export interface SqlTarget {
  /** The `sink` section of a pipeline file. */
  readonly sink: Readonly<Record<string, unknown>>;
  /** For clients. */
  readonly url: string;
  release(): Promise<unknown>;
}

/** Each kind of SQL sink; `async` is what its CREATE INDEX wants. */
export const SQL_TARGETS = [
  { kind: "postgres", start: postgresTarget, async: "" },
  { kind: "dsql", start: dsqlTarget, async: "ASYNC" },
] as const;

async function postgresTarget(): Promise<SqlTarget> {
  const target = await sharedPostgres();
  const { host, port, user: username, password, database, url } = target;
  const sink = { type: "postgres", host, port, username, password, database };
  return { sink, url, release: () => target.release() };
}

async function dsqlTarget(): Promise<SqlTarget> {
  const cluster = await startDsqlLocal({ tls: "off" });
  const { host, port, user: username, url } = cluster;
  const login = { username, password: "any", "use-iam-auth": false, "ssl-mode": "disable" };
  return { sink: { type: "dsql", host, port, ...login }, url, release: () => cluster.stop() };
}
