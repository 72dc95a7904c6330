import { readFile } from "node:fs/promises";
import { buildRouter } from "./build-router.ts";
import { buildSink } from "./build-sink.ts";
import type { PipelineConfig, SinkConfig } from "./config/pipeline-config.ts";
import { dynamodbOptions } from "./dynamodb-source-options.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { Cluster } from "./kafka/cluster.ts";
import { readTopic } from "./kafka/read-topic.ts";
import { clusterOptions } from "./kafka-cluster.ts";
import type { Sink, StateEntry, Takeover } from "./model/sink.ts";
import type { ConnectorContext, DiscoveredTable, Source } from "./model/source.ts";
import type { TargetTable } from "./model/table.ts";
import { targetsOf, waysOf } from "./pipeline/routes.ts";
import { readPipelineFile, type PipelineFileOptions } from "./pipeline-file.ts";
import { entry, stateKey, type TableDocument } from "./pipeline/state-documents.ts";
import { adoptTable, type AdoptedPlace } from "./sources/dynamodb/adopt.ts";
import {
  ConnectorOffsets,
  offsetsOfText,
  type ConnectorOffset,
} from "./sources/dynamodb/adopt-offsets.ts";
import { namesOf } from "./sources/dynamodb/discover.ts";
import { tableSources, type TableSources } from "./sources/dynamodb/table-sources.ts";

/** What `adopt` may be given. */
export interface AdoptOptions extends PipelineFileOptions {
  /** A file, or (of a Kafka sink) `topic:NAME` of its brokers: Kafka Connect's offsets. */
  readonly offsets: string;
  /** Only this connector's, where the topic has several. */
  readonly connector?: string;
  /** Writes nothing. */
  readonly dryRun?: boolean;
}

/** What became of one table. */
export interface AdoptedTable {
  readonly table: string;
  /**
   * `adopted`: it goes on; `left`: it begins with an INIT_SYNC of its own; `refused`: the pipeline has it already, which goes on;
   * `not-chosen`: the file chooses other tables, so that nobody reads it.
   */
  readonly outcome: "adopted" | "left" | "refused" | "not-chosen";
  /** What it goes on with; null where it does not. */
  readonly state: "SYNC" | "INIT_SYNC" | null;
  readonly why: string;
}

/**
 * Takes over what Trustpilot's connector has done: tables whose INIT_SYNC is FINISHED go on in SYNC at the checkpoints of its
 * leases, others with their Scan. The connector has to be stopped. Tables that the pipeline has state of are left alone. In a database the rows
 * that the connector has read have to be there already, in the tables that this file writes: whoever read its topics has brought them.
 * @throws ConfigError where the file cannot be used; MillraceError
 */
export async function adopt(
  input: string | object,
  options: AdoptOptions,
): Promise<readonly AdoptedTable[]> {
  const { config, context, extensions } = readPipelineFile(input, options);
  const { source, sink } = config;
  if (source.kind !== "dynamodb" || sink.kind === "jsonl")
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      `what the connector has read from DynamoDB can be gone on with in Kafka, DSQL and PostgreSQL; this file goes from ${source.kind} to ${sink.kind}`,
      { remedy: "Run the pipeline: its tables are loaded." },
    );
  const offsets = await offsetsOf(options, sink, context);
  const read = dynamodbOptions(source);
  const tables = tableSources(read, context);
  const openSink = () => buildSink(sink, context, null, extensions);
  const look = await openSink();
  try {
    const chosen = await namesOf(tables.api, read.discovery.choice, undefined);
    const parts = { config, context, tables, chosen, look, openSink };
    return await new Adoption(parts).run(offsets, options);
  } finally {
    await look.close();
    await tables.api.close();
  }
}

interface AdoptionParts {
  readonly config: PipelineConfig;
  readonly context: ConnectorContext;
  readonly tables: TableSources;
  /** The names of what the file chooses. */
  readonly chosen: ReadonlySet<string>;
  /** Only for looks: it is never opened, which would make what is missing. */
  readonly look: Sink;
  readonly openSink: () => Promise<Sink>;
}

class Adoption {
  readonly #parts: AdoptionParts;

