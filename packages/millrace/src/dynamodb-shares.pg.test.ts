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

const POLL = { timeout: 60_000, interval: 50 };

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

describe("a file of DynamoDB's tables that is read again", () => {
  it("takes up what its whitelist names now, lets go of the rest, and loads again what gets other columns", async () => {
    for (const table of ["stays", "leaves", "comes"]) {
      await makeTable(between.dynamodb, table);
      await put(table, "1", { total: { N: "7" } });
    }
    const file = (tables: string, columns = "stays: total integer") =>
      between.file("reloaded", { "dynamodb.table.whitelist": tables, columns });
    const pipeline = await between.run(file("stays,leaves"));
    await pipeline.caughtUp();
    expect(await pipeline.reload(file("stays,comes"))).toEqual({
      came: ["public.comes"],
      left: ["public.leaves"],
      rerouted: [],
      redirected: [],
      changed: true,
    });
    await pipeline.caughtUp();
    expect(tableOf(pipeline, "public.stays")).toMatchObject({ state: "SYNC", rowsLoaded: 1 });
    for (const table of ["stays", "leaves", "comes"]) await put(table, "2");
    for (const table of ["stays", "comes"]) await expect.poll(() => ids(table), POLL).toBe("1,2");
    expect(await ids("leaves")).toBe("1");
    // It goes on where it was left: its stream still has what came meanwhile.
    await pipeline.reload(file("leaves,stays,comes"));
    await expect.poll(() => ids("leaves"), POLL).toBe("1,2");
    // Each table is a share, which begins by itself.
    await expect.poll(() => pipeline.status().tables.length, POLL).toBe(3);
    expect(tableOf(pipeline, "public.leaves").rowsLoaded).toBe(1);
    const columns = "stays: total integer, name text";
    expect(await pipeline.reload(file("leaves,stays,comes", columns))).toMatchObject({
      came: [],
      left: [],
      rerouted: ["public.stays"],
      redirected: [],
    });
    await pipeline.caughtUp();
    expect(tableOf(pipeline, "public.stays").rowsLoaded).toBe(2);
    await expect(pipeline.reload(file("stays,nowhere"))).rejects.toThrow("is not there");
    expect(pipeline.status().tables).toHaveLength(3);
  });

  it("while a share is still beginning knows what that has: its table is rerouted, and does not come", async () => {
    for (const table of ["early", "late"]) {
      await makeTable(between.dynamodb, table);
      await put(table, "1", { total: { N: "7" } });
    }
    const file = (columns: string) =>
      between.file("beginning", { "dynamodb.table.whitelist": "early,late", columns });
    const pipeline = await between.run(file("late: total integer"));
    await pipeline.caughtUp();
    await put("late", "2");
    const { control } = between.local;
    const throttled = control.inject({
      kind: "error",
      code: "ThrottlingException",
      action: "DescribeStream",
      table: "late",
      times: 0,
    });
    await pipeline.restart();
    expect(pipeline.status().tables.map(({ id }) => id)).toEqual(["public.early"]);
    expect(await pipeline.reload(file("late: total integer, name text"))).toEqual({
      came: [],
      left: [],
      rerouted: ["public.late"],
      redirected: [],
      changed: true,
    });
    control.clearFaults(throttled);
    await pipeline.caughtUp();
    expect(tableOf(pipeline, "public.late")).toMatchObject({ state: "SYNC", rowsLoaded: 2 });
  });

  it("goes by other tags", async () => {
    const tagged = (name: string, Value: string) =>
      makeTable(between.dynamodb, name, {
        Tags: [
          { Key: "datalake-ingest", Value: "" },
          { Key: "environment", Value },
        ],
      });
    await tagged("red", "red");
    await tagged("blue", "blue");
    const file = (colour: string) =>
      between.file("tags_reloaded", { "dynamodb.table.env.tag.value": colour });
    const pipeline = await between.run(file("red"));
    await pipeline.caughtUp();
    expect(await pipeline.reload(file("blue"))).toMatchObject({
      came: ["public.blue"],
      left: ["public.red"],
    });
    await expect
      .poll(() => pipeline.status().tables.map(({ id, state }) => `${id} ${state}`), POLL)
      .toEqual(["public.blue SYNC"]);
  });
});
