/**
 * Random DDL and DML in the same transactions, with schema changes told by an event trigger and without: both end equal
 * (I1, I2). `MILLRACE_DDL_SEEDS=20` runs as many seeds, each on both kinds of sinks and both ways.
 */
import { describe, expect, it } from "vitest";
import type { MillraceRun } from "./millrace-run.ts";
import { Dice } from "./random.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";
import { targetKinds } from "./targets.ts";

const SEEDS = Number(process.env["MILLRACE_DDL_SEEDS"] ?? 0);
const TRANSACTIONS = 12;

const TABLES = `
  CREATE TABLE keyed (id int PRIMARY KEY, a text, b int);
  CREATE TABLE keyless (id int, a text, b int); ALTER TABLE keyless REPLICA IDENTITY FULL;
  INSERT INTO keyed SELECT g, 'a' || g, g FROM generate_series(1, 40) g;
  INSERT INTO keyless SELECT * FROM keyed`;

type Type = "int" | "text";

/** What a table's columns are called now, beside its id; kept in step with what the statements do. */
class Table {
  readonly name: string;
  columns: { name: string; type: Type }[] = [
    { name: "a", type: "text" },
    { name: "b", type: "int" },
  ];
  #next = 0;

  constructor(name: string) {
    this.name = name;
  }

  alter(dice: Dice): string[] {
    const alter = `ALTER TABLE ${this.name}`;
    const column = dice.pick(this.columns);
    const other = dice.pick(this.columns);
    const fresh = `n${(this.#next += 1)}`;
    const kind = dice.pick([
      "add",
      "fill",
      "drop",
      "rename",
      "remake",
      "exchange",
      "retype",
      "same type",
    ] as const);
    const few = this.columns.length < 3;
    if (kind === "add" || kind === "fill" || few) {
      this.columns.push({ name: fresh, type: "int" });
      return [`${alter} ADD ${fresh} int${kind === "fill" ? " DEFAULT 7" : ""}`];
    }
    if (kind === "drop") {
      this.columns = this.columns.filter((one) => one !== column);
      return [`${alter} DROP ${column.name}`];
    }
    if (kind === "rename") {
      const statement = `${alter} RENAME ${column.name} TO ${fresh}`;
      column.name = fresh;
      return [statement];
    }
    if (kind === "remake") {
      this.columns = [...this.columns.filter((one) => one !== column), column];
      return [`${alter} DROP ${column.name}, ADD ${column.name} ${column.type}`];
    }
    if (kind === "retype" && column.type === "int") {
      column.type = "text";
      return [
        `${alter} ALTER ${column.name} DROP DEFAULT, ALTER ${column.name} TYPE text USING 'c' || ${column.name}`,
      ];
    }
    if (kind === "exchange" && column !== other) {
      const [one, two] = [column.name, other.name];
      column.name = two;
      other.name = one;
      return [
        `${alter} RENAME ${one} TO between`,
        `${alter} RENAME ${two} TO ${one}`,
        `${alter} RENAME between TO ${two}`,
      ];
    }
    return [];
  }

  write(dice: Dice, ids: { next: number }): string {
    const column = dice.pick(this.columns);
    const value = column.type === "int" ? String(dice.between(0, 99)) : `'v${dice.between(0, 99)}'`;
    const kind = dice.pick(["insert", "update", "update", "delete"] as const);
    if (kind === "insert")
      return `INSERT INTO ${this.name} (id, ${column.name}) VALUES (${(ids.next += 1)}, ${value})`;
    const where = `WHERE id % 7 = ${dice.between(0, 6)}`;
    return kind === "update"
      ? `UPDATE ${this.name} SET ${column.name} = ${value} ${where}`
      : `DELETE FROM ${this.name} ${where} AND id > 20`;
  }
}

/** Transactions of a seed, the same whoever reads them; some DDL is rolled back by savepoints, some with all the rest. */
function transactions(seed: number): string[] {
  const dice = new Dice(seed);
  const tables = [new Table("keyed"), new Table("keyless")];
  const ids = { next: 1_000 };
  return Array.from({ length: TRANSACTIONS }, () => {
    const lost = structuredClone(tables.map(({ columns }) => columns));
    const statements = Array.from({ length: dice.between(1, 6) }, () => {
      const table = dice.pick(tables);
      const step = dice.chance(0.4) ? table.alter(dice) : [table.write(dice, ids)];
      if (!dice.chance(0.15)) return step;
      const before = `SAVEPOINT s; ALTER TABLE ${table.name} ADD gone int DEFAULT 3; UPDATE ${table.name} SET gone = 4; ROLLBACK TO s`;
      return [before, ...step];
    }).flat();
    const isKept = !dice.chance(0.15);
    if (!isKept) for (const [index, table] of tables.entries()) table.columns = lost[index] ?? [];
    return ["BEGIN", ...statements, isKept ? "COMMIT" : "ROLLBACK"].join("; ");
  });
}

/** Rows without what barriers have put away, and without the key that a table has at the target only. */
async function rowsOf(ask: (sql: string) => Promise<Record<string, unknown>[]>): Promise<unknown> {
  const found: Record<string, string[]> = {};
  for (const name of ["keyed", "keyless"]) {
    const rows = await ask(`SELECT * FROM ${name}`);
    const texts = rows.map((row) =>
      JSON.stringify(
        Object.entries(row)
          .filter(([column]) => !/^_dropped_|^_millrace_key$/.test(column))
          .toSorted(([a], [b]) => a.localeCompare(b)),
      ),
    );
    found[name] = texts.toSorted((a, b) => a.localeCompare(b));
  }
  return found;
}

/** Where they stay different, what the run said and what barriers have put away at the target is told too. */
async function expectEqual(pipeline: SmallPipeline, run: MillraceRun): Promise<void> {
  const wanted = await rowsOf((sql) => pipeline.atSource(sql));
  try {
    await expect
      .poll(() => rowsOf((sql) => pipeline.atTarget(sql)), { timeout: 60_000, interval: 200 })
      .toEqual(wanted);
  } catch (thrown) {
    const left = await Promise.all(
      ["keyed", "keyless"].map((name) => pipeline.atTarget(`SELECT * FROM ${name}`)),
    );
    throw new Error(`${run.output.join("\n")}\n${JSON.stringify(left)}`, { cause: thrown });
  }
}

const ways = ["event-trigger", "off"] as const;
const cases =
  SEEDS === 0
    ? [["postgres", "event-trigger", 1] as const]
    : Array.from({ length: SEEDS }, (_, n) =>
        targetKinds.flatMap((kind) => ways.map((way) => [kind, way, n + 1] as const)),
      ).flat();

describe("DDL between rows of the same transactions", () => {
  it.for(cases)("arrives in %s with messages: %s, seed %i", async ([kind, way, seed]) => {
    const pipeline = await smallPipeline(TABLES, kind);
    try {
      await pipeline.write({ source: { "schema-change.messages": way } });
      await pipeline.caughtUp();
      const all = transactions(seed);
      await pipeline.whileRunning(async (run) => {
        for (const sql of all.slice(0, TRANSACTIONS / 2)) await pipeline.source.query(sql);
        await expectEqual(pipeline, run);
      });
      for (const sql of all.slice(TRANSACTIONS / 2)) await pipeline.source.query(sql);
      await expectEqual(pipeline, await pipeline.caughtUp());
    } finally {
      await pipeline.release();
    }
  });
});
