// The most that a real `millrace run` ever held (VmHWM), in each of the shapes that could make it hold more. Beside each stands
// what a bare reader holds, which cuts the same tables and the same stretch of the log into messages and keeps none of them.
import { createBareSlot, dropBareSlot, runBare } from "./bare-process.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { manyTables } from "./many-tables.ts";
import { mysqlShapes, ofMysql } from "./memory-mysql.ts";
import { chosen, measureShape, type Shape } from "./memory-shape.ts";
import { ofTopics, topicShapes } from "./memory-topic.ts";
import type { Figure } from "./report.ts";
import { insertRows, TABLE, updateRows, withClient } from "./workload.ts";

const TRANSACTION_ROWS = Number(process.env["BENCH_TRANSACTION_ROWS"] ?? 10_000_000);
const TABLES = Number(process.env["BENCH_TABLES"] ?? 1000);
const WIDE_ROWS = Number(process.env["BENCH_WIDE_ROWS"] ?? 100_000);
const WIDE_COLUMNS = 200;
const PACE_ROWS = Number(process.env["BENCH_PACE_ROWS"] ?? 500_000);
const ROW_BYTES = Number(process.env["BENCH_ROW_BYTES"] ?? 200_000_000);
const SETTINGS = { synchronous_commit: "off", max_wal_size: "4GB" };

/** The figures of `memory`. */
export async function run(): Promise<Figure[]> {
  const shapes = chosen({
    idle,
    tables: thousandTables,
    wide: wideRows,
    large: largeRow,
    transaction: largeTransaction,
    pace: fullPace,
  });
  return [
    ...(await ofPostgres(shapes)),
    ...(await ofMysql(chosen(mysqlShapes))),
    ...(await ofTopics(chosen(topicShapes))),
  ];
}

async function ofPostgres(shapes: readonly Shape[]): Promise<Figure[]> {
  if (shapes.length === 0) return [];
  const figures: Figure[] = [];
  await using source = await startPostgres({ storage: "disk", settings: SETTINGS });
  // Not counted: what is compiled is kept for the next process, which an installed program has no need of.
  await measureShape(await source.createDatabase("warm"), idle);
  for (const [index, shape] of shapes.entries())
    figures.push(...(await measureShape(await source.createDatabase(`bench${index}`), shape)));
  return figures;
}

async function forget(sourceUrl: string): Promise<void> {
  await withClient(sourceUrl, (client) =>
    client.query(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active",
    ),
  );
}

/** Every table by COPY and the log from here on, in a process of its own. */
async function bare(url: string): Promise<() => Promise<number>> {
  const slot = await createBareSlot(url);
  return async () => {
    const names = await askAll(
      url,
      "SELECT format('%I', tablename) AS said FROM pg_tables WHERE schemaname = 'public'",
    );
    const [until] = await askAll(url, "SELECT pg_current_wal_lsn()::text AS said");
    const program = new URL("baselines/bare-reader.ts", import.meta.url);
    const read = await runBare<{ mib: number }>(program, { ...slot, tables: names, until });
    await dropBareSlot(slot);
    return read.mib;
  };
}

const askAll = (url: string, sql: string): Promise<readonly string[]> =>
  withClient(url, async (client) =>
    (await client.query<{ said: string }>(sql)).rows.map(({ said }) => said),
  );

const common = { pattern: String.raw`public.\.*`, bare, forget } as const;

const execute = (url: string, sql: string): Promise<void> =>
  withClient(url, async (client) => void (await client.query(sql)));

const idle: Shape = {
  ...common,
  name: "one table, nothing to do",
  tables: 1,
  prepare: (url) => execute(url, "CREATE TABLE one (id int PRIMARY KEY)"),
  change: async (url) => {
    await execute(url, "INSERT INTO one VALUES (1)");
    return { statement: "SELECT FROM one WHERE id = 1" };
  },
};

