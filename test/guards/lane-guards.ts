import type { Guard } from "./guard.ts";
import { SIMULATED_ALL, SIMULATED_AUDIT, SIMULATED_UNIQUE } from "./simulation-tests.ts";

const READER = "packages/millrace/src/pipeline/log-reader.test.ts";

const CHOICE = "packages/millrace/src/pipeline/lane-choice.test.ts";

const TRIED_AGAIN = {
  file: "packages/millrace/src/pipeline/make-lanes.test.ts",
  name: "is tried again once all lanes have passed what they hold, and parked no sooner",
};

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
    take: "    this.#isMidway = feed.splitsBoundRows(batch);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/log-reader.test.ts",
      name: "is read to its end before anybody interrupts",
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
    take: "if (this.#replaying && item.position !== null && this.#holds(lane, item.position, true))",
    put: "if (false as boolean)",
    shownBy: SIMULATED_AUDIT,
  },
  {
    keeps: [3, "Key change"],
    guard: "lanes do not meet where one of them has passed the key change",
    file: "pipeline/feed.ts",
    take: "    return this.#lanesOf(oldKey, newKey).every((lane) => !this.#holds(lane, position, true));",
    put: "    return !this.#lanesOf(oldKey, newKey).every((lane) => this.#holds(lane, position, true));",
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
    take: "await this.#writer.write(rows, this.#patience > 0)",
    put: "await this.#writer.write(rows, false)",
    shownBy: TRIED_AGAIN,
  },
];
