// npm run kills [-- --sink dsql --phase HANDOVER --failpoint chunk --count N]: kills at failpoints, equal afterwards.
import { runProgram } from "./run.mjs";

await runProgram("test/e2e/kills-command.ts");
