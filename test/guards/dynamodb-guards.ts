import type { Guard } from "./guard.ts";

const ROOM = "packages/millrace/src/sources/dynamodb";
const TREE = `${ROOM}/shard-tree.test.ts`;
const READER = `${ROOM}/shard-reader.test.ts`;
const LOSSES = `${ROOM}/losses.test.ts`;

/** DynamoDB as a source: shards, places in them, losses. */
export const DYNAMODB_GUARDS: readonly Guard[] = [
  {
    keeps: [8, "Shards"],
    guard: "an ended shard is remembered for 48 hours, whatever listings leave out",
    file: "sources/dynamodb/shard-tree.ts",
    take: "openedMs(id) <= this.#done - REMEMBERED_MS",
    put: "openedMs(id) <= this.#done",
    shownBy: { file: TREE, name: "an ended shard is remembered while its records live" },
  },
  {
    keeps: [2, "Shards"],
    guard: "a shard is read once its parent was given whole",
    file: "sources/dynamodb/shard-tree.ts",
    take: 'parent.state === "ended";\n  }\n\n  #renew',
    put: "true;\n  }\n\n  #renew",
    shownBy: {
      file: TREE,
      name: "a child is read once its parent was given whole, and not before",
    },
  },
  {
    keeps: [2],
    guard: "a young shard whose parent is not listed waits for it",
    file: "sources/dynamodb/shard-tree.ts",
    take: "!this.#missingParents.has(node.parent)",
    put: "true",
    shownBy: { file: TREE, name: "a parent that is not listed is finished where its child is old" },
  },
  {
    keeps: [2, 8],
    guard: "a shard that turns up behind its children is a loss",
    file: "sources/dynamodb/shard-tree.ts",
    take: "return this.#isListed && this.#hasBegunChild(id);",
    put: "return false;",
    shownBy: { file: TREE, name: "a parent of a shard that another program has begun is a loss" },
  },
  {
    keeps: [1, 8],
    guard:
      "a parent that was not to be seen when its child was begun is a loss after a restart too",
    file: "sources/dynamodb/shard-tree.ts",
    take: "if (this.#passedBy.has(id)) return true;",
    put: "",
    shownBy: { file: TREE, name: "a parent that ten listings left out is a loss" },
  },
  {
    keeps: [1, 8],
    guard: "a late parent is read, though its child was begun",
    file: "sources/dynamodb/shard-tree.ts",
    take: "!late.has(id) && ",
    put: "",
    shownBy: { file: TREE, name: "a late parent is read though its child was begun" },
  },
  {
    keeps: [1, 8],
    guard: "an open shard that counts as read to its end is a loss",
    file: "sources/dynamodb/shard-tree.ts",
    take: "|| (ending === null && !hasChildren)",
    put: "",
    shownBy: { file: TREE, name: "an open shard that counts as read is a loss" },
  },
  {
    keeps: [8],
    guard: "what a log met and `on-loss: continue` passes by is met when the next one is prepared",
    file: "sources/dynamodb/source.ts",
    take: "this.#loss = loss;",
    put: "",
    shownBy: { file: LOSSES, name: "passes by a loss that only a log can meet" },
  },
  {
    keeps: [1, 2, 8],
    guard: "a loss that a listing shows ends the log, also where the pipeline may go on behind it",
    file: "sources/dynamodb/shard-watch.ts",
    take: "if (thrown === this.#lost) throw thrown;",
    put: "",
    shownBy: { file: LOSSES, name: "passes by a loss that only a log can meet" },
  },
  {
    keeps: [1],
    guard: "an iterator that expired is renewed behind the last record, never at the newest one",
    file: "sources/dynamodb/shard-reader.ts",
    take: '({ at: "AFTER_SEQUENCE_NUMBER", sequence: this.#last } as const)',
    put: '({ at: "LATEST" } as const)',
    shownBy: { file: READER, name: "renews an expired iterator behind the last record" },
  },
  {
    keeps: [8],
    guard: "a throttled question takes back nothing of what proves a shard's tip",
    file: "sources/dynamodb/shard-reader.ts",
    take: 'if (kind !== "throttled") this.#iterator = null;',
    put: "this.#iterator = null;",
    shownBy: { file: READER, name: "keeps its iterator, and what proves its tip" },
  },
  {
    keeps: [7],
    guard: "one empty answer does not say that a shard was read to its end",
    file: "sources/dynamodb/shard-tip.ts",
    take: " || ms - first.ms < APART_MS",
    put: "",
    shownBy: { file: READER, name: "takes what came before an empty answer for all there was" },
  },
  {
    keeps: [7],
    guard: "two empty answers do not say that a shard was read whose last hours are unknown",
    file: "sources/dynamodb/shard-tip.ts",
    take: "2 + Math.ceil(Math.max(0, furtherMs) / FURTHER_MS)",
    put: "2",
    shownBy: {
      file: READER,
      name: "does not take the tip for reached where an iterator has hours",
    },
  },
  {
    keeps: [11],
    guard: "a shard's children are asked for before hundreds of tables are listed",
    file: "sources/dynamodb/call-rate.ts",
    take: "this.#waiting[urgency]",
    put: "this.#waiting.regular",
    shownBy: {
      file: `${ROOM}/call-rate.test.ts`,
      name: "that somebody waits for pass by the others",
    },
  },
  {
    keeps: [10],
    guard: "no page is asked for before there is room for it",
    file: "sources/dynamodb/shard-reader.ts",
    take: "await room.take(expected, signal);",
    put: "room.add(expected);",
    shownBy: { file: READER, name: "asks for nothing while there is no room" },
  },
  {
    keeps: [8],
    guard: "a shard that was not read for too long is a loss, whatever its records say",
    file: "sources/dynamodb/shard-reader.ts",
    take: "if (rules.isTooOld(this.#readToMs, page.timeMs))",
    put: "if (page.timeMs < 0)",
    shownBy: {
      file: READER,
      name: "stops with the loss where the last records of a shard are too old",
    },
  },
  {
    keeps: [8],
    guard: "a pipeline that was down for longer than the safe zone has lost something",
    file: "sources/dynamodb/source.ts",
    take: "if (loss !== null) await this.#meet(standing, loss);",
    put: "",
    shownBy: {
      file: LOSSES,
      name: "for 30 hours with one change that is trimmed and one that is young",
    },
  },
  {
    keeps: [8],
    guard: "a stream that was disabled and enabled again is another one",
    file: "sources/dynamodb/prepare-log.ts",
    take: 'if (known.arn !== null && known.arn !== stream.arn) return { why: "other-stream" };',
    put: "",
    shownBy: { file: LOSSES, name: "was disabled and enabled again: changes in between are lost" },
  },
  {
    keeps: [1, "Chunk rows and changes"],
    guard: "a scan goes on behind what a batch gave, not behind its page",
    file: "sources/dynamodb/snapshot.ts",
    take: 'yield { rows: batch, lastKey: behind(item), bytes, sentBytes: sent, inHand: "more" };',
    put: 'yield { rows: batch, lastKey: end, bytes, sentBytes: sent, inHand: "more" };',
    shownBy: {
      file: `${ROOM}/snapshot.test.ts`,
      name: "goes on behind every batch, within a page too: a snapshot that ends there got further",
    },
  },
  {
    keeps: [1],
    guard: "V8 never sees a name with a backslash, which it takes other names for",
    file: "formats/parse-body.ts",
    take: "if (names.length > 0) return parseRenamed(bytes, names);",
    put: "",
    shownBy: {
      file: "packages/millrace/src/formats/parse-body.test.ts",
      name: "has its own names, whatever objects began with the same ones before",
    },
  },
  {
    keeps: [8],
    guard:
      "keys that a table refuses since it was made anew with another key are no refusal of the source",
    file: "sources/dynamodb/snapshot.ts",
    take: "if (hasKeyOf(shape, table)) throw thrown;",
    put: 'if (table.name !== "") throw thrown;',
    shownBy: {
      file: "packages/millrace/src/sources/dynamodb/snapshot.test.ts",
      name: "has changed, and refuses nothing",
    },
  },
];
