import type { MysqlDatabase } from "../../../test/support/mysql.ts";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";

type Section = Readonly<Record<string, unknown>>;

/** A MySQL server, a PostgreSQL database that its tables go to, and what tests ask of them. */
export interface MysqlBetween {
  readonly target: SharedPostgres;
  /** The pipeline's file; the source may be changed, and the sink. */
  readonly file: (source?: Section, more?: Section, sink?: Section) => Section;
  /** Runs the pipeline until the test is over. */
  run(file?: Section): Promise<Pipeline>;
  /** Rows of `items` at both sides, once the pipeline has caught up; of the source at `server`, if that is another one. */
  both(pipeline: Pipeline, server?: MysqlDatabase): Promise<{ there: string[]; here: string[] }>;
  stop(): Promise<void>;
  release(): Promise<void>;
}

/** `server` may be replaced while the pipeline stands still: each file says where it is. */
export async function mysqlBetween(server: MysqlDatabase): Promise<MysqlBetween> {
  const target = await sharedPostgres();
  const running: Pipeline[] = [];
  const stop = async (): Promise<void> => {
    for (const pipeline of running.splice(0)) await pipeline.stop().catch(() => undefined);
  };
  const { host, port, user: username, password, database } = server;
  const file: MysqlBetween["file"] = (source = {}, more = {}, sink = {}) => ({
    source: {
      type: "mysql",
      hostname: host,
      port,
      username,
      password,
      tables: `${database}.\\.*`,
      ...source,
    },
    sink: {
      type: "postgres",
      host: target.host,
      port: target.port,
      username: target.user,
      password: target.password,
      database: target.database,
      parallelism: 2,
      ...sink,
    },
    pipeline: { name: `my-${target.database}`.replaceAll("_", "-").slice(0, 40) },
    ...more,
  });
  return {
    target,
    file,
    async run(given = file()) {
      const pipeline = await loadPipeline(pipelineFileOf(given));
      running.push(pipeline);
      await pipeline.start();
      return pipeline;
    },
    async both(pipeline, at = server) {
      await pipeline.caughtUp();
      const sql = (table: string): string => `SELECT id, v FROM ${table} ORDER BY id`;
      return {
        there: printed(await target.query(sql(`"${database}".items`))),
        here: printed(await at.query(sql("items"))),
      };
    },
    stop,
    async release() {
      await stop();
      await target.release();
    },
  };
}

function printed(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  return rows.map(({ id, v }) => `${String(id)} ${String(v)}`);
}
