// Kafka's own kafka-producer-perf-test, in a Java of its own: the most that its producer gets out of a broker.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { toolCommand } from "../../scripts/kafka-broker.mjs";
import { bringServer } from "../../scripts/servers.mjs";

const run = promisify(execFile);

const JAVA = ["-Xms512m", "-Xmx512m"];
/** What Java's compiler needs to see before it is as fast as it gets. */
const WARMING_SHARE = 0.25;

/** What it is to send. */
export interface ToolLoad {
  readonly bootstrap: string;
  readonly topic: string;
  readonly records: number;
  /** Of key and value together. */
  readonly recordBytes: number;
  readonly batchBytes: number;
  /** How long each transaction is; null: none, but idempotent. */
  readonly transactionMs: number | null;
}

/** Records per second once it is warm; acknowledged by all replicas, as ours. */
export async function producedByTool(load: ToolLoad): Promise<number> {
  const { bootstrap, topic, records, recordBytes, batchBytes, transactionMs } = load;
  const properties = {
    "bootstrap.servers": bootstrap,
    acks: "all",
    "enable.idempotence": "true",
    "batch.size": String(batchBytes),
    "max.request.size": String(batchBytes * 2),
    "linger.ms": "5",
    "buffer.memory": String(64 * 2 ** 20),
  };
  const counts = [
    "--num-records",
    String(records),
    "--record-size",
    String(Math.round(recordBytes)),
  ];
  const warming = ["--warmup-records", String(Math.floor(records * WARMING_SHARE))];
  const ending = transactionMs === null ? [] : ["--transaction-duration-ms", String(transactionMs)];
  const given = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  const to = ["--topic", topic, "--throughput", "-1"];
  const args = [...to, ...counts, ...warming, ...ending, "--command-property", ...given];
  const kafka = await bringServer("kafka");
  const [program = "", ...command] = toolCommand(
    kafka,
    "org.apache.kafka.tools.ProducerPerformance",
    JAVA,
  );
  const { stdout } = await run(program, [...command, ...args]);
  const [rate] = [...stdout.matchAll(/, ([\d.]+) records\/sec/g)].slice(-1);
  if (rate === undefined) throw new Error(`the performance tool says no rate: ${stdout}`);
  return Number(rate[1]);
}
