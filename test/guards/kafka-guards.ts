import type { Guard } from "./guard.ts";

const SINK = "packages/millrace/src/sinks/kafka";
const SENDER = `${SINK}/transaction-batches.test.ts`;
const WRITER = `${SINK}/transaction-writer.test.ts`;
const AT_LEAST = `${SINK}/at-least-once.kafka.test.ts`;
const LOSSES = `${SINK}/state-losses.kafka.test.ts`;
const LOST = `${SINK}/lost-messages.kafka.test.ts`;
const ANEW = "packages/millrace/src/topics-anew.kafka.test.ts";
const AHEAD = "packages/millrace/src/pipeline/lane-ahead.test.ts";
const EPOCHS = `${SINK}/used-up-epochs.kafka.test.ts`;
const TOPICS = `${SINK}/topics.kafka.test.ts`;
const PRODUCER = "packages/millrace/src/kafka/transactional-producer.kafka.test.ts";

/** Batches, transactions and state of Kafka. */
export const KAFKA_GUARDS: readonly Guard[] = [
  {
    keeps: [10, "Source transactions"],
    guard: "nothing more is sent of a transaction that its broker would end meanwhile",
    file: "kafka/transactional-producer.ts",
    take: "if (openMs + waitMs > share * transactionTimeoutMs) throw",
    put: "if (openMs + waitMs > Infinity) throw",
    shownBy: {
      file: PRODUCER,
      name: "sends no more of a transaction that its broker would end meanwhile",
    },
  },
  {
    keeps: [1, "Dead letters"],
    guard: "a row is no dead letter because the sink is slow",
    file: "pipeline/batch-writer.ts",
    take: 'if (error.code !== "MR_SINK_TOO_SLOW") return',
    put: "if (items.length > 0) return",
    shownBy: {
      file: "packages/millrace/src/pipeline/batch-writer.test.ts",
      name: "cuts what its sink is too slow for, and sends again what cannot be cut",
    },
  },
  {
    keeps: [1],
    guard: "rows never go to a topic that something else goes to",
    file: "sinks/kafka/topic-names.ts",
    take: "if (beside !== undefined)",
    put: 'if (beside === "")',
    shownBy: {
      file: `${SINK}/topic-names.test.ts`,
      name: "is refused where something else goes there",
    },
  },
  {
    keeps: [1],
    guard: "messages' schemas follow a column that may be NULL from now on",
    file: "pipeline/barriers.ts",
    take: "    table.update({ targetShape: shape });\n    table.retarget(targetsOf(shape, router, sink));",
    put: "",
    shownBy: {
      file: "test/e2e/kafka-schemas.e2e.test.ts",
      name: "follow a column that may be NULL from now on at once, and labels that came with the next start",
    },
  },
  {
    keeps: [2],
    guard: "of a topic's partition one batch is under way at a time",
    file: "sinks/kafka/transaction-batches.ts",
    take: "const before = queue.sent ?? Promise.resolve();",
    put: "const before = Promise.resolve();",
    shownBy: { file: SENDER, name: "of one partition are under way one at a time" },
  },
  {
    keeps: [2],
    guard: "behind a batch that was refused no later one of its transaction goes to a topic",
    file: "sinks/kafka/transaction-batches.ts",
    take: `        if (this.#failure !== null) throw this.#failure.thrown;
        return`,
    put: "        return",
    shownBy: { file: SENDER, name: "end with the first that is refused" },
  },
  {
    keeps: [1, "Dead letters"],
    guard: "a message that its topic would not take is a dead letter before anything of it is sent",
    file: "sinks/kafka/transaction-batches.ts",
    take: "if (bytes + BATCH_HEAD_BYTES > maxBatchBytes) return false;",
    put: "",
    shownBy: { file: SENDER, name: "are never larger than their topic takes" },
  },
  {
    keeps: [2],
    guard: "columns that choose partitions are of the key",
    file: "sinks/kafka/partitioner.ts",
    take: "if (missing !== undefined)",
    put: 'if (missing === "")',
    shownBy: { file: `${SINK}/partitioner.test.ts`, name: "by columns outside of the key" },
  },
  {
    keeps: [2, "State at the sink"],
    guard: "two tables come to one topic only where the file says so",
    file: "sinks/kafka/topic-names.ts",
    take: "other !== undefined && other !== table.id && !isSharedTopic(this.#options, name)",
    put: 'other === ("" as typeof other)',
    shownBy: { file: `${SINK}/topic-names.test.ts`, name: "is never shared by accident" },
  },
  {
    keeps: ["State at the sink"],
    guard: "state of a newer program in a topic is refused",
    file: "sinks/kafka/state-records.ts",
    take: "if (version === VERSION) return",
    put: "if (version !== null) return",
    shownBy: { file: `${SINK}/state-records.test.ts`, name: "of a newer program are refused" },
  },
  {
    keeps: ["State at the sink"],
    guard: "a task in a shared state topic reads its own records alone",
    file: "sinks/kafka/state-records.ts",
    take: "if (task !== this.#task) return;",
    put: "",
    shownBy: { file: `${SINK}/state-records.test.ts`, name: "of other tasks are passed by" },
  },
  {
    keeps: [6, "Fence and lost COMMIT"],
    guard: "from the end of a Kafka transaction on its epoch is dropped until the answer is there",
    file: "kafka/transactional-producer.ts",
    take: `    // Until the answer is there nobody knows.
    this.drop();`,
    put: "",
    shownBy: { file: PRODUCER, name: "takes the id from its older self" },
  },
  {
    keeps: [5, 6, "Fence and lost COMMIT"],
    guard: "state is read without the batches of transactions that were aborted",
    file: "kafka/committed-batches.ts",
    take: "else if (!batch.isTransactional || !aborted.has(batch.producerId)) yield batch;",
    put: "else yield batch;",
    shownBy: { file: PRODUCER, name: "takes the id from its older self" },
  },
  {
    keeps: [1, 2],
    guard: "each batch of a partition has the sequence number behind the one before",
    file: "kafka/transactional-producer.ts",
    take: "this.#sequences.set(key, (sequence + builder.count) % SEQUENCES);",
    put: "",
    shownBy: { file: PRODUCER, name: "shows what it has sent to several partitions" },
  },
  {
    keeps: ["Source transactions"],
    guard: "what a Kafka transaction has sent is shown when it commits, and not before",
    file: "sinks/kafka/transaction-writer.ts",
    take: "if (batches.hasSent) await this.#producer.abort();",
    put: "if (batches.hasSent) await this.#producer.commit();",
    shownBy: {
      file: `${SINK}/transaction-writer.test.ts`,
      name: "is taken back where one of them",
    },
  },
  {
    keeps: [5],
    guard:
      "a look that comes no further than another task's open transaction does not take this process' older self for a stranger",
    file: "sinks/kafka/kafka-task.ts",
    take: "fence > (this.#lanes.get(lane)?.fence ?? 0)",
    put: "fence !== this.#lanes.get(lane)?.fence",
    shownBy: {
      file: "packages/millrace/src/sinks/kafka/state-topic.kafka.test.ts",
      name: "who takes over behind the open transaction of another task",
    },
  },
  {
    keeps: [2, 5, "Fence and lost COMMIT"],
    guard:
      "an heir at least once reads positions behind its own first batch: before that, whoever was before may move them",
    file: "sinks/kafka/kafka-task.ts",
    take: "const kept = options.exactlyOnce ? found : await this.#ownState();",
    put: "const kept = found;",
    shownBy: { file: AT_LEAST, name: "the last value of a key stays the last" },
  },
  {
    keeps: [5],
    guard: "brokers do not forget the transactional id of a writer at least once that is busy",
    file: "sinks/kafka/transaction-writer.ts",
    take: "await this.#producer.renew();",
    put: "",
    shownBy: { file: AT_LEAST, name: "a writer at least once is fenced by its heir" },
  },
  {
    keeps: [1],
    guard: "a record of the state that its topic does not take is not left out",
    file: "sinks/kafka/transaction-writer.ts",
    take: "throw tooLarge(place, key.length + value.length);",
    put: "continue;",
    shownBy: { file: LOSSES, name: "a record of the state that its topic does not take" },
  },
  {
    keeps: [1, "Dead letters"],
    guard: "what the state topic refuses is no row's fault",
    file: "sinks/kafka/kafka-task.ts",
    take: "thrown.topic === this.#place.name;",
    put: 'thrown.topic === "";',
    shownBy: { file: LOSSES, name: "what a state topic has come to take no more" },
  },
  {
    keeps: [8],
    guard: "a topic that was made anew beneath a run is not taken for the one that was written to",
    file: "kafka/transactional-producer.ts",
    take: "return baseOffset < end ? replaced(batch, baseOffset, end) : null;",
    put: "return null;",
    shownBy: { file: LOSSES, name: "a table's topic that was made anew beneath a run" },
  },
  {
    keeps: [8, 11],
    guard: "whose topic has lost messages is told what is not in it any more",
    file: "sinks/kafka/kafka-task.ts",
    take: "if (topic === null) return;",
    put: "if (topic !== null) return;",
    shownBy: { file: LOST, name: "of the topic of a table" },
  },
  {
    keeps: [8, 11],
    guard:
      "where the state topic has lost what was acknowledged every table says that rows come again",
    file: "sinks/kafka/kafka-task.ts",
    take: "if (topic === this.#place.name || this.#isBeside(topic)) {",
    put: "if (this.#isBeside(topic)) {",
    shownBy: { file: LOST, name: "of the state topic" },
  },
  {
    keeps: [1, 8],
    guard: "a table whose topic was deleted is loaded again",
    file: "sinks/kafka/topics.ts",
    take: "return found === null ? [] : [[id, found.id === NO_ID",
    put: "return found === null ? [[id, name] as const] : [[id, found.id === NO_ID",
    shownBy: { file: ANEW, name: "one that was deleted while its pipeline was stopped" },
  },
  {
    keeps: [1, 8],
    guard: "a topic is known by its id, whoever has made the one of its name",
    file: "sinks/kafka/topics.ts",
    take: '[[id, found.id === NO_ID ? "" : found.id] as const];',
    put: '[[id, found.id === NO_ID ? "" : name] as const];',
    shownBy: { file: ANEW, name: "one that somebody has made anew while its pipeline was stopped" },
  },
  {
    keeps: [8],
    guard: "a topic that one broker has not heard of yet is not taken for one that is gone",
    file: "sinks/kafka/topics.ts",
    take: "await this.#cluster.patiently(GONE_MS, look, mayComeToBe)",
    put: "await look()",
    shownBy: {
      file: `${SINK}/topic-identities.test.ts`,
      name: "is not gone where the broker that is asked has not heard of it yet",
    },
  },
  {
    keeps: [8],
    guard: "brokers that begin to give topics ids have made none anew",
    file: "pipeline/lost-targets.ts",
    take: 'return was !== "" && is !== "" && is !== was;',
    put: "return is !== was;",
    shownBy: {
      file: "packages/millrace/src/pipeline/lost-targets.test.ts",
      name: "changes nothing where it is there and",
    },
  },
  {
    keeps: [8, "State at the sink"],
    guard: "the state topic keeps what it acknowledges as the file asks it of topics",
    file: "sinks/kafka/topics.ts",
    take: "new Map([...this.#durable, ...configs])",
    put: "configs",
    shownBy: { file: LOSSES, name: "what the file asks of topics so that nothing" },
  },
  {
    keeps: [11, "State at the sink"],
    guard: "that nobody can check the state topic's policy is said",
    file: "sinks/kafka/state-topic.ts",
    take: "if (found.settings === null)",
    put: "if (found.settings?.size === -1)",
    shownBy: {
      file: "packages/millrace/src/kafka-rights.kafka.test.ts",
      name: "is warned that nobody checks it",
    },
  },
  {
    keeps: [2],
    guard:
      "partitions that are added to a topic are the next process': keys of a run stay in theirs",
    file: "sinks/kafka/topics.ts",
    take: "if (before?.id === id) return Math.min(before.partitions, partitions);",
    put: "",
    shownBy: { file: TOPICS, name: "partitions that are added to a topic are for the next" },
  },
  {
    keeps: [8],
    guard: "a topic that somebody has made anew is written to in its own partitions",
    file: "sinks/kafka/topics.ts",
    take: "before?.id === id",
    put: "before !== undefined",
    shownBy: { file: TOPICS, name: "a topic that somebody else has made anew" },
  },
  {
    keeps: [5, 6, "Fence and lost COMMIT"],
    guard: "who gets another producer id with the end of a transaction writes under that one",
    file: "kafka/transactional-producer.ts",
    take: "this.#begin({ ...identity, ...next });",
    put: "this.#begin({ ...identity, producerEpoch: next.producerEpoch });",
    shownBy: { file: EPOCHS, name: "goes on with another one, each commit once" },
  },
  {
    keeps: [5],
    guard:
      "an epoch at least once that is renewed under another producer id is one that may have been taken over from",
    file: "kafka/transactional-producer.ts",
    take: "if (next.producerId !== identity.producerId)",
    put: "if (next.producerEpoch < 0)",
    shownBy: { file: EPOCHS, name: "renews its epoch at least once with another one" },
  },
  {
    keeps: [8, "State at the sink"],
    guard:
      "a state topic that was made anew is not taken over by the process that knew the old one",
    file: "sinks/kafka/state-topic.ts",
    take: "if (this.#id !== null && id !== this.#id)",
    put: "if (this.#id === id && id !== this.#id)",
    shownBy: { file: LOSSES, name: "a state topic that was made anew beneath a run" },
  },
  {
    keeps: ["State at the sink"],
    guard: "a state topic whose broker would remove positions that are wanted is refused",
    file: "sinks/kafka/state-topic.ts",
    take: "if (policy === COMPACT) return;",
    put: 'if (policy !== "") return;',
    shownBy: { file: LOSSES, name: "a state topic with cleanup.policy" },
  },
  {
    keeps: [5],
    guard: "who was taken over from does not take the epoch from who works when it begins anew",
    file: "sinks/kafka/kafka-task.ts",
    take: 'this.#refuseSuperseded(await this.read("stable"));',
    put: "",
    shownBy: { file: LOSSES, name: "leaves its heir's transactions alone" },
  },
  {
    keeps: [5],
    guard:
      "who has lost its epoch looks who holds the task before it takes it back: fences begin anew where the state was taken away",
    file: "sinks/kafka/kafka-task.ts",
    take: `      this.#refuseStranger(await this.read("decided"));
      await`,
    put: "      await",
    shownBy: { file: LOSSES, name: "a process whose task was taken away" },
  },
  {
    keeps: [1, 2],
    guard: "messages that were made ready go with the commit of their own rows, and with no other",
    file: "sinks/kafka/ahead-encoder.ts",
    take: "if (ahead.write === write && !ahead.hasFailed)",
    put: "if (!ahead.hasFailed)",
    shownBy: { file: WRITER, name: "keeps nothing for a commit that brings another write" },
  },
  {
    keeps: [2],
    guard: "nothing of the next transaction is sent before the one under way has ended",
    file: "sinks/kafka/transaction-batches.ts",
    take: "if (this.#isHeld) queue.held.push(filling);\n    else this.#ship(queue, filling);",
    put: "this.#ship(queue, filling);",
    shownBy: { file: WRITER, name: "is encoded while that one is being ended" },
  },
  {
    keeps: [1],
    guard: "half of what was made ready is not taken for all of it",
    file: "sinks/kafka/ahead-encoder.ts",
    take: "ahead.hasFailed = true;",
    put: "",
    shownBy: { file: WRITER, name: "is encoded anew, each row once" },
  },
  {
    keeps: [10],
    guard:
      "messages that wait for their transaction are as many as their bound lets, also where they are large",
    file: "sinks/kafka/write-encoder.ts",
    take: "batches.shipped === shipped &&\n      batches.bytes < toBytes;",
    put: "batches.shipped === shipped;",
    shownBy: { file: WRITER, name: "is ready up to that bound where messages are large too" },
  },
  {
    keeps: [10],
    guard: "rows that were made ready are let go once nobody knows what comes next",
    file: "pipeline/ready-content.ts",
    take: "this.#made = null;\n    if (items === null",
    put: "if (items === null",
    shownBy: {
      file: "packages/millrace/src/pipeline/ready-content.test.ts",
      name: "keeps no rows of what was ready",
    },
  },
  {
    keeps: ["Dead letters"],
    guard: "what was made ready before a letter stood is made anew, and takes the letter's place",
    file: "pipeline/ready-content.ts",
    take: "if (made === null || this.#parts.book.size > 0) return null;",
    put: "if (made === null) return null;",
    shownBy: { file: AHEAD, name: "comes anew where a letter came to stand meanwhile" },
  },
  {
    keeps: [1, 2],
    guard: "what was made ready is that of just these rows: a part of them has its own",
    file: "pipeline/ready-content.ts",
    take: "return isSame ? made.content : null;",
    put: "return made.content;",
    shownBy: { file: AHEAD, name: "is not taken for a part of the one that was refused" },
  },
];
