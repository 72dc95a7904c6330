import {
  type API,
  apiVersionsV3,
  findCoordinatorV4,
  heartbeatV4,
  joinGroupV7,
  leaveGroupV4,
  listOffsetsV7,
  offsetForLeaderEpochV4,
  metadataV11,
  offsetCommitV8,
  Reader,
  syncGroupV5,
  Writer,
} from "@platformatic/kafka";
import type { BrokerLink, RawRequest } from "../../kafka/broker-connection.ts";
import { kindOf, KafkaFault } from "../../kafka/kafka-fault.ts";
import type { Process, World } from "../../pipeline/simulation/world.ts";
import { ModelGroup } from "./model-group.ts";
import { type Fetched, ModelPartition } from "./model-partition.ts";

/** How requests go wrong, by the seed's choice. */
export interface BrokerFaults {
  /** The connection is lost before a request is carried out, or behind it. */
  lost: number;
}

interface ModelTopic {
  readonly id: string;
  readonly partitions: ModelPartition[];
  /** The broker that leads each. */
  readonly leaders: number[];
}

const NODES = [1, 2];
const FETCH = 1;
const FETCH_BY_ID = 13;
const NOT_THERE = 3;
const NOT_LEADER = 6;
const UNKNOWN_ID = 100;
const EARLIEST = -2n;
const LATEST = -1n;

/** Two brokers and a consumer group, as any number of processes sees them. */
export class ModelCluster {
  readonly world: World;
  readonly faults: BrokerFaults;
  readonly group: ModelGroup;
  readonly #topics = new Map<string, ModelTopic>();
  #coordinator = 1;
  /** Grows with each restart: older connections are gone. */
  #life = 0;

  constructor(world: World, faults: BrokerFaults) {
    this.world = world;
    this.faults = faults;
    this.group = new ModelGroup(world);
  }

  makeTopic(name: string, partitions: number): void {
    const id = `00000000-0000-4000-8000-${String(this.#topics.size + 1).padStart(12, "0")}`;
    this.#topics.set(name, { id, partitions: [], leaders: [] });
    for (let i = 0; i < partitions; i++) this.addPartition(name);
  }

  addPartition(name: string): void {
    const topic = this.#topic(name);
    topic.partitions.push(new ModelPartition());
    topic.leaders.push(this.world.random.pick(NODES));
  }

  partitions(name: string): readonly ModelPartition[] {
    return this.#topic(name).partitions;
  }

