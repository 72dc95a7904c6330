import { Cluster } from "../../kafka/cluster.ts";
import { topicEnds } from "../../kafka/partition.ts";
import type { Position } from "../../model/position.ts";
import type { SharedSource } from "../../model/shared-source.ts";
import type { ConnectorContext, Source } from "../../model/source.ts";
import { type TableId, tableId } from "../../model/table.ts";
import { asSource, sourceError, startError } from "./errors.ts";
import { lookNow, PipelineLook } from "./first-look.ts";
import { GroupMember } from "./group-member.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { PartitionSource } from "./partition-source.ts";
import { partitionsOf } from "./partitions.ts";
import { behind, comparePositions } from "./position.ts";
import { shareName, shareParts, tableOfTopic } from "./topic-table.ts";

/** The partitions of the topics, shared out among processes by a consumer group (design/007, "Source"). */
export class KafkaShares implements SharedSource {
  readonly moves = true;
  readonly #options: KafkaSourceOptions;
  readonly #context: ConnectorContext;
  readonly #cluster: Cluster;
  readonly #member: GroupMember;
  readonly #look: PipelineLook;
  /** By share, what was opened last. */
  readonly #opened = new Map<string, PartitionSource>();
  #hasJoined = false;

  constructor(options: KafkaSourceOptions, context: ConnectorContext) {
    this.#options = options;
    this.#context = context;
    const { clock } = context;
    this.#cluster = new Cluster({ ...options.cluster, clock });
    this.#member = new GroupMember(this.#cluster, options, context);
    this.#look = new PipelineLook(async () => {
      const nowMs = clock.now();
      const { counts } = await partitionsOf(this.#cluster, options.choice);
      return lookNow(this.#cluster, nowMs, counts);
    }, clock);
  }

  async *shares(
    signal: AbortSignal,
    reached: (failure: Error | null) => void = () => undefined,
  ): AsyncIterable<ReadonlySet<string>> {
    const heard = (thrown: unknown): void => reached(thrown === null ? null : sourceError(thrown));
    try {
      for await (const shares of this.#member.assignments(signal, heard)) {
        this.#hasJoined = true;
        yield shares;
      }
    } catch (thrown) {
      throw this.#hasJoined ? sourceError(thrown) : startError(thrown);
    }
  }

  lost(share: string): void {
    this.#member.lost(share);
  }

  open(share: string): Source {
    const { topic, partition } = shareParts(share);
    const source = new PartitionSource(this.#options, this.#context, {
      topic,
      partition,
      counts: () => this.#member.counts,
      look: this.#look,
      acknowledged: (offset) => this.#member.show({ topic, partition }, offset),
    });
    this.#opened.set(share, source);
    return source;
  }

  /** What messages have told, else by the topic's name. */
  tables(share: string): readonly TableId[] {
    const told = this.#opened.get(share)?.tables ?? [];
    if (told.length > 0) return told;
    const { schema, table } = tableOfTopic(shareParts(share).topic);
    return [tableId(schema, table)];
  }

  /** See {@link SharedSource.ends}. */
  ends(): Promise<ReadonlyMap<string, Position>> {
    return asSource(async () => {
      const { counts } = await partitionsOf(this.#cluster, this.#options.choice);
      const ends = new Map<string, Position>();
      for (const [topic, count] of counts)
        for (const [partition, end] of (await topicEnds(this.#cluster, topic, count)).entries())
          ends.set(shareName(topic, partition), behind(end));
      return ends;
    });
  }

  comparePositions(a: Position, b: Position): number {
    return comparePositions(a, b);
  }

  async close(): Promise<void> {
    await this.#member.leave();
    await this.#cluster.close();
  }
}
