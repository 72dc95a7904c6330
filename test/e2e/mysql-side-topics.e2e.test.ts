/** What a Kafka sink tells of MySQL and MariaDB beside rows, in the words of Debezium's connectors. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadPipeline } from "../../packages/millrace/src/load-pipeline.ts";
import { sharedKafka } from "../support/kafka.ts";
import { mysqlFlavors, sharedMysql } from "../support/mysql.ts";
import { consumedMessages } from "./console-consumer.ts";
import { writePipelineFile } from "./pipeline-file.ts";

interface SchemaMessage {
  readonly source: Readonly<Record<string, unknown>>;
  readonly databaseName: string;
  readonly tableChanges: readonly { type: string; id: string; table: object | null }[];
}

async function told(bootstrap: string, topic: string): Promise<readonly SchemaMessage[]> {
  const messages = await consumedMessages(bootstrap, topic);
  return messages.map(({ value }) => JSON.parse(value ?? "null") as SchemaMessage);
}

it.each(mysqlFlavors)(
  "tells shapes of %s as they come to hold, and where in the log they changed",
  async (flavor) => {
    await using source = await sharedMysql(flavor);
    await using kafka = await sharedKafka();
    const folder = await mkdtemp(join(tmpdir(), "millrace-mysql-side-"));
    const db = source.database;
    const ddl = `${kafka.prefix}ddl`;
    try {
      await source.query(
        "CREATE TABLE item (id int unsigned AUTO_INCREMENT PRIMARY KEY, note varchar(9) CHARACTER SET latin1) CHARSET utf8mb4",
      );
      await source.query("INSERT INTO item (note) VALUES ('a')");
      const file = await writePipelineFile({
        path: join(folder, "side.yaml"),
        name: db,
        sourceUrl: source.url,
        tables: "item",
        sink: {
          type: "kafka",
          "properties.bootstrap.servers": kafka.bootstrap,
          "topic.pattern": `${kafka.prefix}{schema}.{table}`,
          "schema-changes.topic": ddl,
          "include.schema.changes": "all",
        },
      });
      const pipeline = await loadPipeline(file);
      await pipeline.start();
      try {
        await pipeline.caughtUp();
        await source.query("ALTER TABLE item ADD more decimal(5,2)");
        await pipeline.caughtUp();
        await source.query("DROP TABLE item");
        await pipeline.caughtUp();
        // A drop may be told behind what a pipeline catches up with.
        await expect
          .poll(async () => (await told(kafka.bootstrap, ddl)).length, { timeout: 60_000 })
          .toBe(3);
      } finally {
        await pipeline.stop();
      }
      const messages = await told(kafka.bootstrap, ddl);
      const id = `"${db}"."item"`;
      expect(messages.map(({ tableChanges }) => tableChanges[0])).toMatchObject([
        {
          type: "CREATE",
          id,
          table: {
            defaultCharsetName: "utf8mb4",
            primaryKeyColumnNames: ["id"],
            columns: [
              { name: "id", jdbcType: 4, typeName: "INT UNSIGNED", autoIncremented: true },
              { name: "note", jdbcType: 12, charsetName: "latin1", length: 9 },
            ],
          },
        },
        { type: "ALTER", id, table: { columns: [{}, {}, { name: "more", length: 5, scale: 2 }] } },
        { type: "DROP", id, table: null },
      ]);
      const [created, altered, dropped] = messages.map((message) => message.source);
      expect(created).toMatchObject({
        snapshot: "incremental",
        file: "",
        pos: 0,
        db,
        table: "item",
      });
      for (const each of [altered, dropped])
        expect(each).toMatchObject({ snapshot: "false", connector: flavor, db, table: "item" });
      expect(String(altered?.["file"])).toMatch(/\.\d{6}$/);
      expect(Number(dropped?.["pos"])).toBeGreaterThan(Number(altered?.["pos"]));
      expect(Number(altered?.["ts_ms"])).toBeLessThanOrEqual(Number(dropped?.["ts_ms"]));
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