  /** Another broker leads a partition, or coordinates the group. */
  move(): void {
    const { random } = this.world;
    const topic = random.pick([...this.#topics.values()]);
    if (random.chance(0.3)) this.#coordinator = random.pick(NODES);
    else topic.leaders[random.between(0, topic.leaders.length - 1)] = random.pick(NODES);
  }

  /** Every connection is gone. */
  cut(): void {
    this.#life++;
  }

  /** A connection to a broker. */
  async open(owner: Process, node: number): Promise<BrokerLink> {
    await this.#step(owner, `connect to ${node}`);
    const life = this.#life;
    const isOpen = (): boolean => this.#life === life && !isClosed;
    let isClosed = false;
    const answered = async <Answer>(
      label: string,
      work: () => Promise<Answer>,
    ): Promise<Answer> => {
      try {
        if (!isOpen()) throw lost(label);
        await this.#step(owner, label);
        const answer = await work();
        await this.#step(owner, `${label} is answered`);
        if (!isOpen()) throw lost(label);
        return answer;
      } catch (thrown) {
        if (thrown instanceof KafkaFault && thrown.kind === "connection") isClosed = true;
        throw thrown;
      }
    };
    return {
      get isOpen(): boolean {
        return isOpen();
      },
      call: <Request extends unknown[], Answer>(
        api: API<Request, Answer>,
        ...request: Request
      ): Promise<Answer> => {
        // Each answer below has what is read of it.
        const answer = (): Promise<unknown> => this.#answer(owner, node, api, request);
        // No step of its own: known seeds play as they did.
        const asked: unknown = api;
        if (asked === offsetForLeaderEpochV4.api) return answer() as Promise<Answer>;
        return answered(`${NAMES.get(api) ?? "request"} ${node}`, answer) as Promise<Answer>;
      },
      send: <Answer>(request: RawRequest<Answer>): Promise<Answer> =>
        answered(`fetch ${node}`, () => this.#fetch(owner, node, request)),
      close: () => {
        isClosed = true;
        return Promise.resolve();
      },
    };
  }

  async #step(owner: Process, label: string): Promise<void> {
    await this.world.step(owner, label);
    if (this.world.random.chance(this.faults.lost)) throw lost(label);
  }

  async #answer(
    owner: Process,
    node: number,
    api: unknown,
    request: readonly unknown[],
  ): Promise<unknown> {
    switch (api) {
      case apiVersionsV3.api:
        return { apiKeys: API_KEYS, finalizedFeatures: [] };
      case metadataV11.api:
        return this.#metadata(request[0] as readonly { readonly name: string }[] | null);
      case findCoordinatorV4.api:
        return {
          coordinators: [
            { errorCode: 0, nodeId: this.#coordinator, ...addressOf(this.#coordinator) },
          ],
        };
      case listOffsetsV7.api:
        return this.#offsets(node, request);
      case offsetForLeaderEpochV4.api:
        return this.#epochEnd(node, request);
      default:
        return this.#grouped(owner, node, api, request);
    }
  }

  #metadata(wanted: readonly { readonly name: string }[] | null): unknown {
    const names = wanted?.map(({ name }) => name) ?? [...this.#topics.keys()];
    return {
      clusterId: "model",
      controllerId: NODES[0],
      brokers: NODES.map((nodeId) => ({ nodeId, ...addressOf(nodeId) })),
      topics: names.map((name) => {
        const topic = this.#topics.get(name);
        if (topic === undefined) return { errorCode: NOT_THERE, name, partitions: [] };
        const partitions = topic.leaders.map((leaderId, partitionIndex) => ({
          partitionIndex,
          leaderId,
          replicaNodes: [leaderId],
        }));
        return { errorCode: 0, name, topicId: topic.id, isInternal: false, partitions };
      }),
    };
  }

  #offsets(node: number, [, level, topics]: readonly unknown[]): unknown {
    const { partition, timestamp } = this.#led(node, topics);
    const end = level === 1 ? partition.stable : partition.end;
    const offset =
      timestamp === EARLIEST
        ? 0
        : timestamp === LATEST
          ? end
          : partition.offsetAtTime(Number(timestamp));
    return { topics: [{ partitions: [{ offset: BigInt(offset) }] }] };
  }

  /** Nothing that was committed is lost here: the only epoch ends where the partition does. */
  #epochEnd(node: number, [, topics]: readonly unknown[]): unknown {
    const { partition } = this.#led(node, topics);
    return { topics: [{ partitions: [{ endOffset: BigInt(partition.end) }] }] };
  }

  /** The one partition that is asked for, of its leader. */
  #led(node: number, topics: unknown): { partition: ModelPartition; timestamp: bigint } {
    const [
      {
        name,
        partitions: [{ partitionIndex, timestamp }],
      },
    ] = topics as [{ name: string; partitions: [{ partitionIndex: number; timestamp: bigint }] }];
    const { partitions, leaders } = this.#topic(name);
    const partition = partitions[partitionIndex];
    if (partition === undefined) throw fault("UNKNOWN_TOPIC_OR_PARTITION");
    if (leaders[partitionIndex] !== node) throw fault("NOT_LEADER_OR_FOLLOWER");
    return { partition, timestamp };
  }

  async #grouped(
    owner: Process,
    node: number,
    api: unknown,
    request: readonly unknown[],
  ): Promise<unknown> {
    if (node !== this.#coordinator) throw fault("NOT_COORDINATOR");
    const { group } = this;
    switch (api) {
      case joinGroupV7.api: {
        const [, sessionMs, rebalanceMs, member, , , protocols] = request as JoinArguments;
        const metadata = protocols[0].metadata;
        return group.join({ owner, member, sessionMs, rebalanceMs, metadata });
      }
      case syncGroupV5.api: {
        const [, generation, member, , , , assignments] = request as SyncArguments;
        return { assignment: await group.sync(member, generation, assignments) };
      }
      case heartbeatV4.api:
        return group.heartbeat(request[2] as string, request[1] as number);
      case leaveGroupV4.api: {
        const [, members] = request as [string, readonly { readonly memberId: string }[]];
        for (const { memberId } of members) group.leave(memberId);
        return {};
      }
      case offsetCommitV8.api:
        return {};
      default:
        throw new Error("the model knows no such request");
    }
  }

  async #fetch<Answer>(owner: Process, node: number, raw: RawRequest<Answer>): Promise<Answer> {
    if (raw.api !== FETCH) throw new Error("the model knows no such request");
    const asked = readFetch(Reader.from(raw.payload().buffer), raw.version === FETCH_BY_ID);
    const topic = asked.isById
      ? [...this.#topics.values()].find(({ id }) => id === asked.topic)
      : this.#topics.get(asked.topic);
    const partition = topic?.partitions[asked.partition];
    let code = 0;
    if (topic === undefined || partition === undefined) code = UNKNOWN_ID;
    else if (topic.leaders[asked.partition] !== node) code = NOT_LEADER;
    let found = NOTHING_FETCHED;
    if (code === 0 && partition !== undefined) {
      const fetch = (): Fetched =>
        partition.fetch(asked.offset, asked.isolation, this.world.random);
      found = fetch();
      if (found.records.length === 0) {
        await this.world.clockOf(owner).sleep(asked.maxWaitMs);
        found = fetch();
      }
    }
    const answer = Reader.from(fetchAnswer(asked, found, code));
    return raw.parse(0, FETCH, raw.version, answer);
  }

  #topic(name: string): ModelTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new Error(`there is no topic ${name}`);
    return topic;
  }
}

