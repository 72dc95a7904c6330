import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { pathOf, PROMISED, without } from "./guard.ts";
import { GUARDS } from "./guards.ts";
import { withTable } from "./page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");

describe("the list of guards", () => {
  it.each(GUARDS.map((guard) => [guard.guard, guard] as const))(
    "finds the one that %s, and its test",
    (_, guard) => {
      expect(without(guard, textOf(pathOf(guard)))).not.toBe(textOf(pathOf(guard)));
      expect(existsSync(join(root, guard.shownBy.file))).toBe(true);
      if (!guard.shownBy.name.includes("seed "))
        expect(textOf(guard.shownBy.file)).toContain(guard.shownBy.name);
    },
  );

  it("has one for every invariant, and for each paragraph of how they hold", () => {
    const kept = new Set(GUARDS.flatMap((guard) => guard.keeps));
    expect(PROMISED.filter((name) => !kept.has(name))).toEqual([]);
  });

  it("stands in docs/invariants.md as it is", () => {
    const page = textOf("docs/invariants.md");
    expect(withTable(page, GUARDS)).toBe(page);
  });

  it("refuses a text that is not there exactly once", () => {
    const guard = GUARDS[0];
    if (guard === undefined) throw new Error("no guards");
    expect(() => without(guard, "")).toThrow("exactly once");
    expect(() => without(guard, guard.take + guard.take)).toThrow("exactly once");
  });
});
