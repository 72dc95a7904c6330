import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { systemClock } from "../../model/ports.ts";
import type { Commit, Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import { POSTGRES } from "./profile.ts";
import { Replacements } from "./replacements.ts";
import { BIGINT, commitOf, shapeOf } from "./sink-servers.fixture.ts";
import { mapTargetTable } from "./table-mapping.ts";

function tableOf(name: string): TargetTable {
  const options = { profile: POSTGRES, unconstrainedNumeric: "numeric" } as const;
  return mapTargetTable(shapeOf(name, { id: BIGINT }), { schema: "public", name }, options);
}

const [table, other] = [tableOf("a"), tableOf("b")];

/** A batch of `count` known rows, the first with key `from`. */
function known(from: number, count: number, of = table, fresh = false): Write {
  const rows = Array.from({ length: count }, (_, i) => [String(from + i)]);
  return { kind: "upsert", table: of, rows, ...(fresh ? { fresh } : {}) };
}

const commit = (...writes: Write[]): Commit => commitOf(1, 0, writes);

function made() {
  const time = { ms: 0 };
  const replacements = new Replacements({ ...systemClock, monotonic: () => time.ms });
  return { replacements, time };
}

describe("known rows", () => {
  it("are replaced in large batches, fresh ones and few ones are not", () => {
    const { replacements } = made();
    const batch = commit(known(0, 500), known(0, 20, other));
    expect([...replacements.choose(batch)]).toEqual([table]);
    expect([...replacements.choose(commit(known(0, 500, other, true)))]).toEqual([]);
  });

  it("are replaced on and on while no key comes back", () => {
    const { replacements } = made();
    for (let from = 0; from < 100_000; from += 1_000)
      expect(replacements.choose(commit(known(from, 1_000))).size).toBe(1);
    expect(replacements.choose(commit(known(0, 1_000, other))).size).toBe(1);
  });

  it("are upserted for a while once keys come back, unless a vacuum has been there", () => {
    const { replacements, time } = made();
    const batch = commit(known(0, 2_000));
    const chosen = (): number => replacements.choose(batch).size;
    expect(chosen()).toBe(1);
    time.ms = 6 * 60_000;
    expect(chosen()).toBe(1);
    expect(Array.from({ length: 65 }, chosen)).toEqual(Array.from({ length: 65 }, () => 0));
    time.ms = 12 * 60_000;
    expect(chosen()).toBe(1);
  });

  it("are upserted for a while where the server refused, and only its refusals count", () => {
    const { replacements } = made();
    const batch = commit(known(0, 500));
    const chosen = replacements.choose(batch);
    const error = (
      code: "MR_SINK_CONSTRAINT" | "MR_SINK_UNKNOWN_COMMIT",
      sqlState: string | null,
    ) => new MillraceError(code, "refused", { facts: { sqlState, write: 0 } });
    const lost = error("MR_SINK_UNKNOWN_COMMIT", null);
    expect(replacements.refused(lost, batch, chosen)).toBe(false);
    const refusal = error("MR_SINK_CONSTRAINT", "23505");
    expect(replacements.refused(refusal, batch, new Set())).toBe(false);
    expect(replacements.refused(refusal, batch, chosen)).toBe(true);
    const next = Array.from({ length: 65 }, (_, i) => commit(known(1_000 * (i + 1), 500)));
    const sizes = next.map((one) => replacements.choose(one).size);
    expect(sizes).toEqual([...Array.from({ length: 64 }, () => 0), 1]);
  });
});
