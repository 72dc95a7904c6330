/** A load from DynamoDB that is held to a rate: what it reads is paid for once, in time and in read units. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { Metrics } from "./observe/metrics.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";

const ITEMS = 600;
/** Of an item as the service sends it, at the least. */
const ITEM_BYTES = 1_000;
/** Nothing waits for what the last page took, which a second pays for, and a quarter of one may be read ahead. */
const SECONDS_UNPAID = 1.25;

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
  await makeTable(between.dynamodb, "held");
  const put = (n: number): Promise<unknown> =>
    between.dynamodb.putItem({
      TableName: "held",
      Item: { id: { S: `key ${n}` }, text: { S: "x".repeat(1_000) } },
    });
  for (let n = 0; n < ITEMS; n += 20)
    await Promise.all(Array.from({ length: 20 }, (_, i) => put(n + i)));
});
afterAll(() => between.release());

/** How long a load with these options took, and how many read units. */
async function loaded(name: string, rate: object): Promise<{ seconds: number; units: number }> {
  const metrics = new Metrics();
  const file = between.file(`rate_${name}`, {
    "dynamodb.table.whitelist": "held",
    "columns.sample.items": 0,
    "scan.snapshot.parallelism": 1,
    ...rate,
  });
  const pipeline = await loadPipeline(pipelineFileOf(file), { metrics });
  const beganMs = performance.now();
  await pipeline.start();
  try {
    await pipeline.caughtUp();
    const seconds = (performance.now() - beganMs) / 1_000;
    const { text } = await metrics.page();
    const [, units] = /^millrace_dynamodb_read_units_total\{.*"held".*\} (\S+)$/m.exec(text) ?? [];
    return { seconds, units: Number(units) };
  } finally {
    await pipeline.stop();
    await between.target.query("DROP TABLE held");
  }
}

describe("a load from DynamoDB with a rate", () => {
  it("keeps to rows and to bytes per second, and reads nothing twice for its sake", async () => {
    const free = await loaded("free", {});
    const rows = await loaded("rows", { "scan.snapshot.max-rows-per-second": 150 });
    const bytes = await loaded("bytes", { "scan.snapshot.max-bytes-per-second": "150kb" });
    expect(rows.seconds).toBeGreaterThan(ITEMS / 150 - SECONDS_UNPAID);
    expect(bytes.seconds).toBeGreaterThan((ITEMS * ITEM_BYTES) / (150 * 1_024) - SECONDS_UNPAID);
    expect(free.units).toBeGreaterThan(0);
    // A page more costs a part of a unit.
    for (const { units } of [rows, bytes]) expect(units).toBeLessThan(free.units * 1.3);
  });
});
