// npm run simulate [-- --seeds N --profile plain|audit|all --from N]: the pipeline under a seeded scheduler.
// npm run simulate -- kafka [--seeds N --from N]: the Kafka source and the pipeline over model brokers.
import { runProgram } from "./run.mjs";

const isKafka = process.argv[2] === "kafka";
if (isKafka) process.argv.splice(2, 1);
const room = isKafka ? "simulation/topics" : "pipeline/simulation";
await runProgram(`packages/millrace/src/${room}/main.ts`);
