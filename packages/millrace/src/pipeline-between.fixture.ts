import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { SharedPostgres } from "../../../test/support/postgres.ts";

type Section = Readonly<Record<string, unknown>>;

/** A pipeline between two databases of test servers, as an object that `loadPipeline` takes. */
export interface PipelineBetween {
  readonly source: Section;
  readonly sink: Section;
  readonly pipeline: Section;
}

/** Tables of the schema `tables` at the source go to `type: postgres` at the target. */
export function pipelineBetween(
  source: SharedPostgres,
  target: SharedPostgres,
  given: {
    readonly name: string;
    readonly tables: string;
    readonly source?: Section;
    readonly sink?: Section;
    readonly pipeline?: Section;
    /** Routes and transforms. */
    readonly more?: Section;
  },
): PipelineBetween {
  return {
    ...given.more,
    source: {
      type: "postgres",
      hostname: source.host,
      port: source.port,
      username: source.user,
      password: source.password,
      tables: `${source.database}.${given.tables}`,
      ...given.source,
    },
    sink: {
      type: "postgres",
      host: target.host,
      port: target.port,
      username: target.user,
      password: target.password,
      database: target.database,
      ...given.sink,
    },
    pipeline: { name: given.name, ...given.pipeline },
  };
}

const folder = mkdtempSync(join(tmpdir(), "millrace-between-"));

// Behind all else of the test file; a worker of vitest is ended without a word.
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The pipeline as a file; JSON is YAML. */
export function pipelineFileOf(pipeline: object): string {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(path, JSON.stringify(pipeline, null, 2));
  return path;
}

/** Drops the slots of a database, which would keep it from being dropped. */
export async function dropSlots(source: SharedPostgres): Promise<void> {
  for (const { slot } of await source.query(
    "SELECT slot_name AS slot FROM pg_replication_slots WHERE database = current_database() AND NOT active",
  ))
    await source.query("SELECT pg_drop_replication_slot($1)", [slot]);
}
