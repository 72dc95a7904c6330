// npm run millrace -- ARGS: the command line, from the sources.
import { runProgram } from "./run.mjs";

await runProgram("packages/millrace/src/cli/main.ts");
