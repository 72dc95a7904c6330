import { describe, expect, it } from "vitest";
import { tableId } from "../model/table.ts";
import type { PlannedTable } from "../plan-pipeline.ts";
import { planText } from "./plan-command.ts";

const table = (name: string, planned: Partial<PlannedTable> = {}): PlannedTable => ({
  table: tableId("public", name),
  isKnown: false,
  isLost: false,
  targets: [],
  refused: null,
  notices: [],
  estimatedRows: 1_000,
  chunks: 2,
  leastDpu: 6,
  ...planned,
});
const unknown = { estimatedRows: null, chunks: null, leastDpu: null };

/** The line that sums a plan up. */
const sumOf = (...tables: PlannedTable[]) =>
  planText({ pipeline: "shop", tables, findings: [] }).split("\n").at(-2);

describe("the sum of a plan", () => {
  it("counts rows, chunks and cost of what is loaded", () => {
    expect(sumOf(table("a"), table("b", { chunks: 3 }))).toBe(
      "shop: 2 tables, about 2,000 rows to load in 5 chunks, at least 12 DPU (what Aurora DSQL bills by)",
    );
  });

  it("does not take what nobody knows for nothing", () => {
    const [a, b] = [table("a", unknown), table("b", unknown)];
    expect(sumOf(a, b)).toBe(
      "shop: 2 tables, rows not known in 2 of 2 tables (a database knows them after ANALYZE)",
    );
    expect(sumOf(a, table("c"))).toBe(
      "shop: 2 tables, about 1,000 rows to load in at least 3 chunks, rows not known in 1 of 2 tables (a database knows them after ANALYZE)",
    );
  });

  it("says of a table of unknown size nothing of what it costs, and at its end how much is wrong", () => {
    const finding = { about: "sink", what: "It is full.", whatFollows: "Nothing fits." } as const;
    const text = planText({
      pipeline: "shop",
      tables: [table("a", { ...unknown, chunks: 1, leastDpu: 0 })],
      findings: [
        { ...finding, severity: "error", remedy: "Empty it." },
        { ...finding, severity: "notice", remedy: "Look." },
      ],
    });
    expect(text).toContain("public.a: rows not known, 1 chunk\n");
    expect(text.split("\n").at(-2)).toBe("1 problem: a run would not start");
  });

  it("leaves out what a table has that the sink does not take, and says why", () => {
    const refused = "public.b to public.b: key column id is B; the sink takes no bytea in a key";
    const text = planText({
      pipeline: "shop",
      tables: [table("a"), table("b", { refused, chunks: 0, leastDpu: 0 })],
      findings: [],
    });
    expect(text).toContain(`public.b: the sink does not take it: ${refused}\n`);
    expect(text.split("\n").at(-2)).toBe(
      "shop: 2 tables, about 1,000 rows to load in 2 chunks, at least 6.00 DPU (what Aurora DSQL bills by)",
    );
  });

  it("knows that a table that goes on, or that only a log brings, has nothing to load", () => {
    const goesOn = table("a", { ...unknown, isKnown: true });
    expect(sumOf(goesOn, table("b", { ...unknown, chunks: 0 }))).toBe(
      "shop: 2 tables, about 0 rows to load in 0 chunks",
    );
  });
});
