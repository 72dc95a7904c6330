import { describe, expect, it } from "vitest";
import type { ChunkRead } from "./load-audit.ts";
import { chunkReads, unexplained, witnessedVersions } from "./load-audit.ts";
import { sampleTables } from "./schema.ts";

const table = sampleTables.find(({ name }) => name === "k_int8");
if (table === undefined) throw new Error("No table k_int8");
const audited = { table, column: "k" };

const all: ChunkRead = { from: null, to: null };
const differences = (log: string, target: string, reads: readonly ChunkRead[]): readonly string[] =>
  unexplained(new Map([["7", log.split(" ")]]), new Map([["7", target.split(" ")]]), reads);

describe("the audit of a load", () => {
  it("finds nothing where every change was applied once, beside rows that chunks read", () => {
    expect(differences("+1 +2 - +3", "+1 +2 - +3", [])).toEqual([]);
    // Read ahead of the log: the log then goes through the same versions.
    expect(differences("+1 +2", "+2 +1 +2", [all])).toEqual([]);
    // The row that was there before, then its deletion.
    expect(differences("-", "+9 -", [all])).toEqual([]);
    // A deletion that met no row.
    expect(differences("- +2", "+2", [])).toEqual([]);
  });

  it("finds a change that was applied twice", () => {
    expect(differences("+1 +2", "+1 +2 +2", [])).toHaveLength(1);
    expect(differences("+1 +2 +3", "+1 +2 +1 +2 +3", [all])).toHaveLength(1);
  });

  it("finds a change that was left out, and one in the wrong order", () => {
    expect(differences("+1 +2", "+1", [all, all])).toHaveLength(1);
    expect(differences("+1 -", "+1", [all, all])).toHaveLength(1);
    expect(differences("+1 +2", "+2 +1", [all])).toHaveLength(1);
  });

  it("counts only reads that the key is in", () => {
    const elsewhere = { from: 7n, to: 20n };
    expect(differences("+1", "+1 +1", [elsewhere])).toHaveLength(1);
    expect(differences("+1", "+1 +1", [{ from: 6n, to: 7n }])).toEqual([]);
  });

  it("reads the witness and the source's log", () => {
    const lines = [
      "table public.k_int8: INSERT: k[bigint]:7 n[bigint]:57 version[bigint]:1",
      "table public.k_int8: UPDATE: old-key: k[bigint]:7 new-tuple: k[bigint]:8 version[bigint]:2",
      "table public.k_int8: DELETE: k[bigint]:8",
      "table public.k_txt: DELETE: k[text]:'8'",
    ];
    expect([...witnessedVersions(lines, audited)]).toEqual([
      ["7", ["+1", "-"]],
      ["8", ["+2", "-"]],
    ]);
    const log = `LOG:  statement: COPY (SELECT t."k" FROM "public"."k_int8" AS t WHERE t."k" > '-3'::bigint AND t."k" <= '20'::bigint ORDER BY t."k") TO STDOUT
LOG:  statement: SELECT 1
LOG:  statement: COPY (SELECT t."k" FROM "public"."k_int8" AS t WHERE t."k" <= '-3'::bigint ORDER BY t."k") TO STDOUT`;
    expect(chunkReads(log, audited)).toEqual([
      { from: -3n, to: 20n },
      { from: null, to: -3n },
    ]);
  });
});
