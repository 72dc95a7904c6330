/**
 * A pipeline from a database of its own into topics of its own, on the broker that the run shares unless the test brings
 * another: begun, ended, and what its topics hold.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterAt } from "../../packages/millrace/src/kafka/cluster.fixture.ts";
import type { Cluster } from "../../packages/millrace/src/kafka/cluster.ts";
import { readTopic } from "../../packages/millrace/src/kafka/read-topic.ts";
import { sharedKafka } from "../support/kafka.ts";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { callToEnd, MillraceCall } from "./millrace-call.ts";
import type { MillraceRun } from "./millrace-run.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";

/** A committed message. */
export interface TopicRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** By name; the last one of a name counts. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What differs from one file to the next. */
export interface KafkaFile {
  readonly tables?: string;
  readonly source?: Section;
  readonly sink?: Section;
  readonly pipeline?: Section;
}

/** See {@link kafkaPipeline}. */
export class KafkaPipeline implements AsyncDisposable {
  readonly source: SharedPostgres;
  readonly cluster: Cluster;
  /** What its topics begin with. */
  readonly prefix: string;
  readonly file: string;
  readonly bootstrap: string;
  readonly #letGo: () => Promise<void>;

  constructor(parts: {
    readonly source: SharedPostgres;
    readonly bootstrap: string;
    readonly prefix: string;
    readonly folder: string;
    readonly letGo: () => Promise<void>;
  }) {
    this.source = parts.source;
    this.bootstrap = parts.bootstrap;
    this.prefix = parts.prefix;
    this.file = join(parts.folder, "kafka.yaml");
    this.#letGo = parts.letGo;
    this.cluster = clusterAt(parts.bootstrap);
  }

  /** The pipeline's name. */
  get name(): string {
    return `${this.prefix}shop`;
  }

  /** Writes the file: topics are `PREFIXschema.table`, of one partition. */
  async write({ tables, source, sink, pipeline }: KafkaFile = {}): Promise<void> {
    const { database } = this.source;
    await writePipelineFile({
      path: this.file,
      name: this.name,
      sourceUrl: this.source.url,
      tables: tables ?? String.raw`public.\.*`,
      source: { "publication.name": database, "slot.name": database, ...source },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": this.bootstrap,
        "topic.pattern": `${this.prefix}{schema}.{table}`,
        "topic.prefix": "shop",
        ...(sink?.["create"] === "never" ? {} : { "topic.partitions": 1 }),
        ...sink,
      },
      ...(pipeline === undefined ? {} : { pipeline }),
    });
  }

  /** The command line that runs it. */
  args(...more: readonly string[]): string[] {
    return ["run", this.file, "--json", "--listen", "off", ...more];
  }

  /** Runs it until it has caught up, and no longer. */
  caughtUp(): Promise<MillraceRun> {
    return callToEnd(this.args("--until-caught-up"));
  }

  /** Does something while it runs. */
  async whileRunning(work: (run: MillraceRun) => Promise<void>): Promise<void> {
    const run = new MillraceCall(this.args());
    try {
      await run.running;
      await work(run);
    } finally {
      await run.stop();
    }
  }

  /** What is committed in a topic now, in the order of its partitions; none where it is not there. */
  async records(topic: string): Promise<readonly TopicRecord[]> {
    this.cluster.forgetTopic(topic);
    const facts = (await this.cluster.topics([topic])).get(topic);
    const found: TopicRecord[] = [];
    for (const partition of facts?.leaders.keys() ?? [])
      await readTopic(
        this.cluster,
        { topic, partition },
        "stable",
        { wholeMs: 20_000 },
        (record) => {
          const headers = record.headers().map(({ name, value }) => [name, String(value)] as const);
          found.push({
            partition,
            offset: record.offset,
            key: copyOf(record.key()),
            value: copyOf(record.value()),
            headers: Object.fromEntries(headers),
          });
        },
      );
    return found;
  }

  /** The same of the topic of a table in `public`. */
  recordsOf(table: string): Promise<readonly TopicRecord[]> {
    return this.records(`${this.prefix}public.${table}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.close();
    await this.#letGo();
  }
}

/** What a message holds in JSON; null of a tombstone. */
export function jsonIn(bytes: Buffer | null): unknown {
  return bytes === null ? null : JSON.parse(bytes.toString("utf8"));
}

/** Makes the database and the tables of `ddl`; the file is still to be written. */
export async function kafkaPipeline(ddl: string, bootstrap?: string): Promise<KafkaPipeline> {
  const [source, shared] = await Promise.all([
    sharedPostgres(),
    bootstrap === undefined ? sharedKafka() : null,
  ]);
  const folder = await mkdtemp(join(tmpdir(), "millrace-kafka-"));
  await source.query(ddl);
  return new KafkaPipeline({
    source,
    bootstrap: bootstrap ?? shared?.bootstrap ?? "",
    prefix: shared?.prefix ?? `${source.database}-`,
    folder,
    letGo: async () => {
      await shared?.release();
      await source.release();
      await rm(folder, { recursive: true });
    },
  });
}

function copyOf(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}
