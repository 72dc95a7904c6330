// npm run bench -- NAME [--json]: a benchmark; without NAME their list.
import { runProgram } from "./run.mjs";

await runProgram("bench/main.ts");
