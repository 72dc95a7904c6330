import { describe, expect, it } from "vitest";
import { tableId } from "../model/table.ts";
import type { StandingVerdict } from "../table-standings.ts";
import { explanation, verdictText } from "./verify-command.ts";

const table = tableId("public", "orders");
const same: StandingVerdict = {
  table,
  target: table,
  sourceRows: 3000,
  targetRows: 3000,
  missing: 0,
  extra: 0,
  different: 0,
  unsettled: 0,
  cutShort: false,
  problem: null,
  rows: [],
  deadLetters: 0,
  paused: false,
};

describe("verdictText", () => {
  it("says equal of a table that is", () => {
    expect(verdictText({ ...same, sourceRows: 1 })).toBe("public.orders: equal, 1 row\n");
    expect(verdictText(same)).toBe("public.orders: equal, 3,000 rows\n");
  });

  it("never says equal of a table that could not be compared, but why not", () => {
    const problem = "the target table does not exist";
    expect(verdictText({ ...same, sourceRows: 0, targetRows: 0, problem })).toBe(
      "public.orders: could not be compared: the target table does not exist\n",
    );
  });

  it("counts what differs, and names a target of another name", () => {
    const target = tableId("copy", "orders");
    expect(verdictText({ ...same, target, missing: 2, targetRows: 2998 })).toBe(
      "public.orders → copy.orders: 2 missing; 3,000 rows at the source, 2,998 at the target\n",
    );
  });
});

describe("what a pipeline has about a table beside its rows", () => {
  it("is told behind its counts, equal or not, compared or not", () => {
    expect(verdictText({ ...same, deadLetters: 1 })).toBe(
      "public.orders: equal, 3,000 rows; 1 dead letter\n",
    );
    expect(
      verdictText({ ...same, missing: 2, targetRows: 2998, deadLetters: 2, paused: true }),
    ).toBe(
      "public.orders: 2 missing; 3,000 rows at the source, 2,998 at the target; 2 dead letters; paused\n",
    );
    expect(verdictText({ ...same, problem: "it is gone", paused: true })).toBe(
      "public.orders: could not be compared: it is gone; paused\n",
    );
  });

  it("is explained once", () => {
    const text = explanation(
      [
        { ...same, deadLetters: 1 },
        { ...same, deadLetters: 1, paused: true },
      ],
      false,
    );
    expect(text.split("\n")).toEqual([
      "(dead letters: rows that the target refuses (`millrace dead-letters`))",
      "(paused: its changes are left out until `millrace resume TABLE` loads it again)",
      "",
    ]);
  });
});

describe("rows that are named", () => {
  const named = (key: Readonly<Record<string, string>>) =>
    verdictText({
      ...same,
      different: 1,
      rows: [{ kind: "different", key, columns: ["note"] }],
    }).split("\n")[1];

  it("are so by their key, cut where it is long, and by columns, never by another value", () => {
    expect(named({ a: "1", b: "x" })).toBe("  different a=1 b=x: note");
    expect(named({ id: "k".repeat(700) })).toBe(`  different id=${"k".repeat(116)}…: note`);
    expect(named({ id: "😀".repeat(700) })).toBe(`  different id=${"😀".repeat(116)}…: note`);
  });

  it("cannot move a terminal's cursor", () => {
    expect(named({ id: "x\u001B[2J" })).toBe(String.raw`  different id="x\u001b[2J": note`);
  });
});

describe("counts of rows", () => {
  it("are told as near where they do not fit the differences: they were taken at other moments", () => {
    const moved = { ...same, missing: 2, sourceRows: 32_062, targetRows: 32_079 };
    expect(verdictText(moved)).toBe(
      "public.orders: 2 missing; about 32,062 rows at the source, about 32,079 at the target\n",
    );
    expect(verdictText({ ...same, unsettled: 1 })).toContain("; about 3,000 rows at the source");
  });
});

describe("explanation", () => {
  it("is nothing where the tables are equal or differ only in values", () => {
    expect(explanation([same, { ...same, different: 2 }], false)).toBe("");
  });

  it("says once what rows are that could not be judged, and what to do", () => {
    const tables = [
      { ...same, unsettled: 2 },
      { ...same, unsettled: 1, missing: 1 },
    ];
    const text = explanation(tables, false);
    expect(text.split("\n")).toEqual([
      "(missing: at the source, not at the target)",
      expect.stringMatching(/^\(unsettled: .*Is it running \(`millrace status`\)\?.*\)$/),
      "",
    ]);
    const standing = explanation(tables, true);
    expect(standing).toContain("the pipeline brought no changes");
    expect(standing).not.toContain("Is it running");
  });
});
