import { targetKinds } from "./targets.ts";
import { describeWhole } from "./whole.ts";

const largeRows = Number(process.env["MILLRACE_TEST_LARGE_ROWS"] ?? 200_000);

for (const into of targetKinds) {
  describeWhole({
    from: "postgres",
    into,
    transactions: 120,
    schemaChanges: 12,
    largeRows,
    kills: 0,
  });
}
