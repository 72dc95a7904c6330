// npm run soak [-- --minutes N --sink dsql]: constant load and faults; nothing may grow, and all is equal at the end.
import { runProgram } from "./run.mjs";

await runProgram("test/e2e/soak-command.ts");
