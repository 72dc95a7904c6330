import type { Guard, TestName } from "./guard.ts";
import {
  SIMULATED_ALL,
  SIMULATED_AUDIT,
  SIMULATED_TURNS,
  SIMULATED_UNIQUE,
} from "./simulation-tests.ts";

const READER = "packages/millrace/src/pipeline/log-reader.test.ts";

const CHOICE = "packages/millrace/src/pipeline/lane-choice.test.ts";

const TRIED_AGAIN = {
  file: "packages/millrace/src/pipeline/make-lanes.test.ts",
  name: "is tried again once all lanes have passed what they hold, and parked no sooner",
};

const QUEUES: TestName = {
  file: "packages/millrace/src/pipeline/lane-queues.test.ts",
  name: "keep changes in order, keys in order, and marks behind what they are about",
};
const LANE = "packages/millrace/src/pipeline/lane.test.ts";
const REFUSALS = "packages/millrace/src/pipeline/lane-refusals.test.ts";

/** Lanes, commits, the frontier, and what is told to the source. */
export const LANE_GUARDS: readonly Guard[] = [
  {
    keeps: [3, "Barrier"],
    guard:
      "what a barrier made durable of the frontier is known before the frontier row is written again",
    file: "pipeline/committer.ts",
    take: "    landed?.();\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/committer.test.ts",
      name: "tells that it landed before anybody else is asked for the state of its lanes",
    },
  },
  {
    keeps: [1],
    guard:
      "a transaction whose rows are bound to one another is read to its end before lanes are drained",
    file: "pipeline/log-reader.ts",
    take: "isWithin && this.#openRows <= wholeRows;",
    put: "isWithin && this.#openRows < 0;",
    shownBy: { file: READER, name: "is read to its end where it should stay whole" },
  },
  {
    keeps: ["Source transactions", "Secondary unique constraints"],
    guard:
      "a pause in the middle of a transaction whose rows are bound to one another waits for its end",
    file: "pipeline/log-reader.ts",
    take: "this.#isMidway = isWithin && this.#openRows <= wholeRows;",
    put: "this.#isMidway = isWithin && this.#openRows > 1e9 && wholeRows > 0;",
    shownBy: {
      file: "packages/millrace/src/whole-interrupted.pg.test.ts",
      name: "is not cut by a pause",
    },
  },
  {
    keeps: ["Source transactions", "Secondary unique constraints"],
    guard:
      "transactions that should stay whole are those that one lane keeps so and those of bound rows",
    file: "pipeline/make-lanes.ts",
    take: "if (choice.binds) return",
    put: "if (choice.binds && lanes > 1) return",
    shownBy: {
      file: "packages/millrace/src/pipeline/make-lanes.test.ts",
      name: "are those that one lane keeps whole, and those whose rows constraints bind",
    },
  },
  {
    keeps: ["Source transactions"],
    guard: "a transaction that is larger than what is kept whole holds up nobody",
    file: "pipeline/log-reader.ts",
    take: "isWithin && this.#openRows <= wholeRows;",
    put: "isWithin;",
    shownBy: {
      file: READER,
      name: "is interrupted where more of it has come than is kept whole",
    },
  },
  {
    keeps: ["Source transactions", "Secondary unique constraints"],
    guard: "a log that lags is interrupted between two transactions of a batch",
    file: "pipeline/log-reader.ts",
    take: "this.#isWaitedFor && feed.splits(batch) ? splitAtEnd(batch) : null;",
    put: "feed.splits(batch) && batch.bytes < 0 ? splitAtEnd(batch) : null;",
    shownBy: { file: READER, name: "is interrupted at the end of one of them all the same" },
  },
  {
    keeps: ["Source transactions", "Secondary unique constraints"],
    guard: "a stop waits for the end of a transaction before it drains the lanes",
    file: "pipeline/log-reader.ts",
    take: "    return until(this.#parts.signal, new Promise<void>((resolve) => this.#atEnd.push(resolve)));",
    put: "    return Promise.resolve();",
    shownBy: { file: READER, name: "is read to its end before a stop drains the lanes" },
  },
  {
    keeps: [10],
    guard: "a row that goes to several targets counts until the last of them has it",
    file: "pipeline/shared-bytes.ts",
    take: "return this.#holders === 0 ? this.#bytes : 0;",
    put: "return this.#holders === 1 ? this.#bytes : 0;",
    shownBy: {
      file: "packages/millrace/src/pipeline/feed.test.ts",
      name: "gives all items of a change one position, and its bytes back with the last of them",
    },
  },
  {
    keeps: [10],
    guard: "a row of a load that goes to several targets counts until the last of them has it",
    file: "pipeline/chunk-rows.ts",
    take: "const held = heldBy(routes.length, change.bytes);",
    put: "const held = change.bytes;",
    shownBy: {
      file: "packages/millrace/src/pipeline/chunk-rows.test.ts",
      name: "stand in the budget until each of their targets has them, whole or as lines",
    },
  },
  {
    keeps: [3, "Restart and idle lanes"],
    guard: "the frontier is the least mark of all lanes",
    file: "pipeline/frontier.ts",
    take: "Math.min(...this.#passed)",
    put: "Math.max(...this.#passed)",
    shownBy: {
      file: "packages/millrace/src/pipeline/frontier.test.ts",
      name: "a late lane never lets it move past a gap",
    },
  },
  {
    keeps: [3, "Restart and idle lanes"],
    guard: "marks pass through every lane",
    file: "pipeline/log-reader.ts",
    take: "if (mark !== null) for (const lane of this.#parts.lanes) lane.push(mark);",
    put: `if (mark !== null) for (const lane of this.#parts.lanes) {
      if (lane.index === 0) lane.push(mark);
      else this.#parts.frontier.pass(lane.index, mark);
    }`,
    shownBy: SIMULATED_AUDIT,
  },
  {
    keeps: [4],
    guard: "the source is told only after the frontier row is durable",
    file: "pipeline/frontier-writer.ts",
    take: `    await this.#parts.writeState([{ key: stateKey.frontier, read }]);
    this.#tell(row);`,
    put: `    this.#tell(this.#row());
    await this.#parts.writeState([{ key: stateKey.frontier, read }]);`,
    shownBy: SIMULATED_AUDIT,
  },
  {
    keeps: [2, "Restart and idle lanes"],
    guard: "a lane drops what its own checkpoint holds",
    file: "pipeline/feed.ts",
    take: "if (this.#replaying && item.position !== null && this.#holds(lane, item.position))",
    put: "if (false as boolean)",
    shownBy: SIMULATED_AUDIT,
  },
  {
    keeps: [3, "Key change"],
    guard: "lanes do not meet where one of them has passed the key change",
    file: "pipeline/feed.ts",
    take: "    return this.#lanesOf(oldKey, newKey).every((lane) => !this.#holds(lane, position));",
    put: "    return !this.#lanesOf(oldKey, newKey).every((lane) => this.#holds(lane, position));",
    shownBy: {
      file: "packages/millrace/src/pipeline/feed.test.ts",
      name: "where one lane has passed it each does its half: no checkpoint moves back (I3)",
    },
  },
  {
    keeps: [3, "Restart and idle lanes"],
    guard: "the frontier does not go back while what it has passed is read again",
    file: "pipeline/feed.ts",
    take: "    return !isBehind;",
    put: "    return true;",
    shownBy: {
      file: "packages/millrace/src/pipeline/feed.test.ts",
      name: "says what the frontier row has passed already, so that the frontier does not go back",
    },
  },
  {
    keeps: [6, "Fence and lost COMMIT"],
    guard: "a lost answer of a COMMIT is no answer",
    file: "pipeline/committer.ts",
    take: "        if (!(await this.#afterFailure(error, attempt, uncertain, lanes))) continue;",
    put: `        const isKnown = error.class !== "unknown-outcome";
        if (isKnown && !(await this.#afterFailure(error, attempt, uncertain, lanes))) continue;`,
    shownBy: SIMULATED_AUDIT,
  },
  {
    keeps: [6, "Fence and lost COMMIT"],
    guard: "the lane row is read before a batch is sent again",
    file: "pipeline/committer.ts",
    take: "this.#seq(lanes[i] ?? -1) + 1)) return true;",
    put: "this.#seq(lanes[i] ?? -1) + 1)) return (this.#advance(lanes), false);",
    shownBy: SIMULATED_AUDIT,
  },
  {
    keeps: [6, "Fence and lost COMMIT"],
    guard: "a batch is not cut while an attempt of it may still land",
    file: "pipeline/retry.ts",
    take: 'return uncertain ? { action: "restart" } : { action: "bisect" };',
    put: 'return { action: "bisect" };',
    shownBy: {
      file: "packages/millrace/src/pipeline/retry.test.ts",
      name: "looks for the row only where nothing is under way that may still land",
    },
  },
  {
    keeps: [2],
    guard: "a key has one lane",
    file: "pipeline/lane-hash.ts",
    take: "return (hash >>> 0) % lanes;",
    put: "return Math.floor(Math.random() * lanes);",
    shownBy: SIMULATED_AUDIT,
  },
  {
    keeps: [2, 7, "Chunk rows and changes"],
    guard: "nothing of a load goes before what was in the lane when it came",
    file: "pipeline/lane-queues.ts",
    take: "      if (run.after > pushed) break;\n",
    put: "",
    shownBy: QUEUES,
  },
  {
    keeps: [2, 7, "Chunk rows and changes"],
    guard: "a change never overtakes a row of its key that is being loaded",
    file: "pipeline/lane-queues.ts",
    take: "return waiting.keys.has(item.key);",
    put: "return false;",
    shownBy: QUEUES,
  },
  {
    keeps: [2, 7, "Chunk rows and changes"],
    guard:
      "nothing of a load that waits for its turn goes before what was in the lane when it came",
    file: "pipeline/lane-queues.ts",
    take: "      if (run.after > pushed) break;\n",
    put: "",
    shownBy: SIMULATED_TURNS,
  },
  {
    keeps: [2, 7, "Chunk rows and changes"],
    guard: "a change never overtakes a row of its key that waits for its turn",
    file: "pipeline/lane-queues.ts",
    take: "return waiting.keys.has(item.key);",
    put: "return false;",
    shownBy: SIMULATED_TURNS,
  },
  {
    keeps: [7],
    guard: "who waits for a turn of a load hears when it has come",
    file: "pipeline/load-turns.ts",
    take: "      place.there();\n",
    put: "",
    shownBy: SIMULATED_TURNS,
  },
  {
    keeps: ["Barrier", "Chunk rows and changes"],
    guard: "who waits for all that is in a lane waits for rows of loads too",
    file: "pipeline/lane-queues.ts",
    take: 'if (item.kind !== "row" || item.position === null) return true;',
    put: 'if (item.kind !== "row" || item.position === null) return false;',
    shownBy: QUEUES,
  },
  {
    keeps: [1, 3, "Chunk rows and changes"],
    guard:
      "rows of a load never part what shares a position: a cut between them would lose the second half",
    file: "pipeline/lane-queues.ts",
    take: "    return this.#positionFrom;\n",
    put: "    return pushed;\n",
    shownBy: QUEUES,
  },
  {
    keeps: ["Source transactions"],
    guard: "rows of a load that have to precede a change precede its whole source transaction",
    file: "pipeline/lane-queues.ts",
    take: "const before = Math.min(this.#transactionFrom, place);",
    put: "const before = place;",
    shownBy: {
      ...QUEUES,
      name: "put rows in front of the whole source transaction that they have to precede, as far as it waits",
    },
  },
  {
    keeps: [2],
    guard: "refused rows of a load come again before a change of their key",
    file: "pipeline/lane-queues.ts",
    take: "    if (loads.inFlight > 0) return loads;\n",
    put: "",
    shownBy: {
      file: LANE,
      name: "keeps a change behind a row of its key, also where that is in flight and refused",
    },
  },
  {
    keeps: ["Secondary unique constraints"],
    guard: "changes do not overtake loads of targets whose constraints bind several keys",
    file: "pipeline/lane.ts",
    take: 'if (item.kind === "row" && this.#parts.order.binds(item.route.target.id))',
    put: 'if (false as boolean && item.kind === "row")',
    shownBy: {
      file: LANE,
      name: "has rows of targets whose constraints bind several keys in line with their changes",
    },
  },
  {
    keeps: [1, "Secondary unique constraints"],
    guard: "rows of a load do not part the source transaction that they came in the middle of",
    file: "pipeline/batch-cuts.ts",
    take: "else if (before !== undefined && item.position !== null",
    put: "else if (false as boolean && before !== undefined",
    shownBy: {
      file: REFUSALS,
      name: "keeps a row of a load behind the change of its key, in the transaction of both",
    },
  },
  {
    keeps: [1, "Secondary unique constraints"],
    guard: "rows of a load take no room of the refused transaction that they came in the middle of",
    file: "pipeline/lane-queues.ts",
    take: "if (loads.size > 0) queue.bringForward(loads);",
    put: "void loads;",
    shownBy: {
      file: REFUSALS,
      name: "is one transaction though more rows of a load came between them than a transaction takes",
    },
  },
  {
    keeps: [1, "Secondary unique constraints"],
    guard: "rows of a load that go well do not renew the patience with a change that is refused",
    file: "pipeline/lane.ts",
    take: "if (queue === this.#queues.loads || rows.slice(0, done).some(isOfLog)) queue.patience.renew();",
    put: "queue.patience.renew();",
    shownBy: {
      file: REFUSALS,
      name: "is put off where its rest never comes, though rows of a load come all the time",
    },
  },
  {
    keeps: ["Source transactions"],
    guard: "a sweep or a replay that waits for its rows does not cut a source transaction",
    file: "pipeline/lane.ts",
    take: "if (stands) this.#drained++;",
    put: "this.#drained++;",
    shownBy: {
      file: LANE,
      name: "keeps a source transaction whole while a sweep or a replay waits for what it put into the lane",
    },
  },
  {
    keeps: [2],
    guard: "refused rows of a load come again whoever has the load's turn",
    file: "pipeline/lane.ts",
    take: "    if (loads.inFlight > 0) return loads;\n",
    put: "",
    shownBy: {
      file: LANE,
      name: "sends rows of a load again that were refused, whoever has the load's turn",
    },
  },
  {
    keeps: [7],
    guard: "a load that gives way to changes goes on, also where one of its transactions hangs",
    file: "pipeline/load-turns.ts",
    take: "Math.max(restMs, this.#beganMs + LONGEST_MS - nowMs)",
    put: "Infinity",
    shownBy: {
      file: "packages/millrace/src/pipeline/load-turns.test.ts",
      name: "go on where a transaction of the load hangs",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "a lane sends rows of a load beside changes only when it has its turn",
    file: "pipeline/load-turns.ts",
    take: "      if (this.#waitMs(nowMs) > 0) break;\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/load-gives-way.pg.test.ts",
      name: "has one transaction in flight, and another one only when that has lasted for long",
    },
  },
  {
    keeps: [7],
    guard: "lanes and sweeps have turns of a load in the order in which they came",
    file: "pipeline/load-turns.ts",
    take: "    for (const place of this.#queue) {\n",
    put: "    for (const place of [...this.#queue].toReversed()) {\n",
    shownBy: {
      file: "packages/millrace/src/pipeline/load-turns.test.ts",
      name: "are as many for each of those that always want one, whatever else these do and however they wait",
    },
  },
  {
    keeps: [7],
    guard: "a turn of a load that is not made use of goes to the next one",
    file: "pipeline/load-turns.ts",
    take: "if (nowMs - place.hereMs >= LONGEST_MS) this.#end(place);",
    put: "void place;",
    shownBy: {
      file: "packages/millrace/src/pipeline/load-turns.test.ts",
      name: "are there for who does something else yet, and for the next one where that takes too long",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "a load that gives way gathers no more than it may send, and without its turn",
    file: "pipeline/lane.ts",
    take: "? this.#queues.ready >= this.#loadRows()",
    put: "? this.#queues.ready >= this.#parts.maxRows",
    shownBy: {
      file: LANE,
      name: "gathers no more of a load that gives way than goes at once, and without its turn",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "transactions of a load that gives way are small in lanes without changes too",
    file: "pipeline/load-pace.ts",
    take: "if (!small && this",
    put: "if (this",
    shownBy: {
      file: "packages/millrace/src/pipeline/load-pace.test.ts",
      name: "adds less to each transaction of a load that gives way, in lanes without changes too",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "chunks of a load that gives way are read in small batches",
    file: "pipeline/chunk-reader.ts",
    take: "load.turns.areFew ? SMALL_BATCH_BYTES : BATCH_BYTES",
    put: "BATCH_BYTES",
    shownBy: {
      file: "packages/millrace/src/pipeline/chunk-reader.test.ts",
      name: "are small, and none is read before a lane wants it, while it gives way",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "a batch of a load that gives way is not read before a lane wants it",
    file: "pipeline/chunk-reader.ts",
    take: "isLate = load.turns.areFew && !(await this.#isWanted(lasts));",
    put: "isLate = false;",
    shownBy: {
      file: "packages/millrace/src/pipeline/chunk-reader.test.ts",
      name: "are small, and none is read before a lane wants it, while it gives way",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "nothing of a load that gives way is made ready before its turn",
    file: "pipeline/lane.ts",
    take: "const isAtOnce = queue === this.#queues.changes || !this.#parts.turns.areFew;",
    put: "const isAtOnce = true;",
    shownBy: {
      file: "packages/millrace/src/pipeline/lane-ahead.test.ts",
      name: "makes nothing of a load ready that gives way: it has no turn yet",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "transactions of a load that gives way add less",
    file: "pipeline/load-pace.ts",
    take: "small ? SMALL_SHARE_MS : LEAST_SHARE_MS",
    put: "LEAST_SHARE_MS",
    shownBy: {
      file: "packages/millrace/src/pipeline/load-pace.test.ts",
      name: "adds less to each transaction of a load that gives way, in lanes without changes too",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "changes do not take longer without a load than with one",
    file: "pipeline/load-turns.ts",
    take: "    this.#aloneMs = Math.min(this.#aloneMs, meanMs);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/load-turns.test.ts",
      name: "are fewer at once where the sink became quicker and a load makes changes late that were later before",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "a load begins with half of one lane, however the last one ended",
    file: "pipeline/load-turns.ts",
    take: "&& this.#works.size === 0) this.#lanes = FIRST_LANES;",
    put: "&& this.#works.size === 0) this.#lanes = Math.min(this.#lanes, FIRST_LANES);",
    shownBy: {
      file: "packages/millrace/src/pipeline/load-turns.test.ts",
      name: "are half of one lane's time at the beginning of another load, also behind one that had less",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "loads of all tasks of a pipeline give way to changes of any of them",
    file: "make-task.ts",
    take: "      ...(loadTurns === undefined ? {} : { loadTurns }),\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/dynamodb-gives-way.pg.test.ts",
      name: "gives way to them, goes on, and ends",
    },
  },
  {
    keeps: [7],
    guard: "the turns of an ended run are over, whatever it still has in flight",
    file: "pipeline/load-turns.ts",
    take: "    for (const place of taker.places) this.#end(place);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/load-turns.test.ts",
      name: "are nobody's when a run is over, and what still ends of it is no turn of the next one",
    },
  },
  {
    keeps: ["Chunk rows and changes"],
    guard: "changes do not starve a load",
    file: "pipeline/lane-queues.ts",
    take: "const wanted = this.#loadsTurn || changes.length === 0;",
    put: "const wanted = changes.length === 0;",
    shownBy: {
      file: LANE,
      name: "lets changes take turns with the load, and each has its own transactions",
    },
  },
  {
    keeps: [9],
    guard: "UNCHANGED of a key change comes from the source until the table is SYNC",
    file: "pipeline/table-runtime.ts",
    take: 'return this.#document.state !== "SYNC";',
    put: "return false;",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [9, "Key change"],
    guard: "UNCHANGED of an update comes from the source until the table is loaded",
    file: "pipeline/batch-writer.ts",
    take: "      !outcome.item.table.loaded ||\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/batch-writer.test.ts",
      name: "reads the source for what the log left out until the table is loaded",
    },
  },
  {
    keeps: [9, "Key change"],
    guard: "a read at the source waits until its snapshot sees the change",
    file: "pipeline/source-reads.ts",
    take: "if (transactions.every((id) => snapshot.sees(id))) return snapshot;",
    put: "return snapshot;",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [9, "Dead letters"],
    guard: "a partial change of a parked key parks behind its letter",
    file: "pipeline/batch-content.ts",
    take: 'if (behind && outcome.write === "patch") return false;',
    put: "",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [10],
    guard: "an account of bytes has an end",
    file: "pipeline/byte-budget.ts",
    take: "    if (!fits) return false;\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/byte-budget.test.ts",
      name: "lets an account have its share and no more, whoever asks elsewhere",
    },
  },
  {
    keeps: [2, "Restart and idle lanes"],
    guard: "another number of lanes waits until every lane is drained",
    file: "pipeline/log-reader.ts",
    take: "        await this.drained();\n        await next.work();",
    put: "        await next.work();",
    shownBy: { file: READER, name: "waits until every lane is drained" },
  },
  {
    keeps: [3, "Restart and idle lanes"],
    guard: "another number of lanes takes effect at a position that is below no lane's checkpoint",
    file: "pipeline/log-reader.ts",
    take: "if (this.#mayServe) await this.#serve();",
    put: "if (!this.#isMidway) await this.#serve();",
    shownBy: {
      file: READER,
      name: "waits until the log has been followed to where each lane stood",
    },
  },
  {
    keeps: [2, "Restart and idle lanes"],
    guard: "another number of lanes waits for the reader, and through it for the lanes",
    file: "pipeline/run.ts",
    take: "this.#parts.reader.interrupt(() => resizeLanes(parts));",
    put: "resizeLanes(parts).catch((thrown) => this.fail(thrown));",
    shownBy: SIMULATED_UNIQUE,
  },
  {
    keeps: [2, "Secondary unique constraints"],
    guard: "a target with unique constraints has one lane",
    file: "pipeline/lane-choice.ts",
    take: "linked.length === 1 && !check.secondaryUnique &&",
    put: "linked.length === 1 &&",
    shownBy: {
      file: CHOICE,
      name: "are one for a target with a unique constraint, whatever the keys",
    },
  },
  {
    keeps: [2, "Secondary unique constraints"],
    guard: "rows that share a lane have it by their group, not by their key",
    file: "pipeline/lane-choice.ts",
    take: "return group === undefined ? laneOf(target, key, this.lanes) : laneOf(group, group, this.lanes);",
    put: "return group === null ? 0 : laneOf(target, key, this.lanes);",
    shownBy: {
      file: CHOICE,
      name: "are one for a target with a unique constraint, whatever the keys",
    },
  },
  {
    keeps: [2, "Secondary unique constraints"],
    guard: "what a constraint refuses is tried again once all lanes have passed what they hold",
    file: "pipeline/make-lanes.ts",
    take: "await Promise.all([clock.sleep(waitMs, signal), Promise.race([Promise.all(others), limit])]);",
    put: "await Promise.all([others.length, clock.sleep(waitMs, signal)]);",
    shownBy: TRIED_AGAIN,
  },
  {
    keeps: [1, "Secondary unique constraints"],
    guard: "what a constraint refuses is not parked before it was tried again",
    file: "pipeline/lane.ts",
    take: ".write(rows, lasts, endsTransaction(items), next)",
    put: ".write(rows, false, endsTransaction(items), next)",
    shownBy: TRIED_AGAIN,
  },
];
