/**
 * A pipeline between two databases of its own, with a few tables that the test makes: begun, ended, compared. It runs within
 * the test; one that is to be killed, or looked at from outside, is a MillraceProcess with {@link SmallPipeline.args}.
 */
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { callToEnd, MillraceCall } from "./millrace-call.ts";
import type { MillraceRun } from "./millrace-run.ts";
import { writePipelineFile, type Section } from "./pipeline-file.ts";
import { openSession } from "./sql-session.ts";
import { makeTarget, type Target, type TargetKind } from "./targets.ts";

/** What differs from one file to the next. */
export interface SmallFile {
  readonly tables?: string;
  readonly source?: Section;
  readonly sink?: Section;
  /** Lines of YAML behind all others. */
  readonly more?: string;
}

/** See {@link smallPipeline}. */
export class SmallPipeline {
  readonly source: SharedPostgres;
  readonly target: Target;
  readonly #folder: string;
  readonly #file: string;

  constructor(source: SharedPostgres, target: Target, folder: string) {
    this.source = source;
    this.target = target;
    this.#folder = folder;
    this.#file = join(folder, "small.yaml");
  }

  /** Writes the file; the publication has the database's name. */
  async write({ tables, source, sink, more }: SmallFile = {}): Promise<void> {
    await writePipelineFile({
      path: this.#file,
      name: this.source.database,
      sourceUrl: this.source.url,
      tables: tables ?? String.raw`public.\.*`,
      source: { "publication.name": this.source.database, ...source },
      sink: { ...this.target.sink, ...sink },
    });
    if (more !== undefined) await appendFile(this.#file, more);
  }

  /** The command line that runs it. */
  args(...more: readonly string[]): string[] {
    return ["run", this.#file, "--json", "--listen", "off", ...more];
  }

  /** Runs it until it has caught up, and no longer. */
  caughtUp(): Promise<MillraceRun> {
    return callToEnd(this.args("--until-caught-up"));
  }

  /** Begins a run, which whoever asks has to wait for or to stop. */
  start(...more: readonly string[]): MillraceRun {
    return new MillraceCall(this.args(...more));
  }

  /** Does something while it runs. */
  async whileRunning(work: (run: MillraceRun) => Promise<void>): Promise<void> {
    const run = this.start();
    try {
      await run.running;
      await work(run);
    } finally {
      await run.stop();
    }
  }

  atSource(sql: string): Promise<Record<string, unknown>[]> {
    return ask(this.source.url, sql);
  }

  atTarget(sql: string): Promise<Record<string, unknown>[]> {
    return ask(this.target.url, sql);
  }

  /** Both ends answer the same now. */
  async expectSame(sql: string): Promise<void> {
    expect(await this.atTarget(sql)).toEqual(await this.atSource(sql));
  }

  /** What the source answers now is soon what the target answers. */
  async expectSoonSame(sql: string, timeoutMs = 60_000): Promise<void> {
    const wanted = await this.atSource(sql);
    await expect
      .poll(() => this.atTarget(sql), { timeout: timeoutMs, interval: 200 })
      .toEqual(wanted);
  }

  async release(): Promise<void> {
    await this.target.release();
    await this.source.release();
    await rm(this.#folder, { recursive: true });
  }
}

async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const session = await openSession(url);
  try {
    return (await session.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await session.end();
  }
}

/** Makes both databases and the tables of `ddl`; the file is still to be written. */
export async function smallPipeline(
  ddl: string,
  kind: TargetKind = "postgres",
): Promise<SmallPipeline> {
  const [source, target] = await Promise.all([sharedPostgres(), makeTarget(kind)]);
  const folder = await mkdtemp(join(tmpdir(), "millrace-small-"));
  await source.query(ddl);
  return new SmallPipeline(source, target, folder);
}
