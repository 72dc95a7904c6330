// The most that a real `millrace run` ever held (VmHWM), in each of the shapes that could make it hold more.
import { startPostgres } from "../test/support/postgres.ts";
import { manyTables } from "./many-tables.ts";
import { RealRun, startTarget, until, type BenchTarget } from "./real-run.ts";
import { absolute, atMost, type Figure } from "./report.ts";
import { withClient } from "./workload.ts";

const TRANSACTION_ROWS = Number(process.env["BENCH_TRANSACTION_ROWS"] ?? 10_000_000);
const TABLES = Number(process.env["BENCH_TABLES"] ?? 1000);
const WIDE_ROWS = Number(process.env["BENCH_WIDE_ROWS"] ?? 100_000);
const WIDE_COLUMNS = 200;
const ROW_BYTES = Number(process.env["BENCH_ROW_BYTES"] ?? 200_000_000);
const MOST_MIB = 300;
const SETTINGS = { synchronous_commit: "off", max_wal_size: "4GB" };
const TIMEOUT_MS = 3_600_000;

/** One shape: what it makes before the start, and what it does once all is loaded. */
interface Shape {
  readonly name: string;
  readonly tables: number;
  /** A cluster takes a thousand tables, of which the state's are five. */
  readonly target?: BenchTarget["name"];
  readonly prepare: (url: string) => Promise<void>;
  /** Gives the statement that has a row at the target once all has arrived. */
  readonly change: (url: string) => Promise<string>;
}

/** The figures of `memory`. */
export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  await using source = await startPostgres({ storage: "disk", settings: SETTINGS });
  const all = {
    idle,
    tables: thousandTables,
    wide: wideRows,
    large: largeRow,
    transaction: largeTransaction,
  };
  const shapes = Object.entries(all).flatMap(([name, shape]) =>
    (process.env["BENCH_SHAPES"] ?? name).includes(name) ? [shape] : [],
  );
  for (const [index, shape] of shapes.entries()) {
    const options = {
      storage: "disk",
      settings: { ...SETTINGS, full_page_writes: "off" },
    } as const;
    const target = await startTarget(shape.target ?? "dsql-local", options);
    try {
      figures.push(...(await measure(await source.createDatabase(`bench${index}`), target, shape)));
    } finally {
      await target.stop();
    }
  }
  return figures;
}

async function measure(sourceUrl: string, target: BenchTarget, shape: Shape): Promise<Figure[]> {
  await shape.prepare(sourceUrl);
  const began = performance.now();
  const tables = String.raw`public.\.*`;
  const millrace = await RealRun.start({ name: "memory", sourceUrl, target, tables });
  try {
    await millrace.process.waitForSync(shape.tables, TIMEOUT_MS);
    const arrived = await shape.change(sourceUrl);
    await until(() => holdsARow(target.url, arrived), TIMEOUT_MS);
    const seconds = (performance.now() - began) / 1000;
    return [
      atMost(shape.name, await millrace.peakMib(), "MiB", MOST_MIB),
      absolute(`${shape.name}, until all had arrived`, seconds, "s"),
    ];
  } finally {
    await millrace.stop();
    await dropSlot(sourceUrl);
  }
}

async function holdsARow(url: string, statement: string): Promise<boolean> {
  return withClient(url, async (client) => ((await client.query(statement)).rowCount ?? 0) > 0);
}

async function dropSlot(url: string): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active",
    ),
  );
}

const execute = (url: string, sql: string): Promise<void> =>
  withClient(url, async (client) => void (await client.query(sql)));

const idle: Shape = {
  name: "one table, nothing to do",
  tables: 1,
  prepare: (url) => execute(url, "CREATE TABLE one (id int PRIMARY KEY)"),
  change: async (url) => {
    await execute(url, "INSERT INTO one VALUES (1)");
    return "SELECT FROM one WHERE id = 1";
  },
};

const largeTransaction: Shape = {
  name: `one transaction of ${TRANSACTION_ROWS.toLocaleString("en-US")} rows`,
  tables: 1,
  prepare: (url) => execute(url, "CREATE TABLE many (id bigint PRIMARY KEY, note text)"),
  change: async (url) => {
    await execute(
      url,
      `INSERT INTO many SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, ${TRANSACTION_ROWS}) i`,
    );
    await execute(url, "INSERT INTO many VALUES (0, 'behind it')");
    return "SELECT FROM many WHERE id = 0";
  },
};

const thousandTables: Shape = {
  name: `${TABLES.toLocaleString("en-US")} tables, each loaded and then changed`,
  tables: TABLES,
  target: "postgres",
  prepare: (url) => manyTables.create(url, TABLES),
  change: async (url) => {
    await manyTables.change(url, TABLES);
    return manyTables.lastChange(TABLES);
  },
};

const columns = Array.from({ length: WIDE_COLUMNS - 1 }, (_, i) => `c${i}`);

const wideRows: Shape = {
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
    return "SELECT FROM wide WHERE id = 0";
  },
};

const largeRow: Shape = {
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
    return "SELECT FROM large WHERE id = 3";
  },
};
