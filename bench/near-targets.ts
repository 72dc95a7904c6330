import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { startDsqlProcess } from "./dsql-process.ts";
import { pidOf } from "./sources/postgres.ts";
import { withClient } from "./workload.ts";

/** Rows of a statement, of the pipeline's and of the raw ones. */
export const BATCH_ROWS = 1000;
/** Into plain PostgreSQL, whatever the raw statements do. */
const POSTGRES_ROWS_PER_SECOND = 100_000;
const SETTINGS = { synchronous_commit: "off", max_wal_size: "8GB" };

/** A server on this machine that rows are written to. */
export interface NearTarget {
  readonly name: string;
  readonly url: string;
  /** The `sink` of a pipeline file. */
  readonly sink: object;
  readonly pid: number;
  /** What is to be reached besides a ratio, where anything is. */
  readonly goalRowsPerSecond: number | null;
}

/** A `dsql-local` and a plain PostgreSQL. */
export interface NearTargets extends AsyncDisposable {
  readonly all: readonly NearTarget[];
}

/** Starts both. */
export async function startNearTargets(): Promise<NearTargets> {
  const plain = await startPostgres({ settings: SETTINGS });
  const dsql = await startDsqlProcess();
  const common = { "ssl-mode": "disable", "batch-size": BATCH_ROWS };
  const { host, port, user: username } = dsql;
  const iam = { "use-iam-auth": false, password: "any" };
  return {
    all: [
      {
        name: "dsql-local",
        url: dsql.url,
        sink: { type: "dsql", host, port, username, ...iam, ...common },
        pid: dsql.pid,
        goalRowsPerSecond: null,
      },
      {
        name: "postgres",
        url: plain.url,
        sink: { type: "postgres", ...addressOf(plain), database: plain.database, ...common },
        pid: pidOf(plain),
        goalRowsPerSecond: POSTGRES_ROWS_PER_SECOND,
      },
    ],
    [Symbol.asyncDispose]: async () => {
      await dsql.stop();
      await plain.stop();
    },
  };
}

function addressOf({ host, port, user: username, password }: PostgresServer): object {
  return { host, port, username, password };
}

/** A catalogue change is answered once with OC001 by sessions that have not seen the one before. */
export async function again(url: string, sql: string): Promise<void> {
  await withClient(url, (client) => client.query(sql).catch(() => client.query(sql)));
}
