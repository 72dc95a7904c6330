// npm start: a PostgreSQL that is being used, an Aurora DSQL of this machine, and a pipeline between them.
import { runProgram } from "./run.mjs";

await runProgram("demo/main.ts");
