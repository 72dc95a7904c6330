// npm run dynamodb-local -- ARGS: DynamoDB on this machine, from the sources.
import { runProgram } from "./run.mjs";

await runProgram("packages/dynamodb-local/src/cli.ts");
