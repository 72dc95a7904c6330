/**
 * A pipeline from a table whose rows are counted up into a topic of a cluster that things happen to: in the end every change has to be
 * there, once or in order, to a plain consumer of what is committed.
 */
import { join } from "node:path";
import { expect } from "vitest";
import { transactionalId } from "../../packages/millrace/src/sinks/kafka/topic-names.ts";
import type { KafkaCluster } from "../support/kafka.ts";
import type { SharedPostgres } from "../support/postgres.ts";
import type { BrokerPlaces } from "./broker-places.ts";
import { CountingWriter } from "./counting-writer.ts";
import { callToEnd } from "./millrace-call.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { type Guarantee, wrongCounts } from "./topic-counts.ts";

const ROWS = 300;

/** Where it comes from and goes to. */
export interface CountedParts {
  readonly kafka: KafkaCluster;
  readonly places: BrokerPlaces;
  readonly source: SharedPostgres;
  readonly folder: string;
}

interface CountedOptions {
  readonly guarantee?: Guarantee;
  readonly sink?: Readonly<Record<string, string | number>>;
}

/** See above. */
export class CountedPipeline {
  readonly id: string;
  readonly topic: string;
  readonly stateTopic: string;
  readonly #parts: CountedParts;
  readonly #table: string;
  readonly #guarantee: Guarantee;
  readonly #args: readonly string[];

  private constructor(parts: CountedParts, table: string, file: string, guarantee: Guarantee) {
    const name = nameOf(parts, table);
    this.id = transactionalId(name, "0");
    this.topic = `public.${table}`;
    this.stateTopic = `millrace-${name}-state`;
    this.#parts = parts;
    this.#table = table;
    this.#guarantee = guarantee;
    this.#args = ["run", file, "--json", "--listen", "off"];
  }

  /** The transactional id of a pipeline that could be made. */
  static idOf(parts: CountedParts, table: string): string {
    return transactionalId(nameOf(parts, table), "0");
  }

  /** Makes the table and the file. */
  static async make(
    parts: CountedParts,
    table: string,
    { guarantee = "exactly-once", sink = {} }: CountedOptions = {},
  ): Promise<CountedPipeline> {
    const { source, kafka, folder } = parts;
    const slot = `${table}_${source.database}`;
    await source.query(
      `CREATE TABLE ${table} (id int PRIMARY KEY, n int NOT NULL, pad text);
       INSERT INTO ${table} SELECT i, 0, repeat('x', 100) FROM generate_series(1, ${ROWS}) i`,
    );
    const file = await writePipelineFile({
      path: join(folder, `${table}.yaml`),
      name: nameOf(parts, table),
      sourceUrl: source.url,
      tables: `public.${table}`,
      source: { "slot.name": slot, "publication.name": slot },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": kafka.bootstrap,
        "topic.partitions": 3,
        "sink.delivery-guarantee": guarantee,
        "request-timeout": "3s",
        ...sink,
      },
    });
    return new CountedPipeline(parts, table, file, guarantee);
  }

  /** Something happens while it runs and is written to; the same process has to go on. */
  async expectWholeThrough(
    work: (run: MillraceProcess, writer: CountingWriter) => Promise<void>,
  ): Promise<void> {
    const { source, places } = this.#parts;
    const run = new MillraceProcess(this.#args);
    try {
      await run.waitForSync(1);
      const writer = new CountingWriter(source, this.#table, ROWS);
      await writer.wrote(20);
      await work(run, writer);
      await places.tells(this.topic, 200);
      await writer.stop();
      expect(run.isRunning, run.tail()).toBe(true);
      await run.stop();
    } finally {
      run.kill();
    }
    await callToEnd([...this.#args, "--until-caught-up"]);
    const guarantee = this.#guarantee;
    expect(await wrongCounts(source, this.#table, this.#living, { guarantee })).toEqual([]);
  }

  /** Those that Kafka's own consumer can be sent to. */
  get #living(): string {
    const left = this.#parts.kafka.brokers.filter(({ pid }) => pid !== undefined);
    return left.map((broker) => broker.address()).join(",");
  }
}

function nameOf({ source }: CountedParts, table: string): string {
  return `${table}-${source.database}`;
}
