import { describe, expect, it } from "vitest";
import type { Commit, Write } from "../../model/sink.ts";
import { planCommit } from "./commit-plan.ts";
import { estimateDpu } from "./dpu-estimate.ts";
import { DSQL } from "./profile.ts";
import { commitOf, shapeOf, BIGINT, TEXT } from "./sink-servers.fixture.ts";
import { stateStatements } from "./state-statements.ts";
import { mapTargetTable } from "./table-mapping.ts";
import { TableStatements } from "./table-statements.ts";

const table = mapTargetTable(
  shapeOf("t", { id: BIGINT, v: TEXT }),
  { schema: "public", name: "t" },
  { profile: DSQL, unconstrainedNumeric: "numeric" },
);

const rowsOf = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, i) => [String(i).padStart(4, "0"), "v".repeat(bytes - 4)]);

/** What a commit of these writes costs, with one lane row and one state row beside them. */
function dpuOf(writes: readonly Write[], deletedSome = 0): number {
  const commit: Commit = commitOf(1, 0, writes);
  const planned = planCommit(commit, {
    task: { pipeline: "p", task: "0" },
    statements: stateStatements("millrace"),
    maxStatementBytes: 1_000_000,
    tableStatements: (of) => new TableStatements(of, true),
    withArrays: () => true,
    withCopy: () => false,
    replaced: new Set(),
    inserted: new Set(),
  });
  if (DSQL.dpu === null) throw new Error("DSQL has no rates");
  return estimateDpu(DSQL.dpu, commit, planned, deletedSome);
}

const OWN_ROWS = 2;
const dpu = (writtenBytes: number) =>
  Math.max(writtenBytes, 1024) * 0.00004883 + Math.max(writtenBytes, 2048) * 0.00000183105;

describe("the DPU estimate", () => {
  it("counts the least of a transaction for one small row", () => {
    expect(dpuOf([{ kind: "upsert", table, rows: rowsOf(1, 100) }])).toBeCloseTo(dpu(1024), 6);
  });

  it("counts 128 bytes for every smaller row, ours included", () => {
    const cost = dpuOf([{ kind: "upsert", table, rows: rowsOf(1000, 20) }]);
    expect(cost).toBeCloseTo(dpu(128 * (1000 + OWN_ROWS)), 6);
    const removed = dpuOf([{ kind: "delete", table, keys: rowsOf(1000, 20) }]);
    expect(removed).toBeCloseTo(cost, 6);
  });

  it("counts the bytes of larger rows, within a tenth", () => {
    const cost = dpuOf([{ kind: "upsert", table, rows: rowsOf(1000, 400) }]);
    const exact = dpu(400 * 1000 + 128 * OWN_ROWS);
    expect(cost).toBeGreaterThanOrEqual(exact);
    expect(cost).toBeLessThan(exact * 1.1);
  });

  it("adds up all that a commit does", () => {
    const one = dpuOf([{ kind: "insert", table, rows: rowsOf(500, 50) }]);
    const [from, row] = rowsOf(2, 50);
    if (from === undefined || row === undefined) throw new Error("no rows");
    const more = dpuOf(
      [
        { kind: "insert", table, rows: rowsOf(500, 50) },
        { kind: "move", table, from, row },
        { kind: "delete-some", table, maxRows: 1000 },
      ],
      300,
    );
    expect(more - one).toBeCloseTo((2 + 300) * 128 * (0.00004883 + 0.00000183105), 6);
  });
});
