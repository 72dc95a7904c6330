/**
 * What a consumer of Debezium's connectors for MySQL and MariaDB sees: the statements of debezium/mysql.sql, and our messages
 * beside those that Debezium told of them, field by field, schemas and headers too. debezium/mysql.jsonl and mariadb.jsonl were
 * recorded from the embedded engine of 3.5.0.Final with its JSON format, `provide.transaction.metadata`, `skipped.operations=none` and
 * `bigint.unsigned.handling.mode=precise`; their headers are without schemas, as Kafka Connect's workers write them.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { clusterAt } from "../../packages/millrace/src/kafka/cluster.fixture.ts";
import { readTopic } from "../../packages/millrace/src/kafka/read-topic.ts";
import { loadPipeline } from "../../packages/millrace/src/load-pipeline.ts";
import { sharedKafka } from "../support/kafka.ts";
import { mysqlFlavors, sharedMysql } from "../support/mysql.ts";
import { comparable, type RecordedMessage } from "./debezium/comparable.ts";
import { writePipelineFile } from "./pipeline-file.ts";

const TABLES = ["items", "two_part", "no_key", "required"];

async function textOf(name: string): Promise<string> {
  return readFile(new URL(`debezium/${name}`, import.meta.url), "utf8");
}

/** Of a TRUNCATE of MySQL Debezium tells no transaction, as it does of one of MariaDB, and we of both. */
function withoutPart(message: RecordedMessage): RecordedMessage {
  const { value } = message;
  if (value?.includes('"op":"t"') !== true) return message;
  return { ...message, value: value.replace(/"transaction":\{[^}]*\}/, '"transaction":null') };
}

const same = (message: RecordedMessage): RecordedMessage => message;

it.each(mysqlFlavors)("are changes of %s as Debezium tells them", async (flavor) => {
  const [before = "", after = ""] = (await textOf("mysql.sql")).split("-- after:");
  const lines = (await textOf(`${flavor}.jsonl`)).trim().split("\n");
  const recorded = lines.map((line) => JSON.parse(line) as RecordedMessage);
  await using source = await sharedMysql(flavor);
  await using kafka = await sharedKafka();
  const folder = await mkdtemp(join(tmpdir(), "millrace-debezium-mysql-"));
  const cluster = clusterAt(kafka.bootstrap);
  const { database } = source;
  const messagesOf = async (topic: string): Promise<readonly RecordedMessage[]> => {
    const found: RecordedMessage[] = [];
    const text = (bytes: Buffer | null): string | null =>
      bytes === null ? null : bytes.toString("utf8").replaceAll(database, "test");
    cluster.forgetTopic(topic);
    await cluster.topics([topic]);
    await readTopic(cluster, { topic, partition: 0 }, "stable", { wholeMs: 20_000 }, (record) => {
      const headers = record.headers().map(({ name, value }) => [name, String(value)] as const);
      found.push({ topic, key: text(record.key()), value: text(record.value()), headers });
    });
    return found;
  };
  try {
    await source.query(before.replaceAll(/^--.*$/gm, ""));
    const file = await writePipelineFile({
      path: join(folder, "debezium.yaml"),
      name: database,
      sourceUrl: source.url,
      tables: String.raw`\.*`,
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": kafka.bootstrap,
        "topic.pattern": `${kafka.prefix}{table}`,
        "topic.prefix": "shop",
        "topic.partitions": 1,
        "debezium-json.include-schema.enabled": true,
        "bigint.unsigned.handling.mode": "precise",
        "provide.transaction.metadata": true,
        "transaction.topic": `${kafka.prefix}transaction`,
        "generation.markers": false,
      },
    });
    const pipeline = await loadPipeline(file);
    await pipeline.start();
    try {
      await pipeline.caughtUp();
      for (const line of after.trim().split("\n").slice(1)) await source.query(line);
      await pipeline.caughtUp();
    } finally {
      await pipeline.stop();
    }
    for (const table of TABLES) {
      const ours = [...(await messagesOf(`${kafka.prefix}${table}`))];
      // Where the load of a table without key begins, we empty it.
      if (table === "no_key") ours.shift();
      // A tombstone without a key, as Debezium has behind a delete where there is none, takes nothing away.
      const theirs = recorded.filter(
        ({ topic, key, value }) =>
          topic === `shop.test.${table}` && (key !== null || value !== null),
      );
      expect(ours.map(flavor === "mysql" ? withoutPart : same).map(comparable), table).toEqual(
        theirs.map(comparable),
      );
    }
  } finally {
    await cluster.close();
    await rm(folder, { recursive: true });
  }
});
