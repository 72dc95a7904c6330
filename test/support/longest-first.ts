import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take half a minute or more, the longest first: vitest, which on a fresh checkout knows sizes only, would not know. */
const LONG = [
  "kill-dsql.e2e",
  "kill-postgres.e2e",
  "mysql.e2e",
  "load-audit.e2e",
  "whole.e2e",
  "dead-letters.pg",
  "pipeline/simulation",
  "bench.e2e",
  "secondary-unique.pg",
  "audit.e2e",
  "secrets-ways.e2e",
  "kill-mysql.e2e",
  "log-connection.pg",
  "outage.pg",
  "source-conformance.pg",
  "examples.pg",
  "cli/pipelines.pg",
  "memory.e2e",
  "left-tables.e2e",
  "package.e2e",
  "scripts/setup",
];

/** Begins with what takes longest, so that no worker is alone with it at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.includes(`${name}.test.`));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
