import { describe, expect, it } from "vitest";
import { untruths } from "./check-invariants.mjs";

const files = {
  "packages/millrace/src/a.test.ts": 'it("holds", …)',
  "test/b.test.ts": "it(`also holds (${seed})`, …)",
  "test/c.test.ts": "it(`seed ${seed} of ${profile} holds: ${was}`, …)",
};
const read = (path) => files[path] ?? null;

/** A page on which every invariant names the same row. */
const pageWith = (row) =>
  Array.from({ length: 11 }, (_, index) => `## ${index + 1}. Title\n\n${row}\n`).join("\n");

describe("the page of invariants", () => {
  it("is true where its files and tests are there", () => {
    const page = pageWith(
      "| `a.test.ts` | holds | yes |\n| `test/b.test.ts` | also holds | not yet |",
    );
    expect(untruths(page, read)).toEqual([]);
  });

  it("knows tests whose names are made of their data", () => {
    const page = (name) =>
      `${pageWith("| `a.test.ts` | holds | yes |")}\n| x | 1 | \`test/c.test.ts\` · ${name} |`;
    expect(untruths(page("seed 3 of told holds"), read)).toEqual([]);
    expect(untruths(page("seed 3 of told held"), read)).toHaveLength(1);
  });

  it("is untrue where a test or a file is gone", () => {
    const page = `${pageWith("| `a.test.ts` | holds | yes |")}\nKept in \`pipeline/gone.ts\`.
| \`a.test.ts\` | held once | yes |\n| x | 1 | \`test/b.test.ts\` · did hold |`;
    expect(untruths(page, read)).toEqual([
      "there is no pipeline/gone.ts",
      'a.test.ts has no test "held once"',
      'test/b.test.ts has no test "did hold"',
    ]);
  });

  it("is untrue where an invariant names no test", () => {
    const page = pageWith("| `a.test.ts` | holds | yes |").replace("## 4. Title", "## Title");
    expect(untruths(page, read)).toEqual(["invariant 4 names no test"]);
  });
});
