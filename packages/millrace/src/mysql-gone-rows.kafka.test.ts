/** Rows that left a table of MySQL without a row event, and topics: who applies their messages has the table in the end. */
import { afterAll, afterEach, expect, it } from "vitest";
import { sharedKafka } from "../../../test/support/kafka.ts";
import { startMysql } from "../../../test/support/mysql.ts";
import { clusterAt, recordsIn } from "./kafka/cluster.fixture.ts";
import { mysqlBetween } from "./mysql-between.fixture.ts";
import { soon } from "./tables-between.fixture.ts";

const PATIENCE_MS = 120_000;
const [kafka, server] = await Promise.all([sharedKafka(), startMysql("mysql")]);
const cluster = clusterAt(kafka.bootstrap);
const between = await mysqlBetween(server);
afterEach(() => between.stop());
afterAll(async () => {
  await cluster.close();
  await Promise.all([between.release(), server.stop(), kafka.release()]);
});

const topic = `${kafka.prefix}items`;
const file = between.file(
  { "on-loss": "resync" },
  {
    sink: {
      type: "kafka",
      "properties.bootstrap.servers": kafka.bootstrap,
      "topic.pattern": `${kafka.prefix}{table}`,
      "topic.partitions": 1,
    },
    pipeline: { name: `${kafka.prefix}items` },
  },
);

/** Ids of rows that a reader has in the end, and how often it was told that there are none. */
async function readBack(): Promise<{ readonly ids: readonly number[]; readonly empty: number }> {
  const ids = new Set<number>();
  let empty = 0;
  for (const [key, value] of await recordsIn(cluster, topic)) {
    if (value === null) continue;
    const { op } = JSON.parse(value) as { readonly op: string };
    const { id = 0 } = JSON.parse(key ?? "{}") as { readonly id?: number };
    if (op === "t") empty++;
    if (op === "t") ids.clear();
    else if (op === "d") ids.delete(id);
    else ids.add(id);
  }
  return { ids: [...ids].toSorted((a, b) => a - b), empty };
}

const idsOf = async (): Promise<readonly number[]> =>
  (await server.query("SELECT id FROM items ORDER BY id")).map(({ id }) => Number(id));

async function expectSame(): Promise<void> {
  const same = async () => String((await readBack()).ids) === String(await idsOf());
  await soon(same, PATIENCE_MS).catch(() => undefined);
  expect((await readBack()).ids).toEqual(await idsOf());
}

it(
  "partitions that are exchanged, emptied and dropped, and a log that was purged",
  async () => {
    await server.query(`CREATE TABLE items (id INT PRIMARY KEY, v TEXT) PARTITION BY RANGE (id)
    (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20), PARTITION c VALUES LESS THAN (100));
    INSERT INTO items VALUES (1, 'a'), (2, 'a'), (11, 'b'), (12, 'b'), (21, 'c'), (22, 'c')`);
    const pipeline = await between.run(file);
    await pipeline.caughtUp();
    expect(await readBack()).toEqual({ ids: [1, 2, 11, 12, 21, 22], empty: 0 });
    for (const sql of [
      "ALTER TABLE items TRUNCATE PARTITION a",
      "CREATE TABLE other (id INT PRIMARY KEY, v TEXT); INSERT INTO other VALUES (15, 'x'); ALTER TABLE items EXCHANGE PARTITION b WITH TABLE other",
      "ALTER TABLE items DROP PARTITION a; INSERT INTO items VALUES (23, 'c')",
    ]) {
      await server.query(sql);
      await pipeline.caughtUp();
      await expectSame();
    }
    await between.stop();
    await server.query("DELETE FROM items WHERE id > 22; FLUSH BINARY LOGS");
    const { file: newest } = await server.binlogEnd();
    await soon(async () => {
      await server.query(`PURGE BINARY LOGS TO '${newest}'`);
      return (await server.query("SHOW BINARY LOGS")).length === 1;
    });
    await (await between.run(file)).caughtUp();
    await expectSame();
    expect((await readBack()).empty).toBeGreaterThan(3);
  },
  PATIENCE_MS * 4,
);
