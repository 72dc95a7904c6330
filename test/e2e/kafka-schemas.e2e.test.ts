/** What messages' schemas say of columns that rows at a sink would not show: whether one may be NULL, and an enumeration's labels. */
import { expect, it } from "vitest";
import { loadPipeline } from "../../packages/millrace/src/load-pipeline.ts";
import { jsonIn, kafkaPipeline } from "./kafka-pipeline.ts";

interface Field {
  readonly field: string;
  readonly optional: boolean;
  readonly name?: string;
  readonly items?: Field;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly fields?: readonly Field[];
}

interface Message {
  readonly schema: { readonly fields: readonly Field[] };
  readonly payload: { readonly after: Readonly<Record<string, unknown>> };
}

it("follow a column that may be NULL from now on at once, and labels that came with the next start", async () => {
  await using between = await kafkaPipeline(
    `CREATE TYPE mood AS ENUM ('sad', 'it''s, ok'); CREATE DOMAIN feeling AS mood;
     CREATE TABLE felt (id int PRIMARY KEY, note text NOT NULL, one mood, several mood[], other feeling);
     INSERT INTO felt VALUES (1, 'loaded', 'sad', '{sad,NULL}', 'sad')`,
  );
  await between.write({
    sink: { "debezium-json.include-schema.enabled": true, "generation.markers": false },
  });
  const pipeline = await loadPipeline(between.file);
  await pipeline.start();
  try {
    await pipeline.caughtUp();
    await between.source.query("INSERT INTO felt VALUES (2, 'logged', 'sad', NULL, NULL)");
    // What is looked at before the ALTER is true before it.
    await pipeline.caughtUp();
    await between.source.query("ALTER TABLE felt ALTER note DROP NOT NULL");
    await between.source.query("INSERT INTO felt VALUES (3, NULL, 'sad', NULL, NULL)");
    await pipeline.caughtUp();
    await between.source.query("ALTER TYPE mood ADD VALUE 'glad' BEFORE 'sad'");
  } finally {
    await pipeline.stop();
  }
  await between.source.query("INSERT INTO felt VALUES (4, NULL, 'glad', '{glad}', 'glad')");
  await between.caughtUp();
  await between.source.query("INSERT INTO felt VALUES (5, NULL, 'glad', NULL, NULL)");
  await between.caughtUp();
  const messages = (await between.recordsOf("felt")).map(({ value }) => jsonIn(value) as Message);
  expect(messages.map(({ payload }) => payload.after)).toEqual([
    { id: 1, note: "loaded", one: "sad", several: ["sad", null], other: "sad" },
    { id: 2, note: "logged", one: "sad", several: null, other: null },
    { id: 3, note: null, one: "sad", several: null, other: null },
    { id: 4, note: null, one: "glad", several: ["glad"], other: "glad" },
    { id: 5, note: null, one: "glad", several: null, other: null },
  ]);
  const fields = messages.map(({ schema }) => {
    const after = schema.fields.find(({ field }) => field === "after")?.fields ?? [];
    return new Map(after.map((each) => [each.field, each]));
  });
  expect(fields.map((of) => of.get("note")?.optional)).toEqual([false, false, true, true, true]);
  const [before, now] = ["sad,it's, ok", "glad,sad,it's, ok"];
  for (const name of ["one", "several", "other"]) {
    const schemas = fields.map((of) => of.get(name)?.items ?? of.get(name));
    expect(new Set(schemas.map((schema) => schema?.name))).toEqual(
      new Set(["io.debezium.data.Enum"]),
    );
    expect(schemas.map((schema) => schema?.parameters?.["allowed"])).toEqual([
      before,
      before,
      before,
      now,
      now,
    ]);
  }
});
