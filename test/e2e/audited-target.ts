/** A target whose rows can be watched by triggers: DSQL has none, but the PostgreSQL behind dsql-local takes them. */
import { startDsqlLocal } from "dsql-local";
import { sharedPostgres, startPostgres } from "../support/postgres.ts";
import { dsqlSink, postgresSink, type Section } from "./pipeline-file.ts";
import type { TargetKind } from "./targets.ts";

/** A target, and where its own server is reached as superuser. */
export interface AuditedTarget {
  readonly sink: Section;
  readonly url: string;
  release(): Promise<void>;
}

/**
 * Makes one. A transaction that dsql-local repeats gives up what its triggers wrote with the rest: what is left in the
 * audit is what was committed.
 */
export async function makeAuditedTarget(kind: TargetKind): Promise<AuditedTarget> {
  if (kind === "postgres") {
    const postgres = await sharedPostgres();
    return {
      sink: postgresSink(postgres.url),
      url: postgres.url,
      release: () => postgres.release(),
    };
  }
  const server = await startPostgres();
  const cluster = await startDsqlLocal({ postgresUrl: server.url, tls: "off" });
  const release = async (): Promise<void> => {
    await cluster.stop();
    await server.stop();
  };
  return { sink: dsqlSink(cluster), url: server.url, release };
}
