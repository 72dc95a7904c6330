import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns } from "../../../../test/support/test-runs.ts";
import { GOOD_FILE, parse, problemsOf, surroundings } from "./pipeline-file.fixture.ts";
import { ConfigError } from "./problem.ts";

const SECRET = "geheimnis-71";
const around = surroundings({ PGPASSWORD: SECRET }, { "/run/key": SECRET });

/** A file that uses most of what YAML and the options have. */
const RICH_FILE = `# a comment
source:
  type: postgres
  hostname: db.internal
  port: 5432
  username: "millrace"
  password: \${env:PGPASSWORD}
  tables: shop.public.orders, shop.public.\\.*
  tables.exclude: 'shop.public.audit_\\.*'
  heartbeat.interval: 30s
  slot.failover: true
sink: &sink
  type: dsql
  host: abc123.dsql.eu-west-1.on.aws
  batch-size: 500
route:
  - source-table: public.\\.*
    sink-table: shop.<>
    replace-symbol: <>
transform:
  - source-table: public.orders
    projection: \\*, upper(name) as name
    filter: id > 3
pipeline:
  name: shop
  parallelism: 4
  memory.budget: 64mb
  schema.change.behavior: evolve
`;

/** Whatever a file holds: either it is a pipeline, or every problem has its place and none has the secret. */
function expectAnswer(text: string): void {
  try {
    parse(text, around);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    expect(String(error)).not.toContain(SECRET);
    for (const { place, wrong, remedy } of error.problems) {
      expect(place.line).toBeGreaterThan(0);
      expect(place.column).toBeGreaterThan(0);
      expect(wrong.length * remedy.length).toBeGreaterThan(0);
    }
  }
}

const piece = fc.constantFrom(
  ..."&a|*a|!!binary|!x|<<: *sink|{|}|[|]|- |: |\n|\n  |\t|\"|'|#|%|@|`|>|?|---|...|\u0000|\uFEFF|\uD800|é".split(
    "|",
  ),
  ..."${|${env:|${env:PGPASSWORD}|${file:/run/key}|${file:x:-|null|~|1e999|0x10|.nan|2026-11-21|true|\\.*".split(
    "|",
  ),
  "|",
);

describe("a file of any content", () => {
  it("is answered by a pipeline or by problems with their places, after any edits", () => {
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.nat(12),
      insert: fc.oneof(piece, fc.string()),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let text = RICH_FILE;
        for (const { at, remove, insert } of edits) {
          const from = at % (text.length + 1);
          text = text.slice(0, from) + insert + text.slice(from + remove);
        }
        expectAnswer(text);
      }),
      { numRuns: testRuns(300) },
    );
  });

  it("is answered where sections and options have values of any shape", () => {
    const lines = RICH_FILE.split("\n").filter((line) => /^ {2}[a-z.-]+: /.test(line));
    const value = fc.oneof(fc.jsonValue(), fc.string()).map((json) => JSON.stringify(json));
    fc.assert(
      fc.property(fc.constantFrom(...lines), value, (line, given) => {
        const key = line.slice(0, line.indexOf(": "));
        expectAnswer(RICH_FILE.replace(line, () => `${key}: ${given}`));
      }),
      { numRuns: testRuns(300) },
    );
  });

  it("is answered where it is no YAML at all", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 80 }), expectAnswer), {
      numRuns: testRuns(200),
    });
  });

  it("is answered soon where aliases multiply or hold themselves, or brackets never end", () => {
    const levels = Array.from({ length: 30 }, (_, n) =>
      n === 0 ? "a0: &a0 [x, x]" : `a${n}: &a${n} [*a${n - 1}, *a${n - 1}, *a${n - 1}]`,
    );
    const started = process.threadCpuUsage();
    expect(problemsOf(`${levels.join("\n")}\n`)[0]).toContain("more than 50000 values");
    for (const deep of ["&m {a: *m}", "[".repeat(500) + "]".repeat(500), "[".repeat(50_000)]) {
      const problems = problemsOf(`${GOOD_FILE}more: ${deep}\n`);
      expect(problems.join("\n")).toContain("levels deep");
      expect(problems.length).toBeLessThan(5);
    }
    // Of this thread: what others do to the clock is none of its business.
    const { user, system } = process.threadCpuUsage(started);
    expect(user + system).toBeLessThan(5_000_000);
  });
});
