/** What Kafka's own consumer sees of a topic, committed messages only, in the order of each partition. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { toolCommand } from "../../scripts/kafka-broker.mjs";
import { bringServer } from "../../scripts/servers.mjs";

const run = promisify(execFile);

const JAVA = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
const CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";
/** So long nothing comes any more at the end. */
const QUIET_MS = 4_000;
const MAX_BYTES = 2 ** 30;

/** The values that are JSON objects, as lines: without tombstones, and without what its log says between. */
export async function consoleMessages(
  bootstrap: string,
  topic: string,
): Promise<readonly string[]> {
  const [program = "", ...command] = toolCommand(await bringServer("kafka"), CONSUMER, JAVA);
  const from = ["--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning"];
  const until = ["--isolation-level", "read_committed", "--timeout-ms", String(QUIET_MS)];
  const { stdout } = await run(program, [...command, ...from, ...until], { maxBuffer: MAX_BYTES });
  return stdout.split("\n").filter((line) => line.startsWith("{"));
}
