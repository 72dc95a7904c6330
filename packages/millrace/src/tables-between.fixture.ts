import { expect } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type LoadOptions } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween, pipelineFileOf } from "./pipeline-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import type { TableStatus } from "./pipeline/status.ts";

/** Two databases, a pipeline between them that runs in this process, and what tests ask of them. */
export interface TablesBetween {
  readonly source: SharedPostgres;
  readonly target: SharedPostgres;
  readonly file: (change?: FileChange) => Record<string, unknown>;
  /** Runs the pipeline until the test is over. */
  run(file?: object, options?: LoadOptions): Promise<Pipeline>;
  /** Statements at the source, followed to their end. */
  follow(pipeline: Pipeline, sql: string): Promise<void>;
  /** Both sides answer the same. */
  expectSame(sql: string): Promise<void>;
  stop(): Promise<void>;
  release(): Promise<void>;
}

/** What differs from the file that takes all tables. */
export interface FileChange {
  readonly tables?: string;
  readonly source?: Readonly<Record<string, unknown>>;
  readonly pipeline?: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Makes both databases. */
export async function tablesBetween(): Promise<TablesBetween> {
  const [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  const name = `between_${source.database}`.slice(0, 40);
  const running: Pipeline[] = [];
  const stop = async () => {
    for (const pipeline of running.splice(0)) await pipeline.stop().catch(() => undefined);
  };
  const file: TablesBetween["file"] = ({ tables = "public.\\.*", more, ...rest } = {}) => {
    const own = { "publication.name": source.database, ...rest.source };
    return { ...pipelineBetween(source, target, { name, tables, ...rest, source: own }), ...more };
  };
  return {
    source,
    target,
    file,
    async run(given = file(), options = {}) {
      const pipeline = await loadPipeline(pipelineFileOf(given), options);
      running.push(pipeline);
      await pipeline.start();
      return pipeline;
    },
    async follow(pipeline, sql) {
      await source.query(sql);
      await pipeline.caughtUp();
    },
    async expectSame(sql) {
      expect(await target.query(sql)).toEqual(await source.query(sql));
    },
    stop,
    async release() {
      await stop();
      await dropSlots(source);
      await source.release();
      await target.release();
    },
  };
}

/** What a pipeline says of one of its tables. */
export function tableOf(pipeline: Pipeline, id: string): TableStatus {
  const found = pipeline.status().tables.find((table) => table.id === id);
  if (found === undefined) throw new Error(`the pipeline has no ${id}`);
  return found;
}

/** Waits until something holds. */
export function soon(what: () => unknown, timeoutMs = 20_000): Promise<void> {
  return expect.poll(what, { timeout: timeoutMs, interval: 20 }).toBe(true);
}