  constructor(parts: AdoptionParts) {
    this.#parts = parts;
  }

  async run(
    offsets: readonly ConnectorOffset[],
    { dryRun = false }: Pick<AdoptOptions, "dryRun">,
  ): Promise<readonly AdoptedTable[]> {
    const { chosen } = this.#parts;
    const begun = await this.#begun();
    const told: AdoptedTable[] = [];
    for (const offset of offsets) {
      const { table } = offset;
      if (begun.has(table)) told.push({ table, outcome: "refused", state: null, why: KNOWN });
      else if (chosen.has(table)) told.push(await this.#table(offset, dryRun));
      else told.push({ table, outcome: "not-chosen", state: null, why: NOT_CHOSEN });
    }
    return told;
  }

  /** Tables that the pipeline keeps anything of. One that was only taken over, by an `adopt` that was broken off, is none. */
  async #begun(): Promise<ReadonlySet<string>> {
    const { look, config } = this.#parts;
    const tasks = (await look.readTasks?.(config.name)) ?? [];
    if (tasks.length === 0) return new Set();
    const documents = (await look.readDocuments?.(config.name, "")) ?? [];
    return new Set(documents.map(({ task }) => task));
  }

  async #table(offset: ConnectorOffset, dryRun: boolean): Promise<AdoptedTable> {
    const { table } = offset;
    const { tables, context } = this.#parts;
    const place = await adoptTable({ api: tables.api, context }, offset);
    if ("left" in place) return { table, outcome: "left", state: null, why: place.left };
    const source = tables.open(table);
    try {
      const [found] = await source.discover();
      if (found === undefined) throw new MillraceError("MR_BUG", "a table without a shape");
      const missing = await this.#missing(found, offset);
      if (missing !== null) return { table, outcome: "left", state: null, why: missing };
      if (!dryRun) await this.#write(table, await this.#documents(source, found, place));
    } finally {
      await source.close();
    }
    const state = place.scanFrom === null ? "SYNC" : "INIT_SYNC";
    return { table, outcome: "adopted", state, why: placeText(place) };
  }

  /** Why the rows that the connector has read cannot be at the sink; null where they can. A topic is the connector's own. */
  async #missing({ shape }: DiscoveredTable, { count }: ConnectorOffset): Promise<string | null> {
    const { look, config } = this.#parts;
    if (look.readKeys === undefined) return null;
    const targets = targetsOf(shape, buildRouter(config), look).map(({ target }) => target);
    for (const target of targets) {
      const misfit = await misfitOf(look, target);
      if (misfit !== null) return misfit;
      const { keys } = await look.readKeys(target, null, 1);
      if (keys.length === 0 && count > 0)
        return `its target ${target.id} has no row, and the connector has read ${count} items`;
    }
    return null;
  }

  /** What a run of the pipeline would have written, had it come so far. */
  async #documents(
    source: Source,
    { shape, estimatedRows }: DiscoveredTable,
    { offset, position, scanFrom }: AdoptedPlace,
  ): Promise<readonly StateEntry[]> {
    const { config, look } = this.#parts;
    const targets = targetsOf(shape, buildRouter(config), look);
    const document: TableDocument = {
      v: 1,
      state: scanFrom === null ? "SYNC" : "INIT_SYNC",
      generation: offset.startMs,
      shape,
      targetShape: shape,
      planned: null,
      allPlanned: true,
      nextChunk: 1,
      rowsLoaded: offset.count,
      loadedAtMs: scanFrom === null ? (offset.endMs ?? offset.startMs) : null,
      // Of the generation before it, and of what the connector has left out: no delete is too old to count.
      repeated: true,
      estimatedRows,
      end: null,
      sweep: "none",
      snapshot: null,
      targets: targets.map(({ target }) => target.id),
      // Its topic may have had another name.
      ...(look.readKeys === undefined ? { targetIds: { home: "", ids: {}, unseen: true } } : {}),
      ways: waysOf(targets),
      aheadOfLog: false,
    };
    const chunk = { v: 1, n: 0, from: scanFrom, to: null, rows: offset.count };
    const lanes = Math.min(config.settings.parallelism, look.capabilities.maxLanes);
    return [
      ...(scanFrom === null ? [] : [entry(stateKey.chunk(shape.id, 0), chunk)]),
      entry(stateKey.table(shape.id), document),
      entry(stateKey.frontier, { v: 1, position, acknowledge: null, unseen: [] }),
      entry(stateKey.pipeline, { v: 1, identity: await source.identity(), lanes }),
    ];
  }

  async #write(task: string, state: readonly StateEntry[]): Promise<void> {
    // A sink object is one process to one task.
    const sink = await this.#parts.openSink();
    try {
      await sink.open();
      await this.#commit(sink, task, state);
    } finally {
      await sink.close();
    }
  }

  async #commit(sink: Sink, task: string, state: readonly StateEntry[]): Promise<void> {
    const { config } = this.#parts;
    const lanes = Math.min(config.settings.parallelism, sink.capabilities.maxLanes);
    const taken: Takeover = await sink.takeOver({ pipeline: config.name, task, lanes });
    // Somebody has begun it since we looked: it is theirs.
    if (taken.state.size > 0)
      throw new MillraceError("MR_FENCED", `table ${task} was begun by another process meanwhile`);
    const [lane] = taken.lanes;
    if (lane === undefined) throw new MillraceError("MR_BUG", "a task without a lane");
    await sink.commit({
      fence: taken.fence,
      lanes: [{ lane: lane.lane, expectedSeq: lane.seq }],
      writes: [],
      state,
      deadLetters: [],
      superseded: [],
    });
  }
}

