import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, formatProblem } from "./problem.ts";
import { parseConfigText, surroundingsOf } from "./load.ts";

const root = join(import.meta.dirname, "../../../..");

/** Everything that readers copy from: the first pages, the guides, the examples. */
const pages = [
  "README.md",
  "packages/millrace/README.md",
  ...below("docs").filter((path) => path.endsWith(".md")),
  ...below("examples").filter((path) => path.endsWith(".yaml")),
];

function below(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) =>
    join(folder, path),
  );
}

interface Sample {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

/** Whole pipelines: YAML that has a source and a sink. Fragments are not files. */
function samplesOf(page: string): Sample[] {
  const text = readFileSync(join(root, page), "utf8");
  if (page.endsWith(".yaml")) return [{ page, line: 1, text }];
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
    .map((match) => ({
      page,
      line: text.slice(0, match.index).split("\n").length,
      text: match[1] ?? "",
    }))
    .filter((sample) => /^source:(.|\n)*^sink:/m.test(sample.text));
}

/** Every variable that a sample asks for has a value, as it would on the reader's machine. */
const env = new Proxy<Record<string, string>>({}, { get: () => "value-of-the-reader" });
const samples = pages.flatMap(samplesOf);

describe("the pipelines in the documentation", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-docs-"));
  beforeAll(() => {
    writeFileSync(join(folder, "ca.pem"), "-----BEGIN CERTIFICATE-----\n");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are found", () => {
    const found = new Set(samples.map(({ page }) => page));
    expect([...found]).toEqual(expect.arrayContaining(["README.md", "docs/sources/postgres.md"]));
    expect(samples.length).toBeGreaterThanOrEqual(8);
  });

  it.each(samples)("can be used: $page, line $line", ({ page, text }) => {
    expect(problemsOf(text, page, folder)).toEqual([]);
  });
});

function problemsOf(text: string, page: string, folder: string): string[] {
  try {
    parseConfigText(text, page, surroundingsOf(env, folder));
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
}
