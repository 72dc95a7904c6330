import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SharedPostgres } from "../support/postgres.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { compareDatabases } from "./compare-databases.ts";
import { buildSource } from "./database.ts";
import { changeColumns } from "./ddl-writer.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { insertRange } from "./sample-table.ts";
import { sampleTables } from "./schema.ts";
import type { Target } from "./targets.ts";
import { fitting, makeTarget, targetKinds } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 20_261_121);
const largeRows = Number(process.env["MILLRACE_TEST_LARGE_ROWS"] ?? 200_000);

describe.each(targetKinds)("every table and every kind of write, into %s", (kind) => {
  let source: SharedPostgres;
  let target: Target;
  let folder: string;
  let file: string;
  const numbers = new Numbers();
  const tables = fitting(kind, sampleTables);

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), makeTarget(kind)]);
    await buildSource(source.url, tables);
    folder = await mkdtemp(join(tmpdir(), "millrace-e2e-"));
    file = await writePipelineFile({
      path: join(folder, "whole.yaml"),
      name: `whole_${source.database}`,
      sourceUrl: source.url,
      tables: String.raw`\.*.\.*`,
      sink: target.sink,
    });
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await target.release();
    await source.release();
  });

  /** Several sessions at once, one that changes columns, and one that commits a single large transaction. */
  async function write(round: number, large: number): Promise<void> {
    const common = { url: source.url, numbers };
    const sessions = [1, 2, 3].map((session) =>
      writeSession({
        ...common,
        tables,
        dice: new Dice(seed + round * 100 + session),
        transactions: 120,
        largeRows: 2000,
        pauseMs: 5,
      }),
    );
    const ddl = changeColumns({
      ...common,
      tables: tables.filter(({ manners }) => manners.ddl),
      dice: new Dice(seed + round),
      steps: 12,
      retypes: true,
      pauseMs: 150,
    });
    await Promise.all([...sessions, ddl, writeLarge(large)]);
  }

  /** Rows that come, go in part, and change in part, all in one transaction. */
  async function writeLarge(rows: number): Promise<void> {
    const table = tables.find(({ name }) => name === "big");
    if (table === undefined) throw new Error("No table big");
    const first = numbers.take(rows, table);
    const last = first + rows - 1;
    await source.query(
      `BEGIN; ${insertRange(table, first, last)};
       SAVEPOINT before; DELETE FROM big WHERE n BETWEEN ${first} AND ${last}; ROLLBACK TO SAVEPOINT before;
       DELETE FROM big WHERE n BETWEEN ${first} AND ${last} AND n % 10 = 0;
       UPDATE big SET txt = 'changed' WHERE n BETWEEN ${first} AND ${last} AND n % 10 = 1; COMMIT`,
    );
  }

  it(`leaves source and target equal row by row (seed ${seed})`, async () => {
    const early = write(1, 5000);
    const run = new MillraceProcess(["run", file, "--json", "--listen", "off"]);
    await early;
    await run.waitForSync(tables.length, 60_000);
    await write(2, largeRows);
    expect(await run.stop()).toEqual({ code: 0, signal: null });
    await runToEnd(["run", file, "--until-caught-up", "--json", "--listen", "off"], 120_000);
    const compared = tables.map((table) => ({ source: table, target: table }));
    expect(await compareDatabases(source.url, target.url, compared)).toEqual([]);
  });

  it("is found equal by `millrace verify` too", async () => {
    const verified = await runToEnd(["verify", file, "--json"]);
    expect(verified.tail()).toContain('"equal":true');
  });
});
