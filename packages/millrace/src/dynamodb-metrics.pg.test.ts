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

describe("metrics of DynamoDB", () => {
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
      const value = async (name: string, ...labels: string[]): Promise<number> => {
        const { text } = await metrics.page();
        const line = text
          .split("\n")
          .find((each) => each.startsWith(`${name}{`) && labels.every((one) => each.includes(one)));
        return Number(line?.split(" ").at(-1) ?? 0);
      };
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
