import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientsOf, makeTable, start, type Started } from "../testing/clients.ts";

let started: Started;
beforeAll(async () => {
  started = await start();
  for (const [name, tags] of [
    ["orders", { environment: "dev", ingest: "" }],
    ["people", { environment: "prod", ingest: "yes" }],
    ["plain", {}],
    ["stock", { environment: "dev" }],
  ] as const) {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    await makeTable(started.dynamodb, name, { Tags });
  }
});
afterAll(() => started[Symbol.asyncDispose]());

type Query = Parameters<Started["tagging"]["getResources"]>[0];

async function found(query: Query): Promise<string[]> {
  const { ResourceTagMappingList } = await started.tagging.getResources(query);
  return (ResourceTagMappingList ?? []).map(
    ({ ResourceARN }) => ResourceARN?.replace(/^.*\//, "") ?? "",
  );
}

describe("GetResources", () => {
  it.each([
    ["a key alone, any value", [{ Key: "ingest" }], ["orders", "people"]],
    ["values, any of them", [{ Key: "environment", Values: ["dev", "test"] }], ["orders", "stock"]],
    ["two filters, both", [{ Key: "environment", Values: ["dev"] }, { Key: "ingest" }], ["orders"]],
    ["no filter, all that are tagged", [], ["orders", "people", "stock"]],
  ])("finds tables by %s", async (_name, TagFilters, names) => {
    expect(await found({ TagFilters, ResourceTypeFilters: ["dynamodb:table"] })).toEqual(names);
    expect(await found({ TagFilters, ResourceTypeFilters: ["dynamodb"] })).toEqual(names);
    expect(await found({ TagFilters, ResourceTypeFilters: ["s3"] })).toEqual([]);
  });

  it("gives pages; the last one has an empty token; an old token is refused", async () => {
    const first = await started.tagging.getResources({ ResourcesPerPage: 2 });
    expect(first.ResourceTagMappingList).toHaveLength(2);
    const second = await started.tagging.getResources({
      ResourcesPerPage: 2,
      PaginationToken: first.PaginationToken,
    });
    expect(second.ResourceTagMappingList).toHaveLength(1);
    expect(second.PaginationToken).toBe("");
    started.local.control.shiftClock(16 * 60_000);
    const late = started.tagging.getResources({ PaginationToken: first.PaginationToken });
    await expect(late).rejects.toMatchObject({ name: "PaginationTokenExpiredException" });
  });

  it("refuses what the API does not take", async () => {
    const many = started.tagging.getResources({ ResourcesPerPage: 101 });
    await expect(many).rejects.toMatchObject({ name: "InvalidParameterException" });
    const both = started.tagging.getResources({
      ResourceARNList: ["arn:aws:dynamodb:eu-west-1:123456789012:table/orders"],
      TagFilters: [{ Key: "a" }],
    });
    await expect(both).rejects.toMatchObject({ name: "InvalidParameterException" });
  });

  it("lists a table that lost its tags, sees changes after a while, and a deleted one until then", async () => {
    await using own = await start({ tagDelayMs: 30_000 });
    const names = async () =>
      ((await own.tagging.getResources({})).ResourceTagMappingList ?? []).length;
    await makeTable(own.dynamodb, "late", { Tags: [{ Key: "a", Value: "1" }] });
    expect(await names()).toBe(0);
    own.local.control.shiftClock(31_000);
    expect(await names()).toBe(1);
    const { Table } = await own.dynamodb.describeTable({ TableName: "late" });
    await own.dynamodb.untagResource({ ResourceArn: Table?.TableArn, TagKeys: ["a"] });
    own.local.control.shiftClock(31_000);
    expect((await own.tagging.getResources({})).ResourceTagMappingList?.[0]?.Tags).toEqual([]);
    await own.dynamodb.deleteTable({ TableName: "late" });
    expect(await names()).toBe(1);
    own.local.control.shiftClock(31_000);
    expect(await names()).toBe(0);
  });

  it("does not see another region", async () => {
    const { tagging } = clientsOf(started.local.url, { region: "us-east-1" });
    expect((await tagging.getResources({})).ResourceTagMappingList).toEqual([]);
    tagging.destroy();
  });
});

describe("tags of a table", () => {
  it("are listed ten at a time, and changed", async () => {
    const { Table } = await started.dynamodb.describeTable({ TableName: "plain" });
    const ResourceArn = Table?.TableArn ?? "";
    const Tags = Array.from({ length: 12 }, (_, n) => ({ Key: `k${n}`, Value: String(n) }));
    await started.dynamodb.tagResource({ ResourceArn, Tags });
    const first = await started.dynamodb.listTagsOfResource({ ResourceArn });
    const second = await started.dynamodb.listTagsOfResource({
      ResourceArn,
      NextToken: first.NextToken,
    });
    expect([...(first.Tags ?? []), ...(second.Tags ?? [])]).toEqual(Tags);
    expect(second.NextToken).toBeUndefined();
    await started.dynamodb.untagResource({ ResourceArn, TagKeys: Tags.map(({ Key }) => Key) });
    expect((await started.dynamodb.listTagsOfResource({ ResourceArn })).Tags).toEqual([]);
  });

  it.each([
    [[], "Atleast one Tag needs to be provided as Input."],
    [[{ Key: "aws:x", Value: "" }], "Tag Key cannot be prefixed with aws:, Key: aws:x"],
    [
      [
        { Key: "a", Value: "1" },
        { Key: "a", Value: "2" },
      ],
      "Duplicate Tag Keys provided as input: Duplicate Tag Key found a",
    ],
    [
      Array.from({ length: 51 }, (_, n) => ({ Key: `k${n}`, Value: "" })),
      "Number of Tags exceed the current limit for the provided ResourceArn",
    ],
  ])("are refused in the service's words: %#", async (Tags, message) => {
    const ResourceArn = "arn:aws:dynamodb:eu-west-1:123456789012:table/stock";
    await expect(started.dynamodb.tagResource({ ResourceArn, Tags })).rejects.toMatchObject({
      message,
    });
  });
});
