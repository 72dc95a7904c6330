// Runs the examples as their first lines say, with the sources of this checkout in the place of the packages.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { pytestCommand } from "../../test/support/psycopg.ts";

const run = promisify(execFile);
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const isOurs = (name: string): boolean => /^(VITEST|MILLRACE_TEST|NODE_OPTIONS)/.test(name);
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !isOurs(name)),
);

// Fetching Python's packages, once.
const timeout = 180_000;

describe("the tests with dsql-local", () => {
  it("in vitest pass", { timeout }, async () => {
    const vitest = fileURLToPath(new URL("vitest.mjs", import.meta.resolve("vitest/package.json")));
    const args = ["run", "--root", at("with-vitest"), "--config", at("from-sources.config.ts")];
    const env = { ...environment, NODE_OPTIONS: "--conditions=source", NO_COLOR: "1" };
    const { stdout } = await run(process.execPath, [vitest, ...args], { env });
    expect(stdout).toMatch(/Tests +5 passed \(5\)/);
  });

  it("in pytest pass", { timeout }, async () => {
    const [python, args, env] = await pytestCommand();
    const cli = at("../../packages/dsql-local/src/cli.ts");
    const DSQL_LOCAL = `"${process.execPath}" --conditions=source "${cli}"`;
    const { stdout } = await run(python, [...args, "-p", "no:cacheprovider", at("with-pytest")], {
      env: { ...environment, ...env, DSQL_LOCAL, PYTHONDONTWRITEBYTECODE: "1" },
    });
    expect(stdout).toMatch(/4 passed/);
  });
});
