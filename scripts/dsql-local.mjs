// npm run dsql-local -- ARGS: Aurora DSQL on this machine, from the sources.
import { runProgram } from "./run.mjs";

await runProgram("packages/dsql-local/src/cli.ts");
