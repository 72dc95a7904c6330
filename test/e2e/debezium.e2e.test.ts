/**
 * What a consumer of Debezium sees: the statements of debezium/postgres.sql in PostgreSQL, and our messages beside those that
 * Debezium told of them, field by field, schemas and headers too. debezium/postgres.jsonl was recorded from Debezium
 * 3.2.0.Final in Kafka Connect 4.0, with its JsonConverter, `provide.transaction.metadata` and `interval.handling.mode=string`.
 */
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { loadPipeline } from "../../packages/millrace/src/load-pipeline.ts";
import { comparable, type RecordedMessage } from "./debezium/comparable.ts";
import { kafkaPipeline } from "./kafka-pipeline.ts";

const TABLES = ["types", "two_part", "no_key", "full_image", "required"];

async function textOf(name: string): Promise<string> {
  return readFile(new URL(`debezium/${name}`, import.meta.url), "utf8");
}

it("are PostgreSQL's changes as Debezium tells them", async () => {
  const [before = "", after = ""] = (await textOf("postgres.sql")).split("-- after:");
  const lines = (await textOf("postgres.jsonl")).trim().split("\n");
  const recorded = lines.map((line) => JSON.parse(line) as RecordedMessage);
  await using between = await kafkaPipeline(before);
  await between.write({
    sink: {
      "debezium-json.include-schema.enabled": true,
      "provide.transaction.metadata": true,
      "transaction.topic": `${between.prefix}transaction`,
      "generation.markers": false,
    },
  });
  const pipeline = await loadPipeline(between.file);
  await pipeline.start();
  try {
    await pipeline.caughtUp();
    for (const line of after.split("\n").slice(1)) await between.source.query(line);
    await pipeline.caughtUp();
  } finally {
    await pipeline.stop();
  }
  for (const table of TABLES) {
    const ours = (await between.recordsOf(table)).map((record) => ({
      topic: `shop.public.${table}`,
      key: record.key?.toString() ?? null,
      value: record.value?.toString() ?? null,
      headers: Object.entries(record.headers),
    }));
    // Where the load of a table without key begins, we empty it.
    if (table === "no_key") ours.shift();
    // A tombstone without a key, as Debezium has behind a delete where there is none, takes nothing away.
    const theirs = recorded.filter(
      ({ topic, key, value }) =>
        topic === `shop.public.${table}` && (key !== null || value !== null),
    );
    expect(ours.map(comparable), table).toEqual(theirs.map(comparable));
  }
  const ours = await between.records(`${between.prefix}transaction`);
  const theirs = recorded.filter(({ topic }) => topic === "shop.transaction");
  expect(ours.map(({ value }) => counted(value?.toString() ?? null))).toEqual(
    theirs.map(({ value }) => counted(value)),
  );
});

/** What is told of a transaction, but for its time and its id, which are the run's. */
function counted(text: string | null): unknown {
  const message = JSON.parse(text ?? "null") as Record<string, unknown>;
  const { ts_ms: _, id: __, ...told } = (message["payload"] ?? message) as Record<string, unknown>;
  return told;
}