/** What a run would say of the target; null where it is there and fits. */
async function misfitOf(look: Sink, target: TargetTable): Promise<string | null> {
  const present = await look.checkPresent?.([target]);
  if (present?.has(target) === true) return null;
  try {
    await look.checkTable(target, "never");
    return null;
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || thrown.class !== "schema") throw thrown;
    return thrown.detail;
  }
}

const TOPIC = "topic:";
const KNOWN = "the pipeline has state of it already, and goes on by that";
const NOT_CHOSEN = "the file does not choose it";
const READ_TIMEOUT_MS = 120_000;

async function offsetsOf(
  {
    offsets: from,
    connector = null,
  }: { readonly offsets: string; readonly connector?: string | null },
  sink: SinkConfig,
  { clock }: Pick<ConnectorContext, "clock">,
): Promise<readonly ConnectorOffset[]> {
  if (!from.startsWith(TOPIC)) return offsetsOfText(await readFile(from, "utf8"), connector);
  if (sink.kind !== "kafka")
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      `Connect's offsets are in a topic, and this file names no brokers: it writes into ${sink.kind}`,
      { remedy: "Give what GET /connectors/NAME/offsets of Kafka Connect answers, as a file." },
    );
  const offsets = new ConnectorOffsets(connector);
  const cluster = new Cluster({ ...clusterOptions(sink), clock });
  try {
    const topic = from.slice(TOPIC.length);
    const partitions = (await cluster.topics([topic])).get(topic)?.leaders.length ?? null;
    if (partitions === null)
      throw new MillraceError(
        "MR_SOURCE_REFUSED",
        `there is no topic ${topic} of Connect's offsets`,
        {
          remedy: "Name offset.storage.topic of the Connect workers, at the sink's brokers.",
        },
      );
    for (let partition = 0; partition < partitions; partition++)
      await readTopic(cluster, { topic, partition }, "stable", READ_TIMEOUT_MS, (record) => {
        const [key, value] = [record.key(), record.value()];
        if (key !== null) offsets.addRecord(key.toString(), value?.toString() ?? null);
      });
  } finally {
    await cluster.close();
  }
  return offsets.all();
}

function placeText({ offset, shards, readToMs }: AdoptedPlace): string {
  const { read, midway, unread } = shards;
  const log = `its stream from ${new Date(readToMs).toISOString()} on (shards: ${read} read to the end, ${midway} in the middle, ${unread} from the begin)`;
  return offset.initSync === "FINISHED"
    ? log
    : `its Scan behind ${offset.count} items in one segment, and ${log}`;
}
