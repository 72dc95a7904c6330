// npm run simulate [-- --seeds N --profile plain|audit|all --from N]: the pipeline under a seeded scheduler.
import { runProgram } from "./run.mjs";

await runProgram("packages/millrace/src/pipeline/simulation/main.ts");
