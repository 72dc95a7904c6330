/** Targets whose server a test may kill and start again. */
import { startDsqlLocal } from "dsql-local";
import { type StartOptions, startPostgres } from "../support/postgres.ts";
import { postgresSink } from "./pipeline-file.ts";
import type { Target, TargetKind } from "./targets.ts";

/** A target of its own server. */
export interface OwnTarget extends Target {
  /** Runs a statement as a superuser of its PostgreSQL. */
  query(sql: string): Promise<unknown>;
  /** SIGKILL to every process that holds data. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Makes an empty target on a server of its own; dsql-local goes and comes with the PostgreSQL beneath. */
export async function makeOwnTarget(
  kind: TargetKind,
  options: StartOptions = {},
): Promise<OwnTarget> {
  const server = await startPostgres(options);
  const own = {
    kind,
    query: (sql: string) => server.query(sql),
    kill: () => server.kill(),
    start: () => server.start(),
  };
  if (kind === "postgres") {
    const { url } = server;
    return { ...own, url, sink: postgresSink(url), release: () => server.stop() };
  }
  const postgresUrl = await server.createDatabase("dsql");
  let cluster = await startDsqlLocal({ tls: "off", postgresUrl });
  const { port } = cluster;
  const sink = {
    type: "dsql",
    host: cluster.host,
    port: cluster.port,
    username: cluster.user,
    password: "any",
    "use-iam-auth": false,
    "ssl-mode": "disable",
  };
  const release = async (): Promise<void> => {
    await cluster.stop();
    await server.stop();
  };
  const kill = async (): Promise<void> => {
    await server.kill();
    await cluster.stop();
  };
  const start = async (): Promise<void> => {
    await server.start();
    cluster = await startDsqlLocal({ tls: "off", postgresUrl, port });
  };
  return { ...own, kill, start, url: cluster.url, sink, release };
}
