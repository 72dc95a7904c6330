import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
let checkout;

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "millrace-setup-"));
  const needed = [
    "package.json",
    "package-lock.json",
    ".npmrc",
    "scripts",
    "packages/millrace/package.json",
  ];
  for (const path of [...needed, "packages/dsql-local/package.json"]) {
    cpSync(join(root, path), join(checkout, path), { recursive: true });
  }
  mkdirSync(join(checkout, "home"));
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

/** Runs the set-up of a bare checkout on a machine whose npm reaches nothing and has nothing cached. */
function setUp(environment = {}) {
  const env = {
    PATH: process.env.PATH,
    HOME: join(checkout, "home"),
    npm_config_cache: join(checkout, "cache"),
    npm_config_registry: "http://127.0.0.1:9/",
    // What a registry that refuses says is the same at the first time as at the third.
    npm_config_fetch_retries: "0",
    ...environment,
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["scripts/setup.mjs"],
      { cwd: checkout, env },
      (error, _out, stderr) => resolve({ code: error ? error.code : 0, stderr }),
    );
  });
}

describe("the set-up of a bare checkout", () => {
  it("without a network fails with the reason, the remedy and npm's own words", async () => {
    const { code, stderr } = await setUp();
    expect(code).toBe(1);
    expect(stderr).toContain("installing dependencies, once");
    expect(stderr).toContain("setting up failed: the package registry cannot be reached.");
    expect(stderr).toContain("What to do: check the network and HTTPS_PROXY");
    expect(readFileSync(join(checkout, ".cache", "setup.log"), "utf8")).toContain("ECONNREFUSED");
    expect(existsSync(join(checkout, ".cache", "setup.lock"))).toBe(false);
  }, 60_000);

  it("without npm says so before it tries", async () => {
    const { code, stderr } = await setUp({ PATH: join(checkout, "home") });
    expect(code).toBe(1);
    expect(stderr).toContain("setting up failed: npm was not found");
    expect(stderr).not.toContain("installing dependencies");
  });
});
