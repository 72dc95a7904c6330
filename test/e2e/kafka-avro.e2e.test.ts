/** PostgreSQL into Kafka in Avro, read by another decoder through the registry. */
import avsc from "avsc";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SchemaRegistryServer } from "../support/schema-registry.ts";
import { type KafkaPipeline, kafkaPipeline } from "./kafka-pipeline.ts";
import { MillraceCall } from "./millrace-call.ts";

let registry: SchemaRegistryServer;
let pipeline: KafkaPipeline;
beforeEach(async () => {
  registry = await SchemaRegistryServer.start();
  registry.authorization = "Basic bWU6c2VjcmV0";
  pipeline = await kafkaPipeline(
    "CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(8,2)); INSERT INTO item VALUES (1, 'one', 1.10), (2, NULL, 2.20)",
  );
  await pipeline.write({ sink: avro("secret") });
});
afterEach(async () => {
  await registry.close();
  await pipeline[Symbol.asyncDispose]();
});

function avro(password: string): Record<string, string> {
  return {
    "value.format": "avro",
    "key.format": "avro",
    "schema.registry.url": registry.url,
    "schema.registry.username": "me",
    "schema.registry.password": password,
    "decimal.handling.mode": "string",
  };
}

interface Envelope {
  readonly op: string;
  readonly before: { readonly id: number } | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly source: { readonly connector: string; readonly table: string; readonly db: string };
}

function decoded(bytes: Buffer | null): unknown {
  if (bytes === null) return null;
  expect(bytes[0]).toBe(0);
  const schema = JSON.parse(registry.schema(bytes.readInt32BE(1))) as avsc.Schema;
  // Times in nanoseconds are beyond a double, and none of what is asked here.
  const long = avsc.types.LongType.__with({
    fromBuffer: (buffer: Buffer) => Number(buffer.readBigInt64LE()),
    toBuffer: () => Buffer.alloc(8),
    fromJSON: Number,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === "number",
    compare: (a: number, b: number) => a - b,
  });
  const typeHook = (each: unknown): avsc.Type | undefined =>
    typeof each === "object" && each !== null && Reflect.get(each, "type") === "long"
      ? long
      : undefined;
  const type = avsc.Type.forSchema(schema, { registry: { long }, wrapUnions: false, typeHook });
  return type.fromBuffer(bytes.subarray(5));
}

async function told(): Promise<readonly (readonly [unknown, string, unknown])[]> {
  const records = await pipeline.recordsOf("item");
  return records
    .filter(({ value }) => value !== null)
    .map(({ key, value }) => {
      const { op, before, after } = decoded(value) as Envelope;
      return [decoded(key), op, after ?? before];
    });
}

it("is read as what the tables held and became, also behind a column that came later", async () => {
  await pipeline.caughtUp();
  await pipeline.source.query(
    "UPDATE item SET name = 'two' WHERE id = 2; DELETE FROM item WHERE id = 1; ALTER TABLE item ADD more date; INSERT INTO item VALUES (3, 'three', 3.30, '2024-02-29')",
  );
  await pipeline.caughtUp();
  const days = Date.UTC(2024, 1, 29) / 86_400_000;
  const [first, second, ...rest] = await told();
  expect([first, second]).toEqual([
    [{ id: 1 }, "r", { id: 1, name: "one", price: "1.10" }],
    [{ id: 2 }, "r", { id: 2, name: null, price: "2.20" }],
  ]);
  expect(rest).toMatchObject([
    [{ id: 2 }, "u", { id: 2, name: "two", price: "2.20" }],
    [{ id: 1 }, "d", { id: 1 }],
    [{ id: 3 }, "c", { id: 3, name: "three", price: "3.30", more: days }],
  ]);
  const [record] = await pipeline.recordsOf("item");
  expect((decoded(record?.value ?? null) as Envelope).source).toMatchObject({
    connector: "postgresql",
    table: "item",
    db: pipeline.source.database,
  });
  const topic = `${pipeline.prefix}public.item`;
  expect(registry.subjects).toEqual([`${topic}-key`, `${topic}-value`]);
});

it("stops before a schema that the registry refuses, and goes on behind it when that is mended", async () => {
  await pipeline.caughtUp();
  await pipeline.source.query(
    "ALTER TABLE item ALTER name TYPE int USING 7; INSERT INTO item VALUES (3, 8, 3.30)",
  );
  const run = new MillraceCall(pipeline.args("--until-caught-up"));
  expect((await run.wait()).code).not.toBe(0);
  expect(run.tail()).toContain("MR_REGISTRY_INCOMPATIBLE");
  expect(await told()).toHaveLength(2);
  const look = new MillraceCall(["validate", pipeline.file, "--connect"]);
  expect((await look.wait()).code).not.toBe(0);
  expect(look.tail()).toMatch(/public\.item-value: .*not compatible/);
  registry.compatibility = "NONE";
  await pipeline.caughtUp();
  expect(await told()).toContainEqual([{ id: 3 }, "c", { id: 3, name: 8, price: "3.30" }]);
});

const inFull = process.env["MILLRACE_E2E_FULL"] === "1" ? it : null;
inFull?.("is waited for while it is down, and its password is shown nowhere", async () => {
  await pipeline.whileRunning(async (run) => {
    await run.waitForSync(1);
    registry.failures.push(503, 503, 500);
    await pipeline.source.query("ALTER TABLE item ADD more int; INSERT INTO item VALUES (4)");
    await expect.poll(async () => (await told()).length, { timeout: 60_000 }).toBe(3);
    expect(registry.failures).toEqual([]);
  });
  await pipeline.write({ sink: avro("wrong-password") });
  const run = new MillraceCall(pipeline.args("--until-caught-up"));
  expect((await run.wait()).code).not.toBe(0);
  expect(run.tail()).toContain("MR_REGISTRY_REFUSED");
  expect(run.output.join("\n")).not.toContain("wrong-password");
});
