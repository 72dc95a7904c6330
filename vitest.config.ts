import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

/**
 * What a test needs is in its suffix: `x.test.ts` nothing, `x.pg.test.ts` PostgreSQL, `x.my.test.ts` MySQL and MariaDB (and
 * PostgreSQL where it likes), `x.e2e.test.ts` whole programs.
 */
const suffixes = ["pg", "my", "e2e"] as const;

const roots = ["packages/*/src", "test", "bench", "demo", "examples", "scripts"];
const everywhere = (pattern: string): string[] => roots.map((root) => `${root}/**/${pattern}`);

export default defineConfig({
  // Workspace packages are used from their sources: nothing is built for a test.
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    // Programs that tests start would spend their first second on compiling what the last one compiled too.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL(".cache/compiled", import.meta.url)) },
    globalSetup: ["test/support/broker.ts"],
    // `npm run fuzz` draws more; loading the library in every test file is not worth it otherwise.
    setupFiles: process.env["MILLRACE_TEST_RUNS"] ? ["test/support/test-runs.ts"] : [],
    pool: "forks",
    // Two cores are the least that CI gives. Half of a test with servers is waiting for what happens once a second.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 20_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: everywhere("*.test.{ts,mjs}"),
          exclude: [
            "**/node_modules/**",
            "**/dist/**",
            ...suffixes.flatMap((suffix) => everywhere(`*.${suffix}.test.ts`)),
          ],
        },
      },
      {
        extends: true,
        test: { name: "pg", include: everywhere("*.pg.test.ts"), testTimeout: 60_000 },
      },
      {
        extends: true,
        // The first one that asks waits for the template, and on a fresh checkout for the server to be fetched.
        test: {
          name: "my",
          include: everywhere("*.my.test.ts"),
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: everywhere("*.e2e.test.ts"),
          testTimeout: 300_000,
          hookTimeout: 120_000,
          // Last, and not beside the others: whole programs want the machine for themselves.
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
        },
      },
    ],
  },
});
