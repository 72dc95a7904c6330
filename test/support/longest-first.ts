import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take 25 s or more, the longest first: vitest, which on a fresh checkout knows sizes only, would not know. Those that mostly
 * wait (DynamoDB's) come among those that work.
 */
const LONG = [
  "kill-dsql.e2e",
  "kill-postgres.e2e",
  "bench.e2e",
  "mysql.e2e",
  "load-audit.e2e",
  "whole.e2e",
  "pipeline/simulation",
  "verify-dynamodb.pg",
  "src/dead-letters.pg",
  "dynamodb-shares.pg",
  "dynamodb-remade.pg",
  "audit.e2e",
  "log-connection.pg",
  "dynamodb.e2e",
  "secondary-unique.pg",
  "cli/dead-letters.pg",
  "dynamodb-moto.dynamo",
  "demo/main.pg",
  "kill-mysql.e2e",
  "dynamodb-source.pg",
  "dynamodb-losses.pg",
  "e2e/kafka.e2e",
  "secrets-ways.e2e",
  "outage.pg",
  "dynamodb-connector.kafka",
  "postgres/source.pg",
  "kafka-options.e2e",
  "kafka-chain.e2e",
  "left-tables.e2e",
  "memory.e2e",
  "demo/main.kafka",
  "cli/pipelines.pg",
  "dynamodb-columns.pg",
  "source-conformance.pg",
  "examples/examples.pg",
  "zombies.e2e",
  "mysql-xa.my",
  "postgres/log.pg",
  "wire-faults.e2e",
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
