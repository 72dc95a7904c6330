/** What a pipeline tells of the requests that it makes to AWS. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { Metrics } from "./observe/metrics.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
});
afterAll(() => between.release());

/** What a counter says that has all of these labels; 0 where it is not there. */
function valueOf(metrics: Metrics): (name: string, ...labels: string[]) => Promise<number> {
  return async (name, ...labels) => {
    const { text } = await metrics.page();
    const line = text
      .split("\n")
      .find((each) => each.startsWith(`${name}{`) && labels.every((one) => each.includes(one)));
    return Number(line?.split(" ").at(-1) ?? 0);
  };
}

describe("metrics of DynamoDB", () => {
  it("count records that are older than the load by an hour, as the status does", async () => {
    const { control } = between.local;
    control.shiftClock(-2 * 3_600_000);
    await makeTable(between.dynamodb, "aged");
    for (let n = 0; n < 3; n++)
      await between.dynamodb.putItem({ TableName: "aged", Item: { id: { S: String(n) } } });
    control.shiftClock(2 * 3_600_000);
    await between.dynamodb.putItem({ TableName: "aged", Item: { id: { S: "young" } } });
    const metrics = new Metrics();
    const file = between.file("aged", { "dynamodb.table.whitelist": "aged" });
    const pipeline = await loadPipeline(pipelineFileOf(file), { metrics });
    await pipeline.start();
    try {
      await pipeline.caughtUp();
      const labels = ['pipeline="aged"', 'table="aged"'];
      const leftOut = valueOf(metrics)("millrace_dynamodb_records_left_out_total", ...labels);
      expect(await leftOut).toBe(3);
      expect(pipeline.status().channels).toContainEqual(
        expect.objectContaining({ id: "aged/log", recordsLeftOut: 3 }),
      );
    } finally {
      await pipeline.stop();
    }
  });

  it("count requests by operation and outcome, and read units by table", async () => {
    await makeTable(between.dynamodb, "counted");
    for (let n = 0; n < 5; n++)
      await between.dynamodb.putItem({
        TableName: "counted",
        Item: { id: { S: String(n) }, text: { S: "x".repeat(5_000) } },
      });
    const { control } = between.local;
    // The first one meets what a start asks beforehand, which is not counted.
    control.inject({ kind: "error", code: "ThrottlingException", action: "Scan", times: 3 });
    const metrics = new Metrics();
    const file = between.file("metrics", {
      "dynamodb.table.whitelist": "counted",
      "columns.sample.items": 0,
    });
    const pipeline = await loadPipeline(pipelineFileOf(file), { metrics });
    await pipeline.start();
    try {
      await pipeline.caughtUp();
      const value = valueOf(metrics);
      const requests = "millrace_dynamodb_requests_total";
      expect(await value(requests, 'operation="Scan"', 'outcome="throttled"')).toBe(2);
      expect(await value(requests, 'operation="Scan"', 'outcome="ok"')).toBeGreaterThan(0);
      expect(await value(requests, 'operation="GetRecords"', 'outcome="ok"')).toBeGreaterThan(0);
      expect(await value("millrace_dynamodb_read_units_total", 'table="counted"')).toBeGreaterThan(
        0,
      );
      expect(pipeline.status().channels).toContainEqual(
        expect.objectContaining({ id: "counted/log", recordsLeftOut: 0 }),
      );
    } finally {
      await pipeline.stop();
    }
  });
});
