import type { Guard } from "./guard.ts";
import { SIMULATED_PARTITIONS, SIMULATED_PARTITIONS_AGAIN } from "./simulation-tests.ts";

const ROOM = "packages/millrace/src";
const SHARES = `${ROOM}/kafka-shares.kafka.test.ts`;
const TASK_SET = `${ROOM}/pipeline/task-set.test.ts`;
const START = `${ROOM}/sources/kafka/start-offset.kafka.test.ts`;
const MESSAGES = `${ROOM}/formats/expected-messages.test.ts`;
const WITH_CARE = "are read as with care, or left to it, whatever they are";
const LOG = `${ROOM}/sources/kafka/log.kafka.test.ts`;
const LENT = `${ROOM}/formats/lent-messages.test.ts`;
const LENDER = `${ROOM}/kafka/lent-bytes.test.ts`;

/** Topics as a source. */
export const KAFKA_SOURCE_GUARDS: readonly Guard[] = [
  {
    keeps: [11],
    guard: "a pipeline is not caught up before the shares of its other processes are",
    file: "pipeline/shares-caught-up.ts",
    take: 'if (look !== "waits" && look.left.length === 0) {',
    put: 'if (look !== "waits") {',
    shownBy: {
      file: TASK_SET,
      name: "has not caught up before the shares of other processes have, and says which",
    },
  },
  {
    keeps: [11],
    guard: "who waits for a pipeline to catch up goes on where a share moves to another process",
    file: "pipeline/shares-caught-up.ts",
    take: ' || hasMoved(error)) return "waits";',
    put: ' || ((false as boolean) && hasMoved(error))) return "waits";',
    shownBy: {
      file: TASK_SET,
      name: "goes on waiting where a share of it moves to another process meanwhile",
    },
  },
  {
    keeps: [11],
    guard: "what time does not mend ends the wait for other processes",
    file: "share-ends.ts",
    take: 'if (thrown instanceof MillraceError && thrown.class === "transient") return NOT_KNOWN;',
    put: "if (thrown instanceof MillraceError) return NOT_KNOWN;",
    shownBy: {
      file: `${ROOM}/share-ends.test.ts`,
      name: "is never known where it fails with",
    },
  },
  {
    keeps: [11],
    guard: "a share that is being left to another process has not caught up",
    file: "pipeline/shares-caught-up.ts",
    take: 'return member.isLeaving ? "waits" : "caught up";',
    put: 'return "caught up";',
    shownBy: {
      file: TASK_SET,
      name: "has not caught up in a share that is being left to another process",
    },
  },
  {
    keeps: [11],
    guard: "a pipeline has not caught up but for a stopped table before the other shares have",
    file: "pipeline/shares-caught-up.ts",
    take: "if (LEFT_OUT.has(error.code)) return error;",
    put: "",
    shownBy: {
      file: TASK_SET,
      name: "says of a table that is stopped that it is left out once the others have caught up, not before",
    },
  },
  {
    keeps: [1, 5],
    guard: "a share that was taken over by somebody who is gone is begun anew",
    file: "sources/kafka/group-member.ts",
    take: 'if (this.#hasLost(nowMs)) return watch.end("rebalance");',
    put: "",
    shownBy: { file: SHARES, name: "is begun anew by the process that has it in the group" },
  },
  {
    keeps: [11],
    guard: "who waits for other processes does not wait for a share that is gone",
    file: "share-ends.ts",
    take: "this.#ends = asked === null ? await ends() : this.#lessened(asked, await ends());",
    put: "this.#ends = asked ?? (await ends());",
    shownBy: {
      file: `${ROOM}/share-ends.test.ts`,
      name: "is no more than there still is: neither a share that is gone, nor what came since",
    },
  },
  {
    keeps: [5],
    guard: "a share that was begun anew is not told to be free",
    file: "sources/kafka/group-member.ts",
    take: "      this.#lost.clear();\n      yield",
    put: "      yield",
    shownBy: SIMULATED_PARTITIONS_AGAIN,
  },
  {
    keeps: [1],
    guard: "messages are read as far as they are committed, and no further",
    file: "kafka/wire.ts",
    take: 'request.isolation === "uncommitted" ? READ_UNCOMMITTED : READ_COMMITTED',
    put: "READ_UNCOMMITTED",
    shownBy: SIMULATED_PARTITIONS,
  },
  {
    keeps: [3, 11],
    guard: "a partition's position passes what holds no message of it",
    file: "sources/kafka/log.ts",
    take: "    yield batch(this.#behind(end), end < answer.lastStableOffset);",
    put: "    if (items.length > 0) yield batch(this.#behind(end), end < answer.lastStableOffset);",
    shownBy: SIMULATED_PARTITIONS,
  },
  {
    keeps: [11],
    guard: "a share has nothing of its own at the sink before somebody has looked at what is there",
    file: "pipeline/prepare-run.ts",
    take: "  if (parts.looked !== undefined) await until(signal, parts.looked);",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/prepare-run.test.ts",
      name: "has nothing of its own at the sink before somebody has looked at that, where somebody does",
    },
  },
  {
    keeps: [5],
    guard: "a share of a group goes to nobody as long as another one runs it",
    file: "sources/kafka/assignor.ts",
    take: "all.filter((share) => (owner.get(share) ?? id) === id).toSorted(),",
    put: "all.toSorted(),",
    shownBy: {
      file: `${ROOM}/sources/kafka/assignor.test.ts`,
      name: "gives a newcomer nothing that another one still runs",
    },
  },
  {
    keeps: [1],
    guard: "a partition that came after the first start is read from its first message on",
    file: "sources/kafka/start-offset.ts",
    take: "const isLater = found === null || !hasSeen(found, at);",
    put: "const isLater = false;",
    shownBy: { file: START, name: "a partition that another one's task has seen begins" },
  },
  {
    keeps: [1],
    guard:
      "a partition whose task begins later than the pipeline misses nothing of the time between",
    file: "sources/kafka/start-offset.ts",
    take: "offset: await sinceLook(cluster, at, found), first };",
    put: "offset: await startOffset(cluster, at, startup), first };",
    shownBy: { file: START, name: "a partition that another one's task has seen begins" },
  },
  {
    keeps: [1],
    guard:
      "a partition whose task begins later does so at the offset of the first look, and by nobody's clock",
    file: "sources/kafka/start-offset.ts",
    take: "if (end === undefined)",
    put: "if (end !== null)",
    shownBy: { file: START, name: "a partition of the first look begins where" },
  },
  {
    keeps: [1],
    guard: "a task keeps the first look as long as none is known to keep it",
    file: "sources/kafka/start-offset.ts",
    take: "const first = isKept ? null : found;",
    put: "const first = isKept ? found : null;",
    shownBy: { file: LOG, name: "is all of it in the task that begins first" },
  },
  {
    keeps: [1],
    guard: "the task that keeps the first look for all keeps it where it begins anew, too",
    file: "sources/kafka/partition-source.ts",
    take: "this.#first ??= first;",
    put: "this.#first = first;",
    shownBy: { file: LOG, name: "is all of it in the task that begins first" },
  },
  {
    keeps: [10],
    guard: "of tasks that begin at once one keeps the ends of all partitions, and not each",
    file: "sources/kafka/first-look.ts",
    take: "if (this.#kept === undefined) await this.#forKeeper();",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/kafka/first-look.test.ts`,
      name: "of tasks that begin at once one keeps the look for all",
    },
  },
  {
    keeps: [1],
    guard: "a message that comes while a start by time is looked for is behind that start",
    file: "sources/kafka/start-offset.ts",
    take: `      const latest = await offsetAt(cluster, at, LATEST, "committed");
      const found = await offsetAt(cluster, at, BigInt(startup.timestampMs), "uncommitted");`,
    put: `      const found = await offsetAt(cluster, at, BigInt(startup.timestampMs), "uncommitted");
      const latest = await offsetAt(cluster, at, LATEST, "committed");`,
    shownBy: { file: START, name: "a message that comes while a start by time" },
  },
  {
    keeps: [8],
    guard: "another topic of the same name is never read on",
    file: "sources/kafka/log.ts",
    take: "const at = { ...this.#parts.at, topicId };",
    put: "const at = this.#parts.at;",
    shownBy: { file: LOG, name: "is that of the topic it was prepared for" },
  },
  {
    keeps: [8],
    guard: "a topic that was made anew between two runs is a loss",
    file: "sources/kafka/partition-source.ts",
    take: "if (isOtherTopic(history, this.#topicId))",
    put: 'if (this.#topicId === "")',
    shownBy: { file: SHARES, name: "are read from their first message on" },
  },
  {
    keeps: [1],
    guard: "a partition that begins with columns which the others did not bring adds them",
    file: "pipeline/targets.ts",
    take: "if (!(await mayWiden(parts, table, target.id, now))) throw thrown;",
    put: 'if (target.id !== "") throw thrown;',
    shownBy: {
      file: `${ROOM}/kafka-source.kafka.test.ts`,
      name: "of a partition that begins with columns which the others did not bring widen the table",
    },
  },
  {
    keeps: [1],
    guard: "a column that somebody dropped at a target is not made anew with NULL in all old rows",
    file: "pipeline/targets.ts",
    take: "if (isKnown && !isOther(targetIds ?? null, target, now)) return false;",
    put: "",
    shownBy: {
      file: `${ROOM}/kafka-widening.kafka.test.ts`,
      name: "is refused where somebody has dropped a column of it",
    },
  },
  {
    keeps: [1],
    guard:
      "a target that another partition's task has made between the look and the CREATE is compared",
    file: "sinks/dsql/ddl.ts",
    take: "return `CREATE TABLE ${quoteTable(table)} (",
    put: "return `CREATE TABLE IF NOT EXISTS ${quoteTable(table)} (",
    shownBy: {
      file: `${ROOM}/sinks/dsql/target-tables.pg.test.ts`,
      name: "made by somebody else between the look and the CREATE are compared",
    },
  },
  {
    keeps: [1],
    guard:
      "a target that another one has made anew gets the columns that this partition has brought",
    file: "pipeline/targets.ts",
    take: 'return was !== "" && is !== "" && was !== is;',
    put: "return false;",
    shownBy: {
      file: `${ROOM}/kafka-columns-race.kafka.test.ts`,
      name: "gets it where another one has made the table anew since it was written",
    },
  },
  {
    keeps: [11],
    guard:
      "a pipeline whose group of processes cannot be asked says so, though it has no share left",
    file: "pipeline/task-set.ts",
    take: 'else this.#outage.failed(toMillraceError(failure, "MR_SOURCE_LOST_CONNECTION"), 0);',
    put: "",
    shownBy: {
      file: `${ROOM}/kafka-source-outage.kafka.test.ts`,
      name: "says all the time that its broker is down, once, and when it works again",
    },
  },
  {
    keeps: [1],
    guard: "a partition that begins adds nothing where nothing may be made",
    file: "pipeline/targets.ts",
    take: 'if (settings.create === "never") return false;',
    put: "",
    shownBy: {
      file: `${ROOM}/kafka-widening.kafka.test.ts`,
      name: "is left as it is where nothing may be made",
    },
  },
  {
    keeps: [1],
    guard: "a partition that begins adds nothing to a target that is refused all the same",
    file: "sinks/dsql/table-comparison.ts",
    take: "problems.length === missing.length ? missing : []",
    put: "problems.length > 0 ? missing : []",
    shownBy: {
      file: `${ROOM}/kafka-widening.kafka.test.ts`,
      name: "is left as it is where a column does not fit that",
    },
  },
  {
    keeps: [1],
    guard:
      "a message is read as the ones before it only as long as their table's shape is the same",
    file: "formats/expected-message.ts",
    take: "return growing === null || growing.current === shape;",
    put: "return shape !== null || growing === null;",
    shownBy: { file: MESSAGES, name: WITH_CARE },
  },
  {
    keeps: [9],
    guard:
      "the word for a value that nobody has is no value, also where its message looks like the last one",
    file: "formats/expected-row.ts",
    take: "if (this.#gone.mayBe(string.length) && this.#gone.is(string)) return UNCHANGED;",
    put: "",
    shownBy: { file: MESSAGES, name: WITH_CARE },
  },
  {
    keeps: [1],
    guard: "a message is of the last one's table only where it says so",
    file: "formats/expected-origin.ts",
    take: "if (SHARED.has(name)) return Buffer.from(jsonText(source.get(name) ?? null));",
    put: "",
    shownBy: { file: MESSAGES, name: WITH_CARE },
  },
  {
    keeps: [1],
    guard: "a whole number that does not fit into 64 bits is read with care",
    file: "formats/expected-row.ts",
    take: "return isInteger && isInt64(bytes, start, at) ? at : -1;",
    put: "return isInteger ? at : -1;",
    shownBy: {
      file: MESSAGES,
      name: "are read as with care whatever value stands where a usual one was expected",
    },
  },
  {
    keeps: [1],
    guard: "a tombstone that may be of several tables is nobody's",
    file: "sources/kafka/message-items.ts",
    take: "if (shape === undefined || known.length > 1)",
    put: "if (shape === undefined)",
    shownBy: { file: LOG, name: "stops at a tombstone that may be of several tables" },
  },
  {
    keeps: [1],
    guard: "what stands in front of where a log is opened tells whose its tombstones are",
    file: "sources/kafka/log.ts",
    take: "if (!this.#hasRecalled) await this.#orClosed(this.#recall());",
    put: "",
    shownBy: { file: LOG, name: "knows whose a tombstone is" },
  },
  {
    keeps: ["Barrier"],
    guard: "a table that another topic brings too is not emptied",
    file: "pipeline/generations.ts",
    take: "if (brought !== null)",
    put: "if (false)",
    shownBy: { file: SHARES, name: "is not emptied by the TRUNCATE of one of them" },
  },
  {
    keeps: [11],
    guard:
      "what stands before a message that cannot be read is durable before the run ends with it",
    file: "pipeline/log-reader.ts",
    take: "if (isUnreadable && !this.#isMidway) await this.drained();",
    put: "",
    shownBy: {
      file: `${ROOM}/kafka-source.kafka.test.ts`,
      name: "that stand before one that cannot be read are at the sink when their task stops",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "a TRUNCATE is refused where another partition of its topic has messages",
    file: "pipeline/generations.ts",
    take: "if (besides !== null)",
    put: "if (false)",
    shownBy: {
      file: `${ROOM}/pipeline/generations.test.ts`,
      name: "is refused while other shares have something that may be older",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "that rows of others may have gone with a TRUNCATE is told, and it is not called done",
    file: "pipeline/barriers.ts",
    take: 'if (kind === "truncate") await this.#parts.generations.refuseTruncate(table, "begun");',
    put: "",
    shownBy: {
      file: `${ROOM}/pipeline/generations.test.ts`,
      name: "fails where others have brought something while it was emptied, and does not say done",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "a TRUNCATE that was begun is asked for again behind a restart",
    file: "pipeline/barriers.ts",
    take: 'if (table !== undefined && intent.kind === "truncate")',
    put: "if (false)",
    shownBy: {
      file: `${ROOM}/pipeline/generations.test.ts`,
      name: "is asked again behind a restart, before anything is deleted",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "a partition that others share does not take its topic's tables for its own",
    file: "sources/kafka/partition-source.ts",
    take: "return this.#parts.counts().get(this.#at.topic) !== 1;",
    put: "return false;",
    shownBy: {
      file: `${ROOM}/sources/kafka/partition-source.test.ts`,
      name: "a partition that others come to share",
    },
  },
  {
    keeps: [1, "Dead letters"],
    guard: "too many dead letters end the task of a log that nothing can be loaded beside",
    file: "pipeline/stop-table.ts",
    take: "if (parts.isLogOnly)",
    put: 'if (parts.isLogOnly && code === "MR_BUG")',
    shownBy: { file: SHARES, name: "stops its partition, which cannot be read anew" },
  },
  {
    keeps: [5, "State at the sink"],
    guard: "no two tasks have one transactional id, wherever a pipeline's name ends",
    file: "sinks/kafka/topic-names.ts",
    take: "return ownName(pipeline, task, digestOf(JSON.stringify([pipeline, task])));",
    put: "return ownName(pipeline, task);",
    shownBy: {
      file: `${ROOM}/sinks/kafka/topic-names.test.ts`,
      name: "for a task's transactions is no other task's",
    },
  },
  {
    keeps: [1, 8],
    guard: "a start asks whether its partition was cut behind what was read",
    file: "sources/kafka/partition-source.ts",
    take: "if (end < read) throw cut(this.#at, end, read);",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/kafka/unclean-election.kafka.test.ts`,
      name: "is a loss for a process that goes on reading",
    },
  },
  {
    keeps: [1, 8],
    guard: "a start asks the same of what a lane has beyond what is written down for all",
    file: "sources/kafka/partition-source.ts",
    take: "if (furthest !== from) await asSource(() => this.#refuseCut(furthest));",
    put: "",
    shownBy: {
      file: `${ROOM}/sources/kafka/unclean-election.kafka.test.ts`,
      name: "is a loss for a process that goes on reading",
    },
  },
  {
    keeps: [1, 8],
    guard: "a log reads on with the epoch that its position keeps",
    file: "sources/kafka/log.ts",
    take: "if (step === WHOLE) parts.epochs.resume(",
    put: "if (step === undefined) parts.epochs.resume(",
    shownBy: {
      file: `${ROOM}/sources/kafka/unclean-election.kafka.test.ts`,
      name: "is a loss for a process that goes on reading",
    },
  },
  {
    keeps: [1, 8],
    guard: "a partition that was cut behind what was read is a loss, however long it is by now",
    file: "sources/kafka/log.ts",
    take: "const lastEpoch = epochs.before(topicId, offset);",
    put: "const lastEpoch = Math.min(-1, epochs.before(topicId, offset));",
    shownBy: {
      file: `${ROOM}/sources/kafka/unclean-election.kafka.test.ts`,
      name: "is a loss for a process that goes on reading",
    },
  },
  {
    keeps: ["State at the sink"],
    guard: "a state topic that was there is not taken for an empty one",
    file: "sinks/kafka/state-topic.ts",
    take: "if (this.#id === null && !(await this.#exists()))",
    put: "if (!(await this.#exists()))",
    shownBy: {
      file: `${ROOM}/sinks/kafka/state-topic.kafka.test.ts`,
      name: "a state topic that was there is never taken",
    },
  },
  {
    keeps: [1],
    guard: "a Fetch's bytes are not given back before the last batch is made of them",
    file: "sources/kafka/log.ts",
    take: "const { cluster, items: maker, told } = this.#parts;",
    put: "const { cluster, items: maker, told } = this.#parts;\n    cluster.giveBack(answer.records);",
    shownBy: {
      file: `${ROOM}/sources/kafka/lent-batches.kafka.test.ts`,
      name: "a Fetch's bytes are in no batch of",
    },
  },
  {
    keeps: [1],
    guard: "names that a topic's next messages are compared with are no part of a Fetch's bytes",
    file: "formats/json-object.ts",
    take: "return new Uint8Array(bytes);",
    put: "return bytes;",
    shownBy: {
      file: LENT,
      name: "are not taken for others by names that stood in their place",
    },
  },
  {
    keeps: [1],
    guard: "a schema that a topic's next messages are compared with is no part of a Fetch's bytes",
    file: "formats/connect-documents.ts",
    take: "? Buffer.from(bytes.subarray(0, end))",
    put: "? bytes.subarray(0, end)",
    shownBy: {
      file: LENT,
      name: "are not taken for others by a schema that stood in their place",
    },
  },
  {
    keeps: [1],
    guard: "a Fetch's bytes are lent to one, however often they were given back",
    file: "kafka/lent-bytes.ts",
    take: "if (!this.#lent.delete(buffer)) return;",
    put: "this.#lent.delete(buffer);",
    shownBy: { file: LENDER, name: "bytes that were given back are lent again, and never to two" },
  },
  {
    keeps: [10],
    guard: "what is kept for the next Fetch has a bound",
    file: "kafka/lent-bytes.ts",
    take: "while (this.keptBytes > MAX_KEPT_BYTES) this.#drop(1);",
    put: "",
    shownBy: { file: LENDER, name: "what is kept has a bound, and what nobody needs is let go of" },
  },
  {
    keeps: [10],
    guard: "an answer that no broker gives is refused before bytes are made for it",
    file: "kafka/received-answers.ts",
    take: "if (length < LENGTH_BYTES || length > MAX_ANSWER_BYTES)",
    put: "if (length < LENGTH_BYTES)",
    shownBy: {
      file: `${ROOM}/kafka/received-answers.test.ts`,
      name: "a length that no broker says is refused before bytes are made for it",
    },
  },
  {
    keeps: [10],
    guard: "a connection that a broker has closed is not waited for once more",
    file: "kafka/broker-connection.ts",
    take: "void connection.close();",
    put: "",
    shownBy: {
      file: `${ROOM}/kafka/lending-connection.kafka.test.ts`,
      name: "logs in anew before a session ends, on another connection, and no request is lost by it",
    },
  },
];
