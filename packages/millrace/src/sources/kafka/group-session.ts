import {
  heartbeatV4,
  joinGroupV7,
  leaveGroupV4,
  offsetCommitV8,
  ResponseError,
  syncGroupV5,
} from "@platformatic/kafka";
import type { Cluster } from "../../kafka/cluster.ts";
import { isPassing, KafkaFault } from "../../kafka/kafka-fault.ts";
import type { TopicPartition } from "../../kafka/wire.ts";
import { assign, type Member } from "./assignor.ts";
import { namesFromBytes, namesToBytes } from "./group-wire.ts";

/** Not "consumer": of such members brokers read what they say, and it has to be Kafka's own. */
const PROTOCOL_TYPE = "millrace";
/** Only processes of this pipeline speak it: who joins with another one is refused by the broker. */
const PROTOCOL = "millrace-1";
/** How long a share may take to be stopped while the others wait. */
const REBALANCE_TIMEOUT_MS = 24_000;

/** What a member was given. */
export interface Joined {
  readonly shares: readonly string[];
  /** It looks for topics and partitions, for all. */
  readonly isLeader: boolean;
}

/** The other members have to be joined again. */
export const REBALANCE: ReadonlySet<string> = new Set(["REBALANCE_IN_PROGRESS"]);
/** The group goes on without this member, as one that was frozen or cut off. */
export const EXPELLED: ReadonlySet<string> = new Set([
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
  "FENCED_INSTANCE_ID",
]);

/** Requests of one member of a consumer group, in the classic protocol, which every Kafka has. */
export class GroupSession {
  readonly #cluster: Cluster;
  readonly #group: string;
  readonly #sessionTimeoutMs: number;
  #member = "";
  #generation = -1;

  constructor(cluster: Cluster, group: string, sessionTimeoutMs: number) {
    this.#cluster = cluster;
    this.#group = group;
    this.#sessionTimeoutMs = sessionTimeoutMs;
  }

  /** Joins with what it runs; the leader shares out `all`. @throws KafkaFault */
  async join(owned: readonly string[], all: readonly string[]): Promise<Joined> {
    const answer = await this.#joined(owned);
    this.#generation = answer.generationId;
    this.#member = answer.memberId;
    const isLeader = answer.leader === answer.memberId;
    const members = answer.members.map(({ memberId: id, metadata }): Member => ({
      id,
      owned: namesFromBytes(metadata),
    }));
    const assignments = isLeader
      ? [...assign(members, all)].map(([memberId, shares]) => ({
          memberId,
          assignment: namesToBytes(shares),
        }))
      : [];
    const connection = await this.#coordinator();
    const synced = await connection.call(
      syncGroupV5.api,
      this.#group,
      this.#generation,
      this.#member,
      null,
      PROTOCOL_TYPE,
      PROTOCOL,
      assignments,
    );
    return { shares: namesFromBytes(synced.assignment), isLeader };
  }

  /** @throws KafkaFault whose id is one of {@link REBALANCE} or {@link EXPELLED}, or another. */
  async heartbeat(): Promise<void> {
    const connection = await this.#coordinator();
    await connection.call(heartbeatV4.api, this.#group, this.#generation, this.#member, null);
  }

  /** Offsets for whoever looks at the group; nothing goes by them. */
  async show(offsets: readonly (TopicPartition & { readonly offset: number })[]): Promise<void> {
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, own]) => ({
      name,
      partitions: own.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: null,
      })),
    }));
    const connection = await this.#coordinator();
    await connection.call(
      offsetCommitV8.api,
      this.#group,
      this.#generation,
      this.#member,
      null,
      topics,
    );
  }

  /** The others need not wait until it is missed. */
  async leave(): Promise<void> {
    if (this.#member === "") return;
    const connection = await this.#coordinator();
    const member = { memberId: this.#member, groupInstanceId: null, reason: "stopped" };
    this.forget();
    await connection.call(leaveGroupV4.api, this.#group, [member]);
  }

  /** The next join is that of a new member. */
  forget(): void {
    this.#member = "";
    this.#generation = -1;
  }

  /** Whoever coordinates the group is asked for again. */
  lookAgain(): void {
    this.#cluster.forgetCoordinator(this.#group);
  }

  async #joined(owned: readonly string[]) {
    const protocols = [{ name: PROTOCOL, metadata: namesToBytes(owned) }];
    const ask = async () => {
      const connection = await this.#coordinator();
      return connection.call(
        joinGroupV7.api,
        this.#group,
        this.#sessionTimeoutMs,
        REBALANCE_TIMEOUT_MS,
        this.#member,
        null,
        PROTOCOL_TYPE,
        protocols,
      );
    };
    try {
      return await ask();
    } catch (thrown) {
      const name = memberNameIn(thrown);
      if (name === null) throw thrown;
      this.#member = name;
      return ask();
    }
  }

  async #coordinator() {
    try {
      const node = await this.#cluster.coordinator(this.#group, "group");
      return await this.#cluster.connection(node, "control");
    } catch (thrown) {
      if (isPassing(thrown)) this.lookAgain();
      throw thrown;
    }
  }
}

/** A broker gives a new member its name in a refusal of its first join. */
function memberNameIn(thrown: unknown): string | null {
  if (!(thrown instanceof KafkaFault) || thrown.id !== "MEMBER_ID_REQUIRED") return null;
  const { cause } = thrown;
  const answer: unknown = cause instanceof ResponseError ? cause["response"] : null;
  const name: unknown =
    typeof answer === "object" && answer !== null ? Reflect.get(answer, "memberId") : null;
  return typeof name === "string" ? name : null;
}
