import { describe, expect, it } from "vitest";
import type { TargetChange } from "../../model/sink.ts";
import { nextStep, putAwayName } from "./alter-plan.ts";
import type { CatalogueTable } from "./catalogue.ts";
import { POSTGRES } from "./profile.ts";
import { BIGINT, TEXT, shapeOf } from "./sink-servers.fixture.ts";
import { mapTargetTable } from "./table-mapping.ts";

type Alter = Extract<TargetChange, { kind: "alter" }>;

function change(columns: readonly string[], rest: Partial<Alter>): Alter {
  const types = Object.fromEntries(columns.map((name) => [name, name === "id" ? BIGINT : TEXT]));
  const options = { profile: POSTGRES, unconstrainedNumeric: "numeric" } as const;
  const table = mapTargetTable(shapeOf("t", types), { schema: "public", name: "t" }, options);
  return { kind: "alter", table, renames: [], drops: [], replaces: [], tag: "1", ...rest };
}

function catalogue(...columns: readonly string[]): CatalogueTable {
  const made = columns.map((column) => {
    const [name = "", type = "text", notNull] = column.split(":");
    return {
      name,
      type: name === "id" ? "bigint" : type,
      notNull: notNull === "!" || name === "id",
      filled: false,
      generated: false,
    };
  });
  return {
    columns: made,
    keys: [{ columns: ["id"], primary: true }],
    otherConstraints: [],
    parents: [],
    children: [],
  };
}

const away = putAwayName("1", "x");

describe("the next step of a change", () => {
  it.each<[string, CatalogueTable, Alter, string | null]>([
    ["adds what is missing", catalogue("id"), change(["id", "a"], {}), 'ADD COLUMN "a" text'],
    ["tolerates a stray column", catalogue("id", "stray"), change(["id"], {}), null],
    [
      "puts a dropped column away",
      catalogue("id", "x"),
      change(["id"], { drops: ["x"] }),
      `RENAME COLUMN "x" TO "${away}"`,
    ],
    [
      "lets a column be NULL before it puts it away",
      catalogue("id", "x:text:!"),
      change(["id"], { drops: ["x"] }),
      'ALTER COLUMN "x" DROP NOT NULL',
    ],
    ["leaves what is away already", catalogue("id", away), change(["id"], { drops: ["x"] }), null],
    [
      "never puts a second column away under one name",
      catalogue("id", "x", away),
      change(["id"], { drops: ["x"] }),
      null,
    ],
    [
      "renames",
      catalogue("id", "x"),
      change(["id", "y"], { renames: [{ from: "x", to: "y" }] }),
      'RENAME COLUMN "x" TO "y"',
    ],
    [
      "does not rename twice",
      catalogue("id", "y"),
      change(["id", "y"], { renames: [{ from: "x", to: "y" }] }),
      null,
    ],
    [
      "drops before it renames onto the name",
      catalogue("id", "x", "y"),
      change(["id", "y"], { drops: ["y"], renames: [{ from: "x", to: "y" }] }),
      `RENAME COLUMN "y" TO "${putAwayName("1", "y")}"`,
    ],
    [
      "puts a retyped column away",
      catalogue("id", "x:integer"),
      change(["id", "x"], { replaces: ["x"] }),
      `RENAME COLUMN "x" TO "${away}"`,
    ],
    [
      "leaves a column that has its new type",
      catalogue("id", "x:text"),
      change(["id", "x"], { replaces: ["x"] }),
      null,
    ],
    [
      "adds the retyped column",
      catalogue("id", away),
      change(["id", "x"], { replaces: ["x"] }),
      'ADD COLUMN "x" text',
    ],
  ])("%s", (_, actual, wanted, step) => {
    expect(nextStep(actual, wanted)).toBe(
      step === null ? null : `ALTER TABLE "public"."t" ${step}`,
    );
  });

  it("makes columns anew that are dropped and wanted, whenever it is interrupted", () => {
    const wanted = change(["id", "x", "y"], { drops: ["x", "y"] });
    const steps: string[] = [];
    let columns: readonly string[] = ["id", "x", "y"];
    for (let step = nextStep(catalogue(...columns), wanted); step !== null && steps.length < 9;) {
      steps.push(step.replace('ALTER TABLE "public"."t" ', ""));
      const [, from, to] = /RENAME COLUMN "(.*)" TO "(.*)"/.exec(step) ?? [];
      const [, added] = /ADD COLUMN "(.*)" text/.exec(step) ?? [];
      columns = columns.map((name) => (name === from ? (to ?? name) : name)).concat(added ?? []);
      step = nextStep(catalogue(...columns), wanted);
    }
    expect(steps).toEqual([
      `RENAME COLUMN "x" TO "${away}"`,
      `RENAME COLUMN "y" TO "${putAwayName("1", "y")}"`,
      'ADD COLUMN "x" text',
      'ADD COLUMN "y" text',
    ]);
  });

  it("refuses a cycle of any length, not a chain", () => {
    const cycle = [
      { from: "a", to: "b" },
      { from: "b", to: "c" },
      { from: "c", to: "a" },
    ];
    const columns = ["id", "a", "b", "c"];
    expect(() => nextStep(catalogue(...columns), change(columns, { renames: cycle }))).toThrow(
      /go round in a circle/,
    );
    const chain = nextStep(
      catalogue("id", "a", "b"),
      change(["id", "b", "c"], { renames: cycle.slice(0, 2) }),
    );
    expect(chain).toBe('ALTER TABLE "public"."t" RENAME COLUMN "b" TO "c"');
  });
});

describe("putAwayName", () => {
  it("fits into 63 bytes, and differs by barrier and by column", () => {
    const long = putAwayName(`{"commit":"${"9".repeat(200)}"}`, "é".repeat(60));
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(63);
    const names = [
      putAwayName("1", "a"),
      putAwayName("1", "b"),
      putAwayName("2", "a"),
      putAwayName("1/", "a"),
      // Nor do they meet where what can be read of their barriers is the same.
      putAwayName("1:", "a"),
      putAwayName(`${"9".repeat(200)}1`, "a"),
      putAwayName(`${"9".repeat(200)}2`, "a"),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});
