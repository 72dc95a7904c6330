import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

/**
 * What a test needs is in its suffix: `x.test.ts` nothing, `x.pg.test.ts` PostgreSQL, `x.my.test.ts` MySQL and MariaDB (and
 * PostgreSQL where it likes), `x.kafka.test.ts` Kafka, `x.dynamo.test.ts` moto, `x.e2e.test.ts` whole programs.
 */
const suffixes = ["pg", "my", "kafka", "dynamo", "e2e"] as const;

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
    // `npm test` draws the same values each time, `npm run fuzz` more and others.
    setupFiles: ["test/support/test-runs.ts"],
    pool: "forks",
    // Two cores are the least that CI gives. Of a test with servers three quarters are waiting for what happens once a second, of one
    // with DynamoDB nine tenths: alone they take 0.1 to 0.35 of a core.
    maxWorkers: 6,
    sequence: { sequencer: LongestFirst },
    // Six share two cores: what takes seconds alone may take a minute. A limit is for what hangs.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          // A process for each of 200 files costs more than many of them; what they leave behind is their own to clean up.
          isolate: false,
          include: everywhere("*.test.{ts,mjs}"),
          exclude: [
            "**/node_modules/**",
            "**/dist/**",
            // Run by a test beside it, as its users do.
            "examples/dsql-local/with-vitest/**",
            ...suffixes.flatMap((suffix) => everywhere(`*.${suffix}.test.ts`)),
          ],
        },
      },
      {
        extends: true,
        test: { name: "pg", include: everywhere("*.pg.test.ts"), testTimeout: 120_000 },
      },
      {
        extends: true,
        // The first one that asks waits for the template, and on a fresh checkout for the server to be fetched.
        test: {
          name: "my",
          include: everywhere("*.my.test.ts"),
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        // As with MySQL: the first one waits for the broker.
        test: {
          name: "kafka",
          include: everywhere("*.kafka.test.ts"),
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        // As with MySQL: the first one waits for moto, which comes from PyPI.
        test: {
          name: "dynamo",
          include: everywhere("*.dynamo.test.ts"),
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: everywhere("*.e2e.test.ts"),
          testTimeout: 300_000,
          hookTimeout: 180_000,
          // Last, and not beside the others: whole programs want the machine for themselves. Of a core each takes a half, with two
          // lives of kills at once two thirds.
          sequence: { groupOrder: 1 },
          maxWorkers: 4,
          // Of files that say `describe.concurrent`: lives of kills, small benchmarks.
          maxConcurrency: 2,
        },
      },
    ],
  },
});
