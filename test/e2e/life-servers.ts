/** What is in the servers of a life, as files by which it can be understood: partitions, tables, positions, logs. */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { describeLogDirsV4 } from "@platformatic/kafka";
import { clusterAt } from "../../packages/millrace/src/kafka/cluster.fixture.ts";
import { toolCommand } from "../../scripts/kafka-broker.mjs";
import { bringServer } from "../../scripts/servers.mjs";
import type { LifeFolder } from "./life-folder.ts";
import { openClient } from "./sql-client.ts";

/** Servers whose contents are kept. */
export interface LifeServers {
  readonly brokers: readonly LifeBroker[];
  /** URLs, by what each database is in the life. */
  readonly databases: Readonly<Record<string, string>>;
}

/** A broker whose files can be read, whether it runs or not. */
interface LifeBroker {
  readonly node: number;
  readonly dataDir: string;
  /** Only topics that begin so, beside Kafka's own. */
  readonly prefix?: string;
  log?(): Promise<string>;
}

type Row = Readonly<Record<string, unknown>>;
type Query = (sql: string) => Promise<readonly Row[]>;

const JAVA = ["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
const DUMP = "org.apache.kafka.tools.DumpLogSegments";
const DUMP_BYTES = 2 ** 30;
const execute = promisify(execFile);

/** Kafka's own topics, and how their records are read. */
const DECODERS: Readonly<Record<string, string>> = {
  __transaction_state: "--transaction-log-decoder",
  __consumer_offsets: "--offsets-decoder",
};

const ASKED: Readonly<Record<"postgres" | "mysql", readonly string[]>> = {
  postgres: [
    "SELECT * FROM pg_replication_slots",
    "SELECT * FROM pg_publication_tables",
    "SELECT * FROM pg_prepared_xacts",
    "SELECT pg_current_wal_lsn()",
  ],
  mysql: ["SELECT @@version", "SHOW BINARY LOGS", "SELECT @@gtid_executed", "XA RECOVER"],
};

const SYSTEM = "'pg_catalog', 'information_schema'";

/** The first broker of a cluster that others use too, with what begins with `prefix`. */
export async function sharedBroker(bootstrap: string, prefix: string): Promise<LifeBroker> {
  const cluster = clusterAt(bootstrap);
  try {
    const { results } = await cluster.askController(describeLogDirsV4.api, null);
    return { node: 1, prefix, dataDir: results[0]?.logDir ?? "" };
  } finally {
    await cluster.close();
  }
}

/** From now on PostgreSQL keeps what its log tells, until the database is dropped; a MySQL keeps its own. */
export async function recordLog(url: string): Promise<void> {
  if (!isMysql(url))
    await asking(url, (query) =>
      query(
        "SELECT pg_create_logical_replication_slot('kept_' || current_database(), 'test_decoding')",
      ),
    );
}

/** Whatever cannot be taken is noted, and the rest taken. */
export async function keepServers(folder: LifeFolder, servers: LifeServers): Promise<void> {
  const attempt = async (what: string, keep: () => Promise<unknown>): Promise<void> => {
    await keep().catch((error: unknown) => folder.note(`not kept: ${what}: ${String(error)}`));
  };
  for (const broker of servers.brokers) {
    const into = folder.file(`broker-${broker.node}`);
    await mkdir(into);
    await attempt("a broker's log", async () => {
      const said = await broker.log?.();
      if (said !== undefined) await writeFile(join(into, "broker.log"), said);
    });
    await attempt("topics", () => keepTopics(into, broker));
  }
  for (const [name, url] of Object.entries(servers.databases)) {
    const into = folder.file(name);
    await mkdir(into);
    await attempt(`${name}'s tables`, () => asking(url, (query) => keepTables(into, query, url)));
    await attempt(`${name}'s positions`, () => asking(url, (query) => keepFacts(into, query, url)));
    await attempt(`${name}'s log`, () => asking(url, (query) => keepLog(into, query, url)));
  }
}

/** A file for each segment: batches with their producers, records, and the ends of transactions. */
async function keepTopics(into: string, { dataDir, prefix = "" }: LifeBroker): Promise<void> {
  const partitions = (await readdir(dataDir)).filter((name) => /-\d+$/.test(name));
  const decoded = new Map<string, string[]>();
  for (const partition of partitions) {
    const topic = partition.replace(/-\d+$/, "");
    const decoder = DECODERS[topic] ?? "--print-data-log";
    if (topic.startsWith("__cluster") || !(topic in DECODERS || topic.startsWith(prefix))) continue;
    const segments = (await readdir(join(dataDir, partition))).filter((name) =>
      name.endsWith(".log"),
    );
    const files = segments.toSorted().map((name) => join(dataDir, partition, name));
    decoded.set(decoder, [...(decoded.get(decoder) ?? []), ...files]);
  }
  for (const [decoder, files] of decoded) await dump(into, decoder, files);
}

async function dump(into: string, decoder: string, files: readonly string[]): Promise<void> {
  const [program = "", ...command] = toolCommand(await bringServer("kafka"), DUMP, JAVA);
  const args = [...command, decoder, "--deep-iteration", "--files", files.join(",")];
  const { stdout } = await execute(program, args, { maxBuffer: DUMP_BYTES });
  for (const part of stdout.split(/^Dumping /m).slice(1)) {
    const path = part.slice(0, part.indexOf("\n"));
    await writeFile(join(into, `${basename(dirname(path))}-${basename(path)}`), part);
  }
}

/** A file for each table, a line for each row: positions and what else a sink keeps of a pipeline are tables too. */
async function keepTables(into: string, query: Query, url: string): Promise<void> {
  const which = isMysql(url) ? "= DATABASE()" : `NOT IN (${SYSTEM})`;
  const tables = await query(
    `SELECT table_schema AS "schema", table_name AS name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema ${which}`.replaceAll(
      '"',
      isMysql(url) ? "`" : '"',
    ),
  );
  for (const table of tables) {
    const [schema, name] = [String(table["schema"]), String(table["name"])];
    const quote = isMysql(url) ? "`" : '"';
    const rows = await query(`SELECT * FROM ${quote}${schema}${quote}.${quote}${name}${quote}`);
    const lines = rows.map((row) => JSON.stringify(row, textOf)).toSorted();
    await writeFile(join(into, `${schema}.${name}.jsonl`), `${lines.join("\n")}\n`);
  }
}

async function keepFacts(into: string, query: Query, url: string): Promise<void> {
  const facts: string[] = [];
  for (const sql of ASKED[isMysql(url) ? "mysql" : "postgres"]) {
    const rows = await query(sql).catch((error: unknown) => [{ refused: String(error) }]);
    facts.push(sql, ...rows.map((row) => `  ${JSON.stringify(row, textOf)}`));
  }
  await writeFile(join(into, "facts.txt"), `${facts.join("\n")}\n`);
}

/** What {@link recordLog} has kept, decoded; of a MySQL its files. */
async function keepLog(into: string, query: Query, url: string): Promise<void> {
  if (isMysql(url)) return keepFiles(into, query);
  const rows = await query(
    "SELECT * FROM pg_replication_slots s, pg_logical_slot_get_changes(s.slot_name, NULL, NULL) WHERE s.slot_name = 'kept_' || current_database()",
  ).catch(() => []);
  const lines = rows.map(({ lsn, xid, data }) => `${String(lsn)} ${String(xid)} ${String(data)}`);
  if (lines.length > 0) await writeFile(join(into, "log.txt"), `${lines.join("\n")}\n`);
}

async function keepFiles(into: string, query: Query): Promise<void> {
  const [place] = await query("SELECT @@log_bin_basename AS path");
  const folder = dirname(String(place?.["path"]));
  for (const row of await query("SHOW BINARY LOGS")) {
    const name = String(row["Log_name"]);
    await copyFile(join(folder, name), join(into, name), constants.COPYFILE_FICLONE);
  }
}

async function asking<T>(url: string, work: (query: Query) => Promise<T>): Promise<T> {
  const client = await openClient(url);
  try {
    return await work(async (sql) => rowsOf(await client.query(sql)));
  } finally {
    await client.end();
  }
}

/** As PostgreSQL's client gives them, or MySQL's. */
function rowsOf(result: unknown): readonly Row[] {
  const rows: unknown = Array.isArray(result)
    ? result[0]
    : typeof result === "object" && result !== null && "rows" in result && result.rows;
  return Array.isArray(rows) ? (rows as readonly Row[]) : [];
}

function textOf(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function isMysql(url: string): boolean {
  return new URL(url).protocol === "mysql:";
}
