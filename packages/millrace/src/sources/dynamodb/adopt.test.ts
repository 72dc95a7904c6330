import { describe, expect, it } from "vitest";
import { makeTable, shardsOf } from "../../../../dynamodb-local/src/testing/clients.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { adoptTable, type TableAdoption } from "./adopt.ts";
import { type LocalApi, startLocalApi } from "./local-api.fixture.ts";

const context = {
  pipeline: "adopting",
  clock: systemClock,
  random: Math.random,
  log: silentLogger,
};

async function put(local: LocalApi, id: string): Promise<void> {
  await local.dynamodb.putItem({ TableName: "orders", Item: { id: { S: id } } });
}

/** What a connector has that has read these streams' shards to their ends. */
async function readToEnd(local: LocalApi, ...streams: readonly string[]): Promise<void> {
  const TableName = "datalake-KCL-orders";
  await makeTable(local.dynamodb, TableName, {
    AttributeDefinitions: [{ AttributeName: "leaseKey", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "leaseKey", KeyType: "HASH" }],
    StreamSpecification: { StreamEnabled: false },
  });
  for (const stream of streams)
    for (const { ShardId = "" } of await shardsOf(local.streams, stream)) {
      const Item = { leaseKey: { S: ShardId }, checkpoint: { S: "SHARD_END" } };
      await local.dynamodb.putItem({ TableName, Item });
    }
}

/** The table gets another stream, while somebody writes. */
async function switchStream(local: LocalApi): Promise<string> {
  const TableName = "orders";
  await local.dynamodb.updateTable({ TableName, StreamSpecification: { StreamEnabled: false } });
  await put(local, "between");
  await local.dynamodb.updateTable({
    TableName,
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
  });
  const { Table } = await local.dynamodb.describeTable({ TableName });
  return Table?.LatestStreamArn ?? "";
}

function adopted({ api }: LocalApi, startMs: number): Promise<TableAdoption> {
  const finished = { initSync: "FINISHED", endMs: startMs + 5, count: 1, startKey: null } as const;
  return adoptTable({ api, context }, { table: "orders", startMs, ...finished });
}

describe("a table of the connector's is loaded anew where its stream is not the one that was read", () => {
  it("since it was switched off and on again: what came between is in no stream", async () => {
    await using local = await startLocalApi();
    const old = await makeTable(local.dynamodb, "orders");
    await put(local, "a");
    await readToEnd(local, old);
    const startMs = Date.now();
    // No lease is of the new stream, whatever the connector's clock says.
    expect(await adopted(local, startMs)).toMatchObject({ shards: { read: 1 } });
    await switchStream(local);
    const left = { left: expect.stringMatching(/stream/) as string };
    expect(await adopted(local, startMs)).toEqual(left);
    expect(await adopted(local, Date.now() + 60_000)).toEqual(left);
  });

  it("since the table was deleted and made anew", async () => {
    await using local = await startLocalApi();
    const old = await makeTable(local.dynamodb, "orders");
    await readToEnd(local, old);
    const startMs = Date.now() - 1_000;
    await local.dynamodb.deleteTable({ TableName: "orders" });
    await makeTable(local.dynamodb, "orders");
    await put(local, "c");
    expect(await adopted(local, startMs)).toEqual({
      left: expect.stringMatching(/stream/) as string,
    });
  });

  it("though the connector went on with the new one: its INIT_SYNC is from before", async () => {
    await using local = await startLocalApi();
    const old = await makeTable(local.dynamodb, "orders");
    const startMs = Date.now() - 1_000;
    const young = await switchStream(local);
    await readToEnd(local, old, young);
    expect(await adopted(local, startMs)).toEqual({
      left: expect.stringMatching(/was made .* behind the begin of its INIT_SYNC/) as string,
    });
    expect(await adopted(local, Date.now())).toMatchObject({ shards: { read: 1 } });
  });
});
