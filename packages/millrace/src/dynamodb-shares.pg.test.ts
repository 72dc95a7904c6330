import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { tableId } from "./model/table.ts";
import { tableOf } from "./tables-between.fixture.ts";

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
});
afterEach(() => between.stop());
afterAll(() => between.release());

const POLL = { timeout: 30_000, interval: 50 };

const put = (TableName: string, id: string, more: object = {}) =>
  between.dynamodb.putItem({ TableName, Item: { id: { S: id }, ...more } });

async function ids(target: string): Promise<string> {
  const rows = await between.target.query(`SELECT id FROM public."${target}" ORDER BY id`);
  return rows.map((row) => String(row["id"])).join();
}

/** Of DynamoDB's tables, which have no schemas. */
const named = (table: string) => tableId("public", table);

describe("DynamoDB's tables, each a task of its own", () => {
  it("are resynced one by one, and none takes rows of another one in its target for ghosts", async () => {
    for (const table of ["north", "south"]) await makeTable(between.dynamodb, table);
    await put("north", "n1");
    await put("south", "s1");
    const pipeline = await between.run(
      between.file(
        "one_target",
        { "dynamodb.table.whitelist": "north,south" },
        { route: [{ "source-table": "public.(north|south)", "sink-table": "public.both" }] },
      ),
    );
    await pipeline.caughtUp();
    expect(await ids("both")).toBe("n1,s1");
    await pipeline.resync(named("north"));
    await expect.poll(() => tableOf(pipeline, "public.north").state, POLL).toBe("SYNC");
    expect(await ids("both")).toBe("n1,s1");
    expect(tableOf(pipeline, "public.north").notices).toContainEqual(
      expect.stringContaining("another table of this pipeline"),
    );
  });

  it("stand and fall alone: one is paused, one loses its stream, and the others are followed", async () => {
    for (const table of ["kept", "paused", "lost"]) await makeTable(between.dynamodb, table);
    const pipeline = await between.run(
      between.file("alone", {
        "dynamodb.table.whitelist": "kept,paused,lost",
        "on-loss": "fail",
      }),
    );
    await pipeline.caughtUp();
    await pipeline.pauseTable(named("paused"));
    await between.dynamodb.updateTable({
      TableName: "lost",
      StreamSpecification: { StreamEnabled: false },
    });
    await expect.poll(() => pipeline.status().error?.code, POLL).toBe("MR_SOURCE_LOSS");
    for (const table of ["kept", "paused"]) await put(table, "1");
    await expect.poll(() => ids("kept"), POLL).toBe("1");
    expect(await ids("paused")).toBe("");
    expect(pipeline.status()).toMatchObject({
      state: "running",
      waits: expect.arrayContaining([
        expect.objectContaining({ reason: "share-failed", why: expect.stringMatching(/^lost /) }),
      ]),
    });
    await pipeline.resumeTable(named("paused"));
    await expect.poll(() => ids("paused"), POLL).toBe("1");
    await expect.poll(() => tableOf(pipeline, "public.paused").state, POLL).toBe("SYNC");
  });
});
