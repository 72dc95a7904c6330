import { describe, expect, it } from "vitest";
import { noUsage } from "../control/dpu.ts";
import { readRow } from "../postgres/rows.ts";
import { dataRow } from "../wire/messages.ts";
import { explainedRows } from "./explained.ts";

function retold(plan: string, analyze = false, verbose = false): string[] {
  const rows = plan.split("\n").map((line) => dataRow([line]));
  return explainedRows(rows, { analyze, verbose }, "select 1", noUsage()).map(
    (row) => readRow(row)[0] ?? "",
  );
}

describe("a plan", () => {
  it("shows what storage does below a scan of a table", () => {
    const plan = `Limit  (cost=1.00..2.00 rows=5 width=36) (actual time=0.6..0.7 rows=5 loops=1)
  ->  Seq Scan on transactions  (cost=0.76..4.84 rows=6 width=36) (actual time=0.5..0.6 rows=6 loops=1)
        Filter: (payer_id = 1)
        Rows Removed by Filter: 3
Planning Time: 0.1 ms
Execution Time: 0.7 ms`;
    expect(retold(plan, true)).toEqual([
      "Limit  (cost=1.00..2.00 rows=5 width=36) (actual time=0.6..0.7 rows=5 loops=1)",
      "  ->  Full Scan (btree-table) on transactions  (cost=0.76..4.84 rows=6 width=36) (actual time=0.5..0.6 rows=6 loops=1)",
      "        -> Storage Scan on transactions (cost=0.76..4.84 rows=6 width=36) (actual rows=6 loops=1)",
      "            Filters: (payer_id = 1)",
      "            Rows Filtered: 3",
      "            -> B-Tree Scan on transactions (cost=0.76..4.84 rows=6 width=36) (actual rows=6 loops=1)",
      "Planning Time: 0.1 ms",
      "Execution Time: 0.7 ms",
    ]);
  });

  it("is retold without the figures that were not asked for", () => {
    expect(retold("Seq Scan on t a\n  Filter: (id = 1)")).toEqual([
      "Full Scan (btree-table) on t a",
      "  -> Storage Scan on t",
      "      Filters: (id = 1)",
      "      -> B-Tree Scan on t",
    ]);
    expect(retold("Seq Scan on t (actual rows=2 loops=1)", true)).toEqual([
      "Full Scan (btree-table) on t (actual rows=2 loops=1)",
      "  -> Storage Scan on t (actual rows=2 loops=1)",
      "      -> B-Tree Scan on t (actual rows=2 loops=1)",
    ]);
    expect(
      retold("Index Scan using by_v on t  (cost=1..2 rows=1 width=8) (never executed)"),
    ).toEqual([
      "Index Scan using by_v on t  (cost=1..2 rows=1 width=8) (never executed)",
      "  -> Storage Scan on by_v (cost=1..2 rows=1 width=8)",
      "      -> B-Tree Scan on by_v (cost=1..2 rows=1 width=8)",
      "  -> Storage Lookup on t (cost=1..2 rows=1 width=8)",
      "      -> B-Tree Lookup on t (cost=1..2 rows=1 width=8)",
    ]);
  });

  it("takes the index of a primary key for the table, and looks up what another one lacks", () => {
    expect(
      retold("Index Scan using t_pkey on public.t  (cost=1..2 rows=1 width=8)\n  Output: id, v"),
    ).toEqual([
      "Index Only Scan using t_pkey on public.t  (cost=1..2 rows=1 width=8)",
      "  Output: id, v",
      "  -> Storage Scan on t_pkey (cost=1..2 rows=1 width=8)",
      "      Projections: id, v",
      "      -> B-Tree Scan on t_pkey (cost=1..2 rows=1 width=8)",
    ]);
    expect(retold("Index Scan using by_v on t  (cost=1..2 rows=1 width=8)")).toEqual([
      "Index Scan using by_v on t  (cost=1..2 rows=1 width=8)",
      "  -> Storage Scan on by_v (cost=1..2 rows=1 width=8)",
      "      -> B-Tree Scan on by_v (cost=1..2 rows=1 width=8)",
      "  -> Storage Lookup on t (cost=1..2 rows=1 width=8)",
      "      -> B-Tree Lookup on t (cost=1..2 rows=1 width=8)",
    ]);
  });

  it("ends with the query's name and its cost where both are asked for", () => {
    const told = retold(
      "Result  (cost=0..1 rows=1 width=4)\nPlanning Time: 0.1 ms\nExecution Time: 0.1 ms",
      true,
      true,
    );
    expect(told[1]).toMatch(/^Query Identifier: [a-z2-7]{13}$/);
    expect(told.slice(2)).toEqual([
      "Planning Time: 0.1 ms",
      "Execution Time: 0.1 ms",
      "Statement DPU Estimate:",
      "  Compute: 0.00000 DPU",
      "  Read: 0.00000 DPU",
      "  Write: 0.00000 DPU",
      "  Total: 0.00000 DPU",
    ]);
    expect(retold("Result  (cost=0..1 rows=1 width=4)", false, true)).toHaveLength(2);
  });
});
