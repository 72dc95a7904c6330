import { targetKinds } from "./targets.ts";
import { describeWhole } from "./whole.ts";

/** As many chunks in a third of the time into DSQL, whose batches are smaller. */
const LARGE_ROWS = { postgres: 200_000, dsql: 80_000 };
const largeRows = process.env["MILLRACE_TEST_LARGE_ROWS"];

for (const into of targetKinds) {
  describeWhole({
    from: "postgres",
    into,
    transactions: 120,
    schemaChanges: 12,
    largeRows: Number(largeRows ?? LARGE_ROWS[into]),
    kills: 0,
  });
}
