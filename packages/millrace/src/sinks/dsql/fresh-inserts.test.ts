import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Commit, Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import { FreshInserts } from "./fresh-inserts.ts";
import { DSQL } from "./profile.ts";
import { BIGINT, commitOf, shapeOf } from "./sink-servers.fixture.ts";
import { mapTargetTable } from "./table-mapping.ts";

function tableOf(name: string): TargetTable {
  const options = { profile: DSQL, unconstrainedNumeric: "numeric" } as const;
  return mapTargetTable(shapeOf(name, { id: BIGINT }), { schema: "public", name }, options);
}

const [table, other] = [tableOf("a"), tableOf("b")];
const fresh = (of: TargetTable): Write => ({
  kind: "upsert",
  table: of,
  rows: [["1"]],
  fresh: true,
});
const known = (of: TargetTable): Write => ({ kind: "upsert", table: of, rows: [["1"]] });
const commit = (...writes: Write[]): Commit => commitOf(1, 0, writes);
const refusal = (sqlState: string, write: number): MillraceError =>
  new MillraceError("MR_SINK_CONSTRAINT", "refused", { facts: { sqlState, write } });

/** How many commits go as upserts until the table is tried again. */
function restOf(inserts: FreshInserts): number {
  for (let commits = 0; ; commits += 1)
    if (inserts.choose(commit(fresh(table))).has(table)) return commits;
}

describe("rows that are most likely new", () => {
  it("go as INSERTs, and rows that are not so do not", () => {
    const inserts = new FreshInserts();
    expect([...inserts.choose(commit(fresh(table), known(other)))]).toEqual([table]);
    expect([...inserts.choose(commit(known(table)))]).toEqual([]);
  });

  it("go as upserts for a while after one was there, twice as long after each time", () => {
    const inserts = new FreshInserts();
    const batch = commit(known(other), fresh(table));
    const chosen = inserts.choose(batch);
    expect(inserts.refused(refusal("23505", 1), batch, chosen)).toBe(true);
    expect(restOf(inserts)).toBe(64);
    expect(inserts.refused(refusal("23505", 1), batch, chosen)).toBe(true);
    expect(restOf(inserts)).toBe(128);
    expect([...inserts.choose(commit(fresh(other)))]).toEqual([other]);
  });

  it("leave a refusal to others that is of an upsert, of another kind, or of a statement of our own", () => {
    const inserts = new FreshInserts();
    const batch = commit(known(other), fresh(table));
    const chosen = inserts.choose(batch);
    expect(inserts.refused(refusal("23505", 0), batch, chosen)).toBe(false);
    expect(inserts.refused(refusal("23502", 1), batch, chosen)).toBe(false);
    expect(inserts.refused(new MillraceError("MR_SINK_CONFLICT", "x"), batch, chosen)).toBe(false);
    expect(inserts.refused(refusal("23505", 1), batch, new Set())).toBe(false);
    expect(inserts.choose(batch).has(table)).toBe(true);
  });
});
