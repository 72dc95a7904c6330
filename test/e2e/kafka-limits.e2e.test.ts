/** What a Kafka sink does where its brokers refuse: it says so, waits, and loses nothing. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { adminOf } from "../support/kafka.ts";
import { jsonIn, type KafkaPipeline, kafkaPipeline } from "./kafka-pipeline.ts";

let between: KafkaPipeline;
beforeEach(async () => {
  between = await kafkaPipeline("CREATE TABLE item (id int PRIMARY KEY, note text)");
});
afterEach(() => between[Symbol.asyncDispose]());

async function ids(): Promise<readonly (number | undefined)[]> {
  const records = await between.recordsOf("item");
  return records
    .filter(({ value }) => value !== null)
    .map(({ value }) => (jsonIn(value) as { after?: { id: number } }).after?.id);
}

it("makes a topic anew that was deleted under it, with all rows and what came since, and says so", async () => {
  await between.write({
    tables: "public.item",
    sink: { "sink.delivery-timeout": "3s", "request-timeout": "2s" },
  });
  await between.whileRunning(async (run) => {
    await run.waitForSync(1);
    await between.source.query("INSERT INTO item VALUES (1, 'a')");
    await expect.poll(ids, { timeout: 60_000 }).toEqual([1]);
    const admin = adminOf(between.bootstrap);
    await admin.deleteTopics({ topics: [`${between.prefix}public.item`] });
    await admin.close();
    await between.source.query("INSERT INTO item VALUES (2, 'b')");
    const all = async () =>
      [...new Set(await ids())].filter((id) => id !== undefined).toSorted((a, b) => a - b);
    await expect.poll(all, { timeout: 60_000 }).toEqual([1, 2]);
    expect(run.output.join("\n")).toContain("is not there any more; the table is loaded again");
    expect(run.isRunning).toBe(true);
  });
});
