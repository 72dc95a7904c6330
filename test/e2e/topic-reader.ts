/** What a plain consumer of another library sees of a topic: committed messages only. */
import { Consumer, FetchIsolationLevels, MessagesStreamModes } from "@platformatic/kafka";
import { randomUUID } from "node:crypto";
import { adminOf } from "../support/kafka.ts";

/** A message, its bytes as text. */
export interface ReadMessage {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
}

/**
 * All that are committed now, in the order of each partition. Not for topics in which transactions were aborted: of two that one producer
 * aborted, and of one whose end comes with the next answer, the library (2.12.1) shows the messages (console-consumer.ts does not).
 */
export async function committedMessages(
  bootstrap: string,
  topic: string,
): Promise<readonly ReadMessage[]> {
  const ends = await endsOf(bootstrap, topic);
  const consumer = new Consumer({
    clientId: "reader",
    groupId: randomUUID(),
    bootstrapBrokers: bootstrap.split(","),
    // The number: the word is taken without an error, and reads everything.
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
  });
  const found: ReadMessage[] = [];
  const stream = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.EARLIEST,
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
    autocommit: false,
    maxWaitTime: 100,
  });
  // The last offsets are markers of transactions, which nobody is shown: what counts is that nothing comes any more.
  const read = (async () => {
    for await (const { partition, key, value } of stream)
      found.push({ partition, key: textOf(key), value: textOf(value) });
  })();
  let before = -1;
  while (before !== found.length || found.length === 0) {
    before = found.length;
    await new Promise((resolve) => setTimeout(resolve, ends === 0 ? 100 : 1_500));
    if (ends === 0) break;
  }
  await consumer.close(true);
  await read.catch(() => undefined);
  return found;
}

/** Offsets over all partitions: 0 where the topic is empty. */
async function endsOf(bootstrap: string, topic: string): Promise<number> {
  const admin = adminOf(bootstrap);
  try {
    const { topics } = await admin.metadata({ topics: [topic] });
    const count = Object.keys(topics.get(topic)?.partitions ?? {}).length;
    const partitions = Array.from({ length: count }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: -1n,
    }));
    const [offsets] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
    return (offsets?.partitions ?? []).reduce((sum, { offset }) => sum + Number(offset), 0);
  } finally {
    await admin.close();
  }
}

function textOf(bytes: Buffer | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : bytes.toString("utf8");
}
