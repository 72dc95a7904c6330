import { mysqlFlavors } from "../support/mysql.ts";
import { targetKinds } from "./targets.ts";
import { describeWhole } from "./whole.ts";

/** MILLRACE_E2E_FULL=1 copies into every kind of sink, with more of everything. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const largeRows = Number(process.env["MILLRACE_TEST_LARGE_ROWS"] ?? (isFull ? 200_000 : 20_000));

for (const from of mysqlFlavors) {
  for (const into of isFull ? targetKinds : (["dsql"] as const)) {
    describeWhole({
      from,
      into,
      transactions: isFull ? 300 : 60,
      schemaChanges: isFull ? 40 : 10,
      largeRows,
      kills: isFull ? 4 : 1,
    });
  }
}