type JoinArguments = [
  group: string,
  sessionMs: number,
  rebalanceMs: number,
  member: string,
  instance: null,
  type: string,
  protocols: [{ metadata: Buffer }],
];
type SyncArguments = [
  group: string,
  generation: number,
  member: string,
  instance: null,
  type: string,
  protocol: string,
  assignments: readonly { memberId: string; assignment: Buffer }[],
];

const API_KEYS = [0, 1, 2, 3, 10, 19, 22, 23, 24, 26, 32].map((apiKey) => ({
  apiKey,
  minVersion: 0,
  maxVersion: apiKey === FETCH ? FETCH_BY_ID : 12,
}));
const NOTHING_FETCHED: Fetched = {
  highWatermark: -1,
  lastStableOffset: -1,
  aborted: [],
  records: Buffer.alloc(0),
};

interface AskedFetch {
  /** Its id, or its name. */
  readonly topic: string;
  readonly isById: boolean;
  readonly partition: number;
  readonly offset: number;
  readonly maxWaitMs: number;
  readonly isolation: "committed" | "uncommitted";
}

/** A Fetch (version 12 or 13) of one partition, read field by field. */
function readFetch(reader: Reader, isById: boolean): AskedFetch {
  reader.readInt32();
  const maxWaitMs = reader.readInt32();
  reader.skip(8);
  const isolation = reader.readInt8() === 1 ? "committed" : "uncommitted";
  reader.skip(8);
  const [asked] = reader.readArray((each) => {
    const topic = isById ? each.readUUID() : each.readString();
    const [partition] = each.readArray((r) => {
      const index = r.readInt32();
      r.skip(4);
      const offset = Number(r.readInt64());
      r.skip(16);
      return { partition: index, offset };
    });
    return { topic, ...(partition ?? { partition: -1, offset: 0 }) };
  });
  return { topic: "", partition: -1, offset: 0, ...asked, isById, maxWaitMs, isolation };
}

function fetchAnswer(
  { topic, isById, partition }: AskedFetch,
  found: Fetched,
  code: number,
): Buffer {
  const { highWatermark, lastStableOffset, aborted, records } = found;
  const writer = Writer.create().appendInt32(0).appendInt16(0).appendInt32(0);
  writer.appendArray([topic], (each) => {
    if (isById) each.appendUUID(topic);
    else each.appendString(topic);
    each.appendArray([partition], (w) => {
      w.appendInt32(partition)
        .appendInt16(code)
        .appendInt64(BigInt(highWatermark))
        .appendInt64(BigInt(lastStableOffset))
        .appendInt64(0n)
        .appendArray([...aborted], (begin, { producerId, firstOffset }) => {
          begin.appendInt64(producerId).appendInt64(BigInt(firstOffset));
        })
        .appendInt32(-1)
        .appendBytes(records);
    });
  });
  return writer.appendTaggedFields().buffer;
}

function addressOf(node: number): { readonly host: string; readonly port: number } {
  return { host: `b${node}`, port: node };
}

const NAMES = new Map<unknown, string>([
  [apiVersionsV3.api, "versions"],
  [metadataV11.api, "metadata"],
  [findCoordinatorV4.api, "coordinator"],
  [listOffsetsV7.api, "offsets"],
  [joinGroupV7.api, "join"],
  [syncGroupV5.api, "sync"],
  [heartbeatV4.api, "heartbeat"],
  [leaveGroupV4.api, "leave"],
  [offsetCommitV8.api, "commit offsets"],
]);

function fault(id: string): KafkaFault {
  return new KafkaFault(kindOf(id), id, "(model)");
}

function lost(label: string): KafkaFault {
  return new KafkaFault("connection", "LOST", `(model) ${label}`);
}
