import type { Guard, TestName } from "./guard.ts";
import { SIMULATED_SHARDS } from "./simulation-tests.ts";

const standing = (name: string): TestName => ({
  file: "packages/millrace/src/pipeline/standing.test.ts",
  name,
});

/** How places of a log of several shards are held against one another (design/008). */
export const STANDING_GUARDS: readonly Guard[] = [
  {
    keeps: [3, "Restart and idle lanes"],
    guard: "a lane's checkpoint keeps what it has of other shards",
    file: "pipeline/standing.ts",
    take: "    return places.length === 0 ? null : this.#source.join(this.#at, places);",
    put: "    return places.length === 0 ? null : this.#source.join({ shards: {}, at: 0 }, places);",
    shownBy: SIMULATED_SHARDS,
  },
  {
    keeps: [3, "Restart and idle lanes"],
    guard: "a lane without checkpoint has what the frontier has",
    file: "pipeline/standing.ts",
    take: "joined(source, frontier, found ?? frontier);",
    put: "found;",
    shownBy: standing("begins with the frontier where it has no checkpoint"),
  },
  {
    keeps: [2, "Restart and idle lanes"],
    guard: "a change is held against a lane's checkpoint, and never the other way round",
    file: "pipeline/feed.ts",
    take: "return found !== null && source.comparePositions(found, position) >= 0;",
    put: "return found !== null && source.comparePositions(position, found) <= 0;",
    shownBy: SIMULATED_SHARDS,
  },
  {
    keeps: [2, 7, "Restart and idle lanes"],
    guard: "replay is over where what was read has all that lanes have",
    file: "pipeline/feed.ts",
    take: "place !== null && source.comparePositions(position, place) < 0;",
    put: "place !== null && source.comparePositions(place, position) > 0;",
    shownBy: SIMULATED_SHARDS,
  },
  {
    keeps: [3, 10],
    guard: "a lane's checkpoint begins anew at each mark that has all of it",
    file: "pipeline/lane.ts",
    take: "    this.standing.passed(mark.position);\n",
    put: "",
    shownBy: standing("writes what it has of both, and from a mark on what that has"),
  },
  {
    keeps: [3, "Restart and idle lanes"],
    guard: "a mark that lacks something of a checkpoint takes nothing of it away",
    file: "pipeline/standing.ts",
    take: "this.#at === null || this.#source.comparePositions(mark, this.#at) >= 0",
    put: "this.#at === null || (true as boolean)",
    shownBy: SIMULATED_SHARDS,
  },
  {
    keeps: ["Ghosts"],
    guard: "rows that another task of the pipeline has brought into a target are no ghosts",
    file: "pipeline/ghost-sweep.ts",
    take: "if ((await this.#elsewhere()).has(route.target.id)) {",
    put: "if (false as boolean) {",
    shownBy: {
      file: "packages/millrace/src/pipeline/ghost-sweep.test.ts",
      name: "stay where another task of the pipeline has brought rows into the same target, and that is told",
    },
  },
  {
    keeps: [1, 2],
    guard: "no record behind one that counts is left out by its age",
    file: "sources/dynamodb/left-out-records.ts",
    take: "    this.#ungiven.delete(shard);\n",
    put: "",
    shownBy: {
      file: "packages/millrace/src/sources/dynamodb/left-out-records.test.ts",
      name: "are the beginning of a shard, and none behind the first that counts, whatever their times say",
    },
  },
  {
    keeps: [5],
    guard: "a share that was fenced is never begun again",
    file: "pipeline/share-member.ts",
    take: 'new Set(["fenced", "loss", "bug"])',
    put: 'new Set(["loss", "bug"])',
    shownBy: {
      file: "packages/millrace/src/pipeline/task-set.test.ts",
      name: "never begins a share again that was fenced (I5)",
    },
  },
];
