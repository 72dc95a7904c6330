import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { pathOf, PROMISED, testFileOf, without } from "./guard.ts";
import { GUARDS } from "./guards.ts";
import { withGuards } from "./page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");

/** Where a string of the file begins with the name: as a part of a title it would be played, and found missing. */
function beginnings(text: string, name: string): readonly number[] {
  return ['"', "'", "`"].map((quote) => text.indexOf(quote + name)).filter((at) => at >= 0);
}

describe("the list of guards", () => {
  it.each(GUARDS.map((guard) => [guard.guard, guard] as const))(
    "finds the one that %s, and its test",
    (_, guard) => {
      expect(without(guard, textOf(pathOf(guard)))).not.toBe(textOf(pathOf(guard)));
      expect(existsSync(join(root, guard.shownBy.file))).toBe(true);
      if (!guard.shownBy.name.includes("seed "))
        expect(beginnings(textOf(testFileOf(guard)), guard.shownBy.name)).not.toEqual([]);
    },
  );

  it("has one for every invariant, and for each paragraph of how they hold", () => {
    const kept = new Set(GUARDS.flatMap((guard) => guard.keeps));
    expect(PROMISED.filter((name) => !kept.has(name))).toEqual([]);
  });

  it("stands in docs/invariants.md as it is", () => {
    const page = textOf("docs/invariants.md");
    expect(withGuards(page, GUARDS)).toBe(page);
  });

  it("tells of a test that a guard names which one, and of others what somebody has tried, or that nobody has", () => {
    const [guard] = GUARDS;
    if (guard === undefined) throw new Error("no guards");
    const row = (seen: string, name = guard.shownBy.name): string =>
      `| \`${guard.shownBy.file}\` | ${name} | ${seen} |\n`;
    const end = "<!-- guards: written by `npm run guards -- --write` -->\n<!-- end of guards -->";
    const first = (page: string): string => page.slice(0, page.indexOf("\n") + 1);
    const told = row(`guard: ${guard.guard}`);
    expect(first(withGuards(row("not yet") + end, [guard]))).toBe(told);
    expect(first(withGuards(row("by hand: 3 of 460 seeds") + end, [guard]))).toBe(
      row("by hand: 3 of 460 seeds"),
    );
    expect(first(withGuards(told + end, []))).toBe(row("not yet"));
    expect(first(withGuards(row("not yet", "another") + end, [guard]))).toBe(
      row("not yet", "another"),
    );
  });

  it("refuses a text that is not there exactly once", () => {
    const guard = GUARDS[0];
    if (guard === undefined) throw new Error("no guards");
    expect(() => without(guard, "")).toThrow("exactly once");
    expect(() => without(guard, guard.take + guard.take)).toThrow("exactly once");
  });
});