const largeTransaction: Shape = {
  ...common,
  name: `one transaction of ${TRANSACTION_ROWS.toLocaleString("en-US")} rows`,
  tables: 1,
  prepare: (url) => execute(url, "CREATE TABLE many (id bigint PRIMARY KEY, note text)"),
  change: async (url) => {
    await execute(
      url,
      `INSERT INTO many SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, ${TRANSACTION_ROWS}) i`,
    );
    await execute(url, "INSERT INTO many VALUES (0, 'behind it')");
    return { statement: "SELECT FROM many WHERE id = 0" };
  },
};

const thousandTables: Shape = {
  ...common,
  name: `${TABLES.toLocaleString("en-US")} tables, each loaded and then changed`,
  tables: TABLES,
  target: "postgres",
  prepare: (url) => manyTables.create(url, TABLES),
  change: async (url) => {
    await manyTables.change(url, TABLES);
    return { statement: manyTables.lastChange(TABLES) };
  },
};

const columns = Array.from({ length: WIDE_COLUMNS - 1 }, (_, i) => `c${i}`);

const wideRows: Shape = {
  ...common,
  name: `${WIDE_ROWS.toLocaleString("en-US")} rows of ${WIDE_COLUMNS} columns, loaded and then changed`,
  tables: 1,
  prepare: async (url) => {
    const types = ["text", "integer", "numeric(12,2)", "timestamptz", "boolean"];
    const definitions = columns.map((name, i) => `${name} ${types[i % types.length]}`);
    const values = columns.map(
      (_, i) =>
        [
          "md5(i::text)",
          "i",
          "i / 7.0",
          "'2026-01-01'::timestamptz + i * interval '1s'",
          "i % 2 = 0",
        ][i % types.length],
    );
    await execute(url, `CREATE TABLE wide (id bigint PRIMARY KEY, ${definitions.join(", ")})`);
    await execute(
      url,
      `INSERT INTO wide SELECT i, ${values.join(", ")} FROM generate_series(1, ${WIDE_ROWS}) i`,
    );
  },
  change: async (url) => {
    await execute(url, "UPDATE wide SET c0 = 'changed', c1 = c1 + 1");
    await execute(url, "INSERT INTO wide (id) VALUES (0)");
    return { statement: "SELECT FROM wide WHERE id = 0" };
  },
};

/** Written faster than it is read, so that what is left at the end is read as fast as that goes. */
const fullPace: Shape = {
  ...common,
  name: `${PACE_ROWS.toLocaleString("en-US")} rows loaded, then changed in transactions of 1,000`,
  tables: 1,
  prepare: async (url) => {
    await withClient(url, async (client) => {
      await client.query(TABLE);
      await insertRows(client, PACE_ROWS);
      await client.query("ANALYZE items");
    });
  },
  change: async (url) => {
    await withClient(url, async (client) => {
      await updateRows(client, PACE_ROWS);
      await client.query(
        "INSERT INTO items SELECT 0, customer, quantity, price, sku, note, active, changed, token, extra FROM items WHERE id = 1",
      );
    });
    return { statement: "SELECT FROM items WHERE id = 0" };
  },
};

const largeRow: Shape = {
  ...common,
  name: `rows of ${Math.round(ROW_BYTES / 1e6)} MB, loaded and then changed`,
  tables: 1,
  prepare: async (url) => {
    await execute(
      url,
      "CREATE TABLE large (id int PRIMARY KEY, body text); ALTER TABLE large ALTER body SET STORAGE EXTERNAL",
    );
    await execute(url, `INSERT INTO large VALUES (1, repeat('x', ${ROW_BYTES}))`);
  },
  change: async (url) => {
    await execute(url, `INSERT INTO large VALUES (2, repeat('x', ${ROW_BYTES}))`);
    await execute(url, "INSERT INTO large VALUES (3, 'behind it')");
    return { statement: "SELECT FROM large WHERE id = 3" };
  },
};
