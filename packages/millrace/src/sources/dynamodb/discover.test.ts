import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../../../dynamodb-local/src/testing/clients.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { type Discovery, discoverTables } from "./discover.ts";
import { FoundTables } from "./found-tables.ts";
import { type LocalApi, startLocalApi } from "./local-api.fixture.ts";
import type { TableChoice } from "./options.ts";

const BY_TAGS: TableChoice = {
  by: "tags",
  ingestionKey: "ingest",
  environmentKey: "environment",
  environmentValues: ["dev", "test"],
};

let started: LocalApi;
beforeAll(async () => {
  started = await startLocalApi();
});
afterAll(() => started[Symbol.asyncDispose]());
afterEach(() => started.local.control.reset());

type Stream = Parameters<typeof makeTable>[2];

async function make(table: string, environment: string | null, more: Stream = {}): Promise<void> {
  const tags = [
    { Key: "ingest", Value: "yes" },
    ...(environment === null ? [] : [{ Key: "environment", Value: environment }]),
  ];
  await makeTable(started.dynamodb, table, { Tags: tags, ...more });
}

const stream = (view: "KEYS_ONLY" | "NEW_IMAGE" | "OLD_IMAGE"): Stream => ({
  StreamSpecification: { StreamEnabled: true, StreamViewType: view },
});

const look = (choice: TableChoice = BY_TAGS, bothImages = false): Promise<Discovery> =>
  discoverTables(started.api, { choice, bothImages });

const names = ({ found }: Discovery): string[] => found.map(({ name }) => name);

describe("a look by tags", () => {
  it("finds who carries both, with a stream that has new images, and says of others why not", async () => {
    await make("both", "dev");
    await make("other-value", "test", stream("NEW_IMAGE"));
    await make("elsewhere", "prod");
    await make("half", null);
    await make("keys", "dev", stream("KEYS_ONLY"));
    await make("olds", "dev", stream("OLD_IMAGE"));
    await make("silent", "dev", { StreamSpecification: { StreamEnabled: false } });
    const looked = await look();
    expect(names(looked)).toEqual(["both", "other-value"]);
    expect(looked.leftOut.map(({ table, why }) => `${table} ${why}`)).toEqual([
      "keys has a stream of KEYS_ONLY, and NEW_IMAGE or NEW_AND_OLD_IMAGES is needed",
      "olds has a stream of OLD_IMAGE, and NEW_IMAGE or NEW_AND_OLD_IMAGES is needed",
      "silent has no stream",
    ]);
    expect(looked.unknown).toEqual([]);
    expect(names(await look(BY_TAGS, true))).toEqual(["both"]);
  });

  it("begins again where a page took too long, and says so where it cannot be had", async () => {
    await make("both", "dev");
    const { control } = started.local;
    control.inject({
      kind: "error",
      code: "PaginationTokenExpiredException",
      action: "GetResources",
    });
    expect(names(await look())).toEqual(["both"]);
    control.inject({
      kind: "error",
      code: "InternalServiceException",
      status: 500,
      action: "GetResources",
      times: 0,
    });
    await expect(look()).rejects.toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
  });

  it("takes an error about one table for nothing that is known of it", async () => {
    await make("both", "dev");
    await make("other", "dev");
    started.local.control.inject({
      kind: "deny",
      action: "dynamodb:DescribeTable",
      resource: "*table/other",
    });
    const looked = await look();
    expect(names(looked)).toEqual(["both"]);
    expect(looked.leftOut).toEqual([]);
    expect(looked.unknown).toMatchObject([
      { table: "other", error: { code: "MR_SOURCE_REFUSED" } },
    ]);
  });
});

describe("a look by names", () => {
  it("takes a table whose key is out of reach for one that cannot be asked about now", async () => {
    await makeTable(started.dynamodb, "locked");
    const api: Parameters<typeof discoverTables>[0] = {
      taggedTables: (...told) => started.api.taggedTables(...told),
      // No stand-in has KMS: the status is what the service tells meanwhile.
      describeTable: async (...told) => ({
        ...(await started.api.describeTable(...told)),
        status: "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
      }),
    };
    const choice: TableChoice = { by: "whitelist", tables: ["locked"] };
    const looked = await discoverTables(api, { choice, bothImages: false });
    expect([looked.found, looked.leftOut]).toEqual([[], []]);
    expect(looked.unknown).toMatchObject([{ table: "locked", error: { class: "transient" } }]);
  });

  it("finds what is there, whatever tags it has, and says what is not", async () => {
    await makeTable(started.dynamodb, "plain");
    const looked = await look({ by: "whitelist", tables: ["plain", "nothing"] });
    expect(names(looked)).toEqual(["plain"]);
    expect(looked.leftOut).toMatchObject([{ table: "nothing", why: "is not there" }]);
    expect(started.local.control.calls().map(({ action }) => action)).not.toContain("GetResources");
  });
});

describe("the tables that are read", () => {
  const GRACE_MS = 60_000;
  const saw = (...tables: string[]): Discovery => ({
    found: tables.map((name) => ({ name }) as Discovery["found"][number]),
    leftOut: [],
    unknown: [],
  });
  const failed = (...tables: string[]): Discovery["unknown"] =>
    tables.map((table) => ({ table, error: new MillraceError("MR_SOURCE_THROTTLED", "busy") }));

  it("are told at the first look, and then when they have changed: another order is no change", () => {
    const found = new FoundTables(GRACE_MS);
    expect(found.after(saw("a", "b"), 0)?.tables).toEqual(new Set(["a", "b"]));
    expect(found.after(saw("b", "a"), 1)).toBeNull();
    expect(found.after(saw("b", "a", "c"), 2)).toMatchObject({ came: ["c"], left: [] });
    expect(new FoundTables(GRACE_MS).after(saw(), 0)?.tables).toEqual(new Set());
  });

  it("are kept while they are away for less than the grace, and let go of behind it", () => {
    const found = new FoundTables(GRACE_MS);
    found.after(saw("a", "b"), 0);
    expect(found.after(saw("a"), 10)).toBeNull();
    expect(found.leaving.get("b")).toBe(10);
    expect(found.after(saw("a"), 10 + GRACE_MS - 1)).toBeNull();
    expect(found.after(saw("a"), 10 + GRACE_MS)).toEqual({
      tables: new Set(["a"]),
      came: [],
      left: ["b"],
    });
  });

  it("are away anew where they came back in between", () => {
    const found = new FoundTables(GRACE_MS);
    found.after(saw("a", "b"), 0);
    found.after(saw("a"), 10);
    found.after(saw("a", "b"), 20);
    expect(found.after(saw("a"), 30 + GRACE_MS - 1)).toBeNull();
    expect(found.leaving.get("b")).toBe(30 + GRACE_MS - 1);
  });

  it("are never let go of by an error", () => {
    const found = new FoundTables(0);
    found.after(saw("a", "b"), 0);
    const errors = { ...saw("a"), unknown: failed("b", "new") };
    expect(found.after(errors, GRACE_MS)).toBeNull();
    expect(found.after(saw("a"), GRACE_MS)).toMatchObject({ left: ["b"] });
  });
});
