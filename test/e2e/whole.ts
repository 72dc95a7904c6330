import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareDatabases } from "./compare-databases.ts";
import { buildSource } from "./database.ts";
import { changeColumns } from "./ddl-writer.ts";
import { durablePhase } from "./durable-phase.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { insertRange, type SampleTable } from "./sample-table.ts";
import {
  makeSource,
  type SourceKind,
  tablesOf,
  type TestSource,
  valueOptions,
  writerSettings,
} from "./sources.ts";
import { openClient, patiently } from "./sql-client.ts";
import type { Target, TargetKind } from "./targets.ts";
import { fitting, makeTarget } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

/** How much is done to a source. */
export interface WholeOptions {
  readonly from: SourceKind;
  readonly into: TargetKind;
  /** Of each session, in each of two rounds. */
  readonly transactions: number;
  /** Schema changes in each round. */
  readonly schemaChanges: number;
  /** Rows of the largest transaction. */
  readonly largeRows: number;
  /** How often the process is killed in each round, at moments that the seed says. */
  readonly kills: number;
}

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 20_261_121);
const SYNC_MS = 240_000;

/** Every table of a source, with every kind of write and schema change, into a target: equal in the end, or a test fails. */
export function describeWhole(options: WholeOptions): void {
  const { from, into } = options;
  describe(`every table and every kind of write of ${from}, into ${into}`, () => {
    let source: TestSource;
    let target: Target;
    let whole: Whole;
    let folder: string;

    beforeAll(async () => {
      [source, target] = await Promise.all([makeSource(from), makeTarget(into)]);
      const tables = fitting(into, tablesOf[from]);
      await buildSource(source.url, tables);
      folder = await mkdtemp(join(tmpdir(), "millrace-e2e-"));
      const file = await writePipelineFile({
        path: join(folder, "whole.yaml"),
        name: nameOf(source),
        sourceUrl: source.url,
        tables: from === "postgres" ? String.raw`\.*.\.*` : String.raw`\.*`,
        source: valueOptions[from],
        sink: target.sink,
      });
      whole = new Whole(options, { source, target }, tables, file);
    });
    afterAll(async () => {
      await rm(folder, { recursive: true });
      await target.release();
      await source.release();
    });

    it(`leaves source and target equal row by row (seed ${seed})`, async () => {
      await whole.live();
      expect(await whole.differences()).toEqual([]);
    });

    it("is found equal by `millrace verify` too", async () => {
      const verified = await runToEnd(["verify", whole.file, "--json"]);
      expect(verified.tail()).toContain('"equal":true');
    });
  });
}

const nameOf = ({ database }: TestSource): string => `whole_${database}`;

class Whole {
  readonly file: string;
  readonly #options: WholeOptions;
  readonly #source: TestSource;
  readonly #target: Target;
  readonly #tables: readonly SampleTable[];
  readonly #numbers = new Numbers();
  readonly #dice = new Dice(seed);

  constructor(
    options: WholeOptions,
    ends: { readonly source: TestSource; readonly target: Target },
    tables: readonly SampleTable[],
    file: string,
  ) {
    this.#options = options;
    this.#source = ends.source;
    this.#target = ends.target;
    this.#tables = tables;
    this.file = file;
  }

  /** Writes while the tables are loaded and while they are followed; ends caught up. */
  async live(): Promise<void> {
    const early = this.#write(1, Math.min(5000, this.#options.largeRows));
    let run = await this.#killed(this.#run());
    await early;
    if (this.#options.kills === 0) await run.waitForSync(this.#tables.length, SYNC_MS);
    else await this.#loaded();
    const late = this.#write(2, this.#options.largeRows);
    run = await this.#killed(run);
    await Promise.all([late, run.running]);
    expect(await run.stop()).toEqual({ code: 0, signal: null });
    await runToEnd([...this.#args, "--until-caught-up"], SYNC_MS);
  }

  /** A process that follows a killed one tells of the tables that were not in SYNC by then: the sink knows all. */
  async #loaded(): Promise<void> {
    const phase = () => durablePhase(this.#target.url, nameOf(this.#source));
    await expect.poll(phase, { timeout: SYNC_MS, interval: 200 }).toBe("SYNC");
  }

  differences(): ReturnType<typeof compareDatabases> {
    const { url, database, kind } = this.#source;
    const compared = this.#tables.map((table) => {
      const named = kind === "postgres" ? table : { schema: database, name: table.name };
      return { source: named, target: named };
    });
    return compareDatabases(url, this.#target.url, compared);
  }

  get #args(): readonly string[] {
    return ["run", this.file, "--json", "--listen", "off"];
  }

  #run(): MillraceProcess {
    return new MillraceProcess(this.#args);
  }

  /** Kills a process as often as is wanted; gives the one that lives. */
  async #killed(first: MillraceProcess): Promise<MillraceProcess> {
    let run = first;
    for (let kill = 0; kill < this.#options.kills; kill += 1) {
      await run.running;
      await new Promise((resolve) => setTimeout(resolve, this.#dice.between(100, 1500)));
      run.kill();
      await run.ended;
      run = this.#run();
    }
    return run;
  }

  /** Several sessions at once, one that changes columns, and one that commits a single large transaction. */
  async #write(round: number, large: number): Promise<void> {
    const { from, transactions, schemaChanges } = this.#options;
    const common = { url: this.#source.url, numbers: this.#numbers };
    const sessions = writerSettings[from].map((settings, session) =>
      writeSession({
        ...common,
        // Of a row that is known by a unique key, logs that are not full hold that key, which is none to us.
        tables: this.#tables.filter(({ name }) => name !== "s_unique" || settings.length === 0),
        dice: new Dice(seed + round * 100 + session + 1),
        transactions,
        largeRows: 2000,
        pauseMs: 5,
        settings,
      }),
    );
    const ddl = changeColumns({
      ...common,
      tables: this.#tables.filter(({ manners }) => manners.ddl),
      dice: new Dice(seed + round),
      steps: schemaChanges,
      retypes: true,
      remakes: from !== "postgres",
      pauseMs: 150,
    });
    await Promise.all([...sessions, ddl, this.#writeLarge(large)]);
  }

  /** Rows that come, go in part, and change in part, all in one transaction. */
  async #writeLarge(rows: number): Promise<void> {
    const table = this.#tables.find(({ name }) => name === "big");
    if (table === undefined) throw new Error("No table big");
    const first = this.#numbers.take(rows, table);
    const made = `n BETWEEN ${first} AND ${first + rows - 1}`;
    const client = await openClient(this.#source.url);
    try {
      await patiently(
        client,
        `ROLLBACK; BEGIN; ${insertRange(table, first, first + rows - 1)};
         SAVEPOINT earlier; DELETE FROM big WHERE ${made}; ROLLBACK TO SAVEPOINT earlier;
         DELETE FROM big WHERE ${made} AND n % 10 = 0;
         UPDATE big SET ${table.dialect.quote("int4")} = 5 WHERE ${made} AND n % 10 = 1; COMMIT`,
      );
    } finally {
      await client.end();
    }
  }
}
