import { Cluster } from "../../kafka/cluster.ts";
import { LATEST, offsetAt } from "../../kafka/partition.ts";
import type { Position } from "../../model/position.ts";
import type { ConnectorContext, SharedSource, Source } from "../../model/source.ts";
import { asSource, sourceError, startError } from "./errors.ts";
import { type FirstLook, lookNow } from "./first-look.ts";
import { GroupMember } from "./group-member.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { PartitionSource } from "./partition-source.ts";
import { partitionsOf } from "./partitions.ts";
import { behind, comparePositions } from "./position.ts";
import { shareParts } from "./topic-table.ts";

/** The partitions of the topics, shared out among processes by a consumer group (design/007, "Source"). */
export class KafkaShares implements SharedSource {
  readonly moves = true;
  readonly #options: KafkaSourceOptions;
  readonly #context: ConnectorContext;
  readonly #cluster: Cluster;
  readonly #member: GroupMember;
  #hasJoined = false;
  #look: Promise<FirstLook> | null = null;

  constructor(options: KafkaSourceOptions, context: ConnectorContext) {
    this.#options = options;
    this.#context = context;
    this.#cluster = new Cluster({ ...options.cluster, clock: context.clock });
    this.#member = new GroupMember(this.#cluster, options, context);
  }

  async *shares(signal: AbortSignal): AsyncIterable<ReadonlySet<string>> {
    try {
      for await (const shares of this.#member.assignments(signal)) {
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
    return new PartitionSource(this.#options, this.#context, {
      topic,
      partition,
      counts: () => this.#member.counts,
      lookNow: () => this.#firstLook(),
      acknowledged: (offset) => this.#member.show({ topic, partition }, offset),
    });
  }

  /** One of all partitions, whichever of them is begun first. */
  #firstLook(): Promise<FirstLook> {
    this.#look ??= this.#lookNow().catch((thrown: unknown) => {
      this.#look = null;
      throw thrown;
    });
    return this.#look;
  }

  async #lookNow(): Promise<FirstLook> {
    const nowMs = this.#context.clock.now();
    const { counts } = await partitionsOf(this.#cluster, this.#options.choice);
    return lookNow(this.#cluster, nowMs, counts);
  }

  /** See {@link SharedSource.ends}. */
  ends(): Promise<ReadonlyMap<string, Position>> {
    return asSource(async () => {
      const { shares } = await partitionsOf(this.#cluster, this.#options.choice);
      const ends = new Map<string, Position>();
      for (const share of shares) {
        const end = await offsetAt(this.#cluster, shareParts(share), LATEST, "committed");
        ends.set(share, behind(end));
      }
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
