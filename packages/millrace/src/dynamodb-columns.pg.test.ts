import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";

let between: ItemsBetween;
beforeAll(async () => {
  between = await itemsBetween();
});
afterEach(() => between.stop());
afterAll(() => between.release());

const POLL = { timeout: 60_000, interval: 50 };
const put = (TableName: string, id: string, more: object = {}) =>
  between.dynamodb.putItem({ TableName, Item: { id: { S: id }, ...more } });

const DIGITS = "-99999999999999999999999999999999999.999";

describe("columns of DynamoDB's tables", () => {
  it("hold values to the last digit, and what they cannot hold stays in the document and is told", async () => {
    await makeTable(between.dynamodb, "typed");
    await put("typed", "1", {
      total: { N: DIGITS },
      paid: { BOOL: true },
      raw: { B: Buffer.from([0, 255]) },
      at: { S: "2026-11-22T10:00:00.5+01:00" },
      address: { M: { city: { S: "Köln" } } },
      none: { NULL: true },
      empty: { S: "" },
    });
    await put("typed", "2", { total: { S: "many" }, at: { S: "soon" } });
    const file = between.file("typed", {
      "dynamodb.table.whitelist": "typed",
      columns:
        "typed: total decimal, paid boolean, raw bytes, at timestamptz, address.city as city text",
    });
    const pipeline = await between.run(file);
    await pipeline.caughtUp();
    const read = () =>
      between.target.query(
        "SELECT id, total::text, paid, encode(raw, 'hex') AS raw, extract(epoch FROM at)::text AS at, city, document::text FROM public.typed ORDER BY id",
      );
    expect(await read()).toEqual([
      {
        id: "1",
        total: DIGITS,
        paid: true,
        raw: "00ff",
        at: "1795338000.500000",
        city: "Köln",
        document: '{"none": null, "empty": "", "address": {"city": "Köln"}}',
      },
      {
        id: "2",
        total: null,
        paid: null,
        raw: null,
        at: null,
        city: null,
        document: '{"at": "soon", "total": "many"}',
      },
    ]);
    await expect
      .poll(() => pipeline.status().waits.map(({ reason, why }) => `${reason} ${why}`), POLL)
      .toEqual([expect.stringMatching(/^values-misfit .*"total" \(\d, the last one S\), "at"/)]);
  });

  it("are made anew with their rows where the file gives the table others", async () => {
    await makeTable(between.dynamodb, "changed");
    await put("changed", "1", { a: { S: "x" }, b: { N: "7" } });
    await put("changed", "2", { a: { S: "y" } });
    const file = (columns: string) =>
      between.file("changed", { "dynamodb.table.whitelist": "changed", columns });
    const first = await between.run(file("changed: a text"));
    await first.caughtUp();
    await between.stop();
    await between.dynamodb.deleteItem({ TableName: "changed", Key: { id: { S: "2" } } });
    const second = await between.run(file("changed: a as a2 text, b bigint"));
    await second.caughtUp();
    const read = () =>
      between.target.query("SELECT id, a2, b::int, document FROM public.changed ORDER BY id");
    await expect.poll(read, POLL).toEqual([{ id: "1", a2: "x", b: 7, document: {} }]);
  });

  it("leave what does not fit to the dead letters where the file wants that", async () => {
    await makeTable(between.dynamodb, "strict");
    await put("strict", "1", { n: { N: "1" } });
    await put("strict", "2", { n: { S: "one" } });
    const source = { "dynamodb.table.whitelist": "strict", columns: "strict: n bigint" };
    const strict = { name: "strict", "schema.change.behavior": "exception" };
    const pipeline = await between.run(between.file("strict", source, { pipeline: strict }));
    await pipeline.caughtUp();
    expect(await between.target.query("SELECT id, n::int FROM public.strict")).toEqual([
      { id: "1", n: 1 },
    ]);
    const letters = pipeline.deadLetters();
    expect(letters).toMatchObject([
      {
        code: "MR_VALUE_DOES_NOT_FIT",
        key: "2",
        column: "n",
        reason: expect.stringContaining("S"),
      },
    ]);
  });
});
