import { start, type Started } from "../../dynamodb-local/src/testing/clients.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";
import type { Pipeline, PipelineEvent } from "./pipeline-handle.ts";

/** A stand-in for DynamoDB, a database, pipelines between them that run in this process. */
export interface ItemsBetween extends Started {
  readonly target: SharedPostgres;
  readonly file: (name: string, source?: object, more?: object) => Record<string, unknown>;
  /** Runs until the test is over; what it tells from its start on goes into `events`. */
  run(file: object, events?: PipelineEvent[]): Promise<Pipeline>;
  stop(): Promise<void>;
  release(): Promise<void>;
}

/** Starts both. */
export async function itemsBetween(): Promise<ItemsBetween> {
  const [started, target] = await Promise.all([start(), sharedPostgres()]);
  const running: Pipeline[] = [];
  const stop = async (): Promise<void> => {
    for (const pipeline of running.splice(0)) await pipeline.stop().catch(() => undefined);
  };
  return {
    ...started,
    target,
    file: (name, source = {}, more = {}) => ({
      ...pipelineFromItems(started.local.url, target, { name, source }),
      ...more,
    }),
    async run(file, events = []) {
      const pipeline = await loadPipeline(pipelineFileOf(file));
      running.push(pipeline);
      void listen(pipeline, events);
      await pipeline.start();
      return pipeline;
    },
    stop,
    async release() {
      await stop();
      await started[Symbol.asyncDispose]();
      await target.release();
    },
  };
}

async function listen(pipeline: Pipeline, events: PipelineEvent[]): Promise<void> {
  for await (const event of pipeline.events()) events.push(event);
}

/** A pipeline that looks often, waits for nothing, and writes into a database of tests. */
export function pipelineFromItems(
  url: string,
  target: SharedPostgres,
  { name, source }: { readonly name: string; readonly source: object },
): Record<string, unknown> {
  return {
    source: {
      type: "dynamodb",
      endpoint: url,
      "aws.access.key.id": "test",
      "aws.secret.key": "test",
      "init.sync.delay.period": 0,
      "connect.dynamodb.rediscovery.period": 1_000,
      "stream.idle.poll.interval": "200ms",
      ...source,
    },
    sink: {
      type: "postgres",
      host: target.host,
      port: target.port,
      username: target.user,
      password: target.password,
      database: target.database,
      "state.schema": `millrace_${name}`,
    },
    pipeline: { name, parallelism: 2 },
  };
}
