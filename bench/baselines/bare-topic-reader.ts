// The memory of a bare consumer of a topic: what was committed, from its beginning to its end, none of which is kept or looked into.
// A program; it shares no code with the engine.
import { json } from "node:stream/consumers";
import { Consumer, FetchIsolationLevels, MessagesStreamModes } from "@platformatic/kafka";

/** What it is given, as JSON. */
export interface BareTopic {
  readonly bootstrap: string;
  readonly topic: string;
  readonly messages: number;
}

const { bootstrap, topic, messages } = (await json(process.stdin)) as BareTopic;
const consumer = new Consumer({
  clientId: "bare",
  groupId: `bare-${topic}`,
  bootstrapBrokers: [bootstrap],
});
const stream = await consumer.consume({
  topics: [topic],
  mode: MessagesStreamModes.EARLIEST,
  isolationLevel: FetchIsolationLevels.READ_COMMITTED,
  autocommit: false,
});
let left = messages;
for await (const { value } of stream) if (value !== null && --left === 0) break;
process.stdout.write(JSON.stringify({ mib: process.resourceUsage().maxRSS / 1024 }));
process.exit();
