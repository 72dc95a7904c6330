// npm run bench -- NAME [--json]: a table of figures, each as a ratio to a limit measured in the same run.
import { machine, table, type Figure } from "./report.ts";
import type { StartSource } from "./sources/source.ts";

const postgres = async (): Promise<StartSource> =>
  (await import("./sources/postgres.ts")).startPostgresSource;
const mysql = async (): Promise<StartSource> =>
  (await import("./sources/mysql.ts")).startMysqlSource;

/** Near, far, and into Kafka, from a source of either kind. */
const near = async (source: Promise<StartSource>): Promise<Benchmark> => {
  const [{ drain }, start] = await Promise.all([import("./drained.ts"), source]);
  return { run: () => drain(start) };
};
const intoKafka = async (
  source: Promise<StartSource>,
  debezium: "postgres" | "mysql",
): Promise<Benchmark> => {
  const [{ drainIntoKafka }, start] = await Promise.all([import("./drained-kafka.ts"), source]);
  return { run: () => drainIntoKafka(start, debezium) };
};
const far = async (source: Promise<StartSource>): Promise<Benchmark> => {
  const [{ drainFar }, start] = await Promise.all([import("./drained-far.ts"), source]);
  return { run: () => drainFar(start) };
};

interface Benchmark {
  run(): Promise<Figure[]>;
}

const BENCHMARKS: Readonly<
  Record<string, { readonly what: string; readonly load: () => Promise<Benchmark> }>
> = {
  pipeline: {
    what: "a captured pgoutput stream → decode → lanes → null sink, and with the unnest literals encoded; one core",
    load: () => import("./pipeline.ts"),
  },
  "postgres-read": {
    what: "a live slot, decoded, against the best raw reader of the same slot",
    load: () => import("./postgres-read.ts"),
  },
  "postgres-dsql": {
    what: "a backlog of inserts and of updates drained into dsql-local against raw unnest upserts, and the full load against raw inserts",
    load: () => near(postgres()),
  },
  "postgres-dsql-far": {
    what: "the same backlog and load into dsql-local with 5 ms on each statement and 30 ms on each COMMIT, against without",
    load: () => far(postgres()),
  },
  "mysql-read": {
    what: "a recorded log of MySQL and of MariaDB, decoded, against @vlasky/zongji and beside framing alone; one core",
    load: () => import("./mysql-read.ts"),
  },
  "mysql-dsql": {
    what: "as postgres-dsql, from MySQL",
    load: () => near(mysql()),
  },
  "mysql-dsql-far": {
    what: "as postgres-dsql-far, from MySQL",
    load: () => far(mysql()),
  },
  "dynamodb-decode": {
    what: "a page of a Scan parsed, against the AWS SDK's own deserialiser; its items made rows and messages; one core",
    load: () => import("./dynamodb-decode.ts"),
  },
  "dynamodb-kafka": {
    what: "a recorded stream of DynamoDB, served from memory, drained into a broker, by shards; a hundred tables that nobody writes",
    load: () => import("./dynamodb-kafka.ts"),
  },
  "kafka-produce": {
    what: "rows through our encoder and producer into a broker, against Kafka's own performance tool with the same settings",
    load: () => import("./kafka-produce.ts"),
  },
  "postgres-kafka": {
    what: "a backlog of inserts and of updates drained into a broker against the best raw reader of the slot, and the full load; in transactions, and without",
    load: () => intoKafka(postgres(), "postgres"),
  },
  "mysql-kafka": {
    what: "as postgres-kafka, from MySQL",
    load: () => intoKafka(mysql(), "mysql"),
  },
  "kafka-dsql": {
    what: "a topic of Debezium's messages drained into dsql-local and PostgreSQL against raw unnest upserts, beside reading it alone",
    load: () => import("./kafka-dsql.ts"),
  },
  memory: {
    what: "the most a real run ever held: a transaction of 10 million rows, 1,000 tables, 200 columns, rows of 200 MB",
    load: () => import("./memory.ts"),
  },
  growth: {
    what: "time and memory by tables and by rows",
    load: () => import("./growth.ts"),
  },
  latency: {
    what: "from COMMIT at the source to COMMIT at the sink: at 2,000 rows/s, beside a load, and at half of the near rate",
    load: () => import("./latency.ts"),
  },
  "mysql-latency": {
    what: "from COMMIT at MySQL to COMMIT at the sink, at 2,000 rows/s",
    load: () => import("./mysql-latency.ts"),
  },
  "dsql-local": {
    what: "batched upserts, single rows and reads through dsql-local against the same past it; 1,000 connections, an answer that nobody reads",
    load: () => import("./dsql-local.ts"),
  },
};

const [name, ...rest] = process.argv.slice(2).filter((argument) => argument !== "--json");
const json = process.argv.includes("--json");
const benchmark = name === undefined ? undefined : BENCHMARKS[name];

if (name === undefined) {
  const lines = Object.entries(BENCHMARKS).map(([key, { what }]) => `  ${key.padEnd(18)} ${what}`);
  process.stdout.write(`npm run bench -- NAME [--json]\n\n${lines.join("\n")}\n`);
} else if (benchmark === undefined || rest.length > 0) {
  process.stderr.write(
    `There is no benchmark "${[name, ...rest].join(" ")}". There are: ${Object.keys(BENCHMARKS).join(", ")}.\n`,
  );
  process.exitCode = 2;
} else {
  const figures = await (await benchmark.load()).run();
  const report = { name, machine: machine(), figures };
  process.stdout.write(`${json ? JSON.stringify(report) : table(report)}\n`);
}
process.exit();
