import type { Guard } from "./guard.ts";
import { SIMULATED_ALL } from "./simulation-tests.ts";

/** What logs leave out of rows. */
export const LEFT_OUT_GUARDS: readonly Guard[] = [
  {
    keeps: [9],
    guard:
      "what was left out while its column was not proven is read at the source, also once it is",
    file: "pipeline/compaction.ts",
    take: "return isMade === true || item.unsure || item.isNewHalf;",
    put: "return isMade === true || item.isNewHalf;",
    shownBy: {
      file: "packages/millrace/src/pipeline/batch-writer.test.ts",
      name: "reads the source for what an unproven column left out",
    },
  },
  {
    keeps: [9],
    guard:
      "earlier rows of a batch do not complete a change that may have made itself what it left out",
    file: "pipeline/compaction.ts",
    take: 'if (before.write === "remove" || patch.unsure)',
    put: 'if (before.write === "remove")',
    shownBy: {
      file: "packages/millrace/src/pipeline/compaction.test.ts",
      name: "what an unproven column left out is in no earlier row of the batch",
    },
  },
  {
    keeps: [9, "Key change"],
    guard: "a key change does not copy what it may have changed itself",
    file: "pipeline/meeting-writer.ts",
    take: "route.unsure ||",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/meeting-writer.test.ts",
      name: "takes them from the source where it may have changed them itself",
    },
  },
  {
    keeps: [9, "Key change"],
    guard: "a key change does not copy what its log may have kept silent about",
    file: "pipeline/meeting-writer.ts",
    take: "change.unsure ||",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/meeting-writer.test.ts",
      name: "takes them from the source where the log says less than it did",
    },
  },
  {
    keeps: [9],
    guard: "an insert that left values out is not written as if it were whole",
    file: "pipeline/feed.ts",
    take: '(change.op === "u" || change.unsure || route.unsure)',
    put: '(change.op === "u" || route.unsure)',
    shownBy: {
      file: "packages/millrace/src/pipeline/feed.test.ts",
      name: "an insert that left values out is partial, and asks the source whatever is there before it",
    },
  },
  {
    keeps: [9],
    guard:
      "what a log kept silent about is in no earlier row, neither of the batch nor of the sink",
    file: "pipeline/lane-item.ts",
    take: "return this.route.unsure || (this.line === null && this.change.unsure);",
    put: "return this.route.unsure;",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [9],
    guard: "what MariaDB leaves out of an update is not taken for what stayed",
    file: "sources/mysql/row-plan.ts",
    take: 'isSilent: map.flavor === "mariadb"',
    put: "isSilent: false",
    shownBy: {
      file: "packages/millrace/src/mysql-images.my.test.ts",
      name: "has every row as it is, whatever the log leaves out of it, and though it changes again at once",
    },
  },
];
