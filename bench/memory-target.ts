import { startBenchBroker } from "./kafka/bench-broker.ts";
import { type BenchTarget, startTarget } from "./real-run.ts";
import { withClient } from "./workload.ts";

const SETTINGS = { synchronous_commit: "off", max_wal_size: "4GB", full_page_writes: "off" };
const KAFKA_PARTITIONS = 4;

/** Where it is seen that all has arrived. */
export interface Arrival {
  /** Has a row at a database then. */
  readonly statement: string;
  /** A topic that has a message then; where none is told, PostgreSQL knows what was acknowledged. */
  readonly topic?: string;
}

/** Where a shape goes. */
export interface MemoryTarget extends Pick<BenchTarget, "sink"> {
  /** Of everything that was written at the source so far. */
  arrival(sourceUrl: string, arrival: Arrival): Promise<() => Promise<boolean>>;
  stop(): Promise<void>;
}

/** A database; or, with `BENCH_TARGETS=kafka`, a broker. */
export async function startMemoryTarget(name: BenchTarget["name"]): Promise<MemoryTarget> {
  if (process.env["BENCH_TARGETS"] === "kafka") return startBroker();
  const target = await startDatabase(name);
  return {
    sink: target.sink,
    arrival: (_, { statement }) => Promise.resolve(() => holdsARow(target.url, statement)),
    stop: () => target.stop(),
  };
}

/** A database that holds what no memory does. */
export function startDatabase(name: BenchTarget["name"]): Promise<BenchTarget> {
  return startTarget(name, { storage: "disk", settings: SETTINGS });
}

/** A topic cannot be asked for a row: all has arrived once the slot was told so, or the last topic has its message. */
async function startBroker(): Promise<MemoryTarget> {
  const broker = await startBenchBroker();
  return {
    sink: {
      type: "kafka",
      "properties.bootstrap.servers": broker.bootstrap,
      "topic.partitions": KAFKA_PARTITIONS,
    },
    arrival: async (sourceUrl, { topic }) => {
      if (topic !== undefined) return async () => (await broker.records(topic)) > 0;
      const end = await withClient(sourceUrl, async (client) => {
        // What was committed may be nowhere but in the server's memory yet, behind the end of what it has written.
        const { rows } = await client.query<{ lsn: string }>(
          "SELECT pg_current_wal_insert_lsn() AS lsn",
        );
        return rows[0]?.lsn ?? "";
      });
      const confirmed = `SELECT FROM pg_replication_slots
        WHERE database = current_database() AND active AND confirmed_flush_lsn >= '${end}'`;
      return () => holdsARow(sourceUrl, confirmed);
    },
    stop: () => broker.stop(),
  };
}

async function holdsARow(url: string, statement: string): Promise<boolean> {
  return withClient(url, async (client) => ((await client.query(statement)).rowCount ?? 0) > 0);
}
