import { mysqlFlavors } from "../support/mysql.ts";
import { targetKinds } from "./targets.ts";
import { describeWhole } from "./whole.ts";

/** MILLRACE_E2E_FULL=1 does as much of everything into every kind of sink; else one of them gets less. */
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

if (!isFull) {
  const less = { transactions: 15, schemaChanges: 4, largeRows: 2000, kills: 0 };
  describeWhole({ from: "mysql", into: "postgres", ...less });
}
