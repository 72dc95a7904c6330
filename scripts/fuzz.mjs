// npm run fuzz [-- --runs FACTOR --values N FILTER…]: every property and fuzz test, drawing far more than `npm test`.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { projectFiles } from "./project-files.mjs";
import { run } from "./run.mjs";
import { root, setUp } from "./setup.mjs";

const { values, positionals } = parseArgs({
  options: {
    runs: { type: "string", default: "100" },
    values: { type: "string", default: "10000" },
  },
  allowPositionals: true,
});

/** The tests that draw their inputs, and whose path contains one of the filters. */
function tests(filters) {
  return projectFiles(root).filter(
    (path) =>
      path.endsWith(".test.ts") &&
      (filters.length === 0 || filters.some((filter) => path.includes(filter))) &&
      /\btestRuns\(|\bvaluesPerType\(|\bfc\.assert\(/.test(readFileSync(join(root, path), "utf8")),
  );
}

await setUp();
const files = tests(positionals);
if (files.length === 0) {
  console.error(`millrace: no property test has ${positionals.join(" or ")} in its path.`);
  process.exit(2);
}
const { code } = await run(
  join(root, "node_modules", ".bin", "vitest"),
  // Time limits are made for what `npm test` draws.
  ["run", ...files, "--testTimeout=3600000", "--hookTimeout=3600000"],
  {
    cwd: root,
    env: { MILLRACE_TEST_RUNS: values.runs, MILLRACE_TEST_VALUES: values.values },
  },
);
process.exit(code ?? 1);
