import {
  AclOperations,
  apiVersionsV3,
  type API,
  findCoordinatorV4,
  metadataV11,
} from "@platformatic/kafka";
import { isBug } from "../errors/own-fault.ts";
import type { Clock } from "../model/ports.ts";
import { abilitiesOf, type BrokerAbilities, tooOld } from "./abilities.ts";
import { BrokerConnection, type BrokerLink } from "./broker-connection.ts";
import type { BrokerAddress, ClusterOptions } from "./cluster-options.ts";
import { hungUp, suspecting } from "./connection-words.ts";
import { answerIn, faultFrom, faultOf, rightsOf } from "./fault-from.ts";
import { isPassing, KafkaFault } from "./kafka-fault.ts";
import { type ByteLender, fetchedBytes } from "./lent-bytes.ts";
import { UnreachedBrokers } from "./unreached-brokers.ts";

const KEY_TYPES = { group: 0, transaction: 1 } as const;
/** Between two attempts, milliseconds; doubles up to the longest. */
const FIRST_PAUSE_MS = 20;
/** The same where the transaction before is being ended: the broker needs a few milliseconds for that, and each transaction waits for it. */
const FIRST_PAUSE_BEHIND_COMMIT_MS = 1;
const LONGEST_PAUSE_MS = 1_000;

/** What a broker says of rights where it was not asked, or cannot tell. */
const NOT_TOLD = -(2 ** 31);

/** What may be done with a topic. */
export type TopicRight = "READ" | "WRITE" | "DELETE";

type Metadata = ReturnType<typeof metadataV11.parseResponse>;

/**
 * What connections are for: a large Produce does not stand before an EndTxn. On those for `data` and `fetch` large requests go in pieces, and
 * large answers stand in lent bytes, which who fetches gives back.
 */
export type Purpose = "data" | "control" | "fetch";

/** A topic as the cluster knows it. */
export interface TopicFacts {
  readonly name: string;
  /** Of this topic and of no other one, whatever its name. */
  readonly id: string;
  readonly isInternal: boolean;
  /** Node ids of the leaders by partition; −1 where there is none at the moment. */
  readonly leaders: readonly number[];
  /** Brokers that have each partition; of the partition with the fewest. */
  readonly replicas: number;
}

/** A Kafka cluster as one client sees it: who leads what, and connections to who is asked. */
export class Cluster {
  readonly clock: Clock;
  readonly #options: ClusterOptions;
  readonly #lender: ByteLender;
  readonly #connections = new Map<string, Promise<BrokerLink>>();
  /** The one before, where there was one: its session was over. */
  readonly #retired = new Map<string, BrokerLink>();
  #brokers = new Map<number, BrokerAddress>();
  readonly #topics = new Map<string, TopicFacts>();
  readonly #coordinators = new Map<string, number>();
  #controller = -1;
  #clusterId: string | null = null;
  /** Of the first broker that was asked. */
  #abilities: BrokerAbilities | null = null;
  /** It has answered more than what it speaks. */
  #isServed = false;
  /** By connection: while a cluster is being upgraded one broker speaks what another one does not. */
  readonly #spoken = new WeakMap<BrokerLink, BrokerAbilities>();
  /** Brokers that cannot be reached. */
  readonly unreached: UnreachedBrokers;
  #isClosed = false;
  /** Of {@link rest}. */
  readonly #closing = new AbortController();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.unreached = new UnreachedBrokers(options.clock);
    this.#lender = options.lender ?? fetchedBytes;
  }

  /**
   * What the cluster and we both speak.
   * @throws KafkaFault `config` where a broker is too old.
   */
  async abilities(): Promise<BrokerAbilities> {
    return this.#abilities ?? this.spokenBy(await this.#anyone());
  }

  /** What one broker speaks; the kind of transactions is the one that {@link abilities} has. */
  spokenBy(link: BrokerLink): Promise<BrokerAbilities> {
    const known = this.#spoken.get(link);
    return known === undefined ? this.abilities() : Promise.resolve(known);
  }

  /** What is asked of any broker. */
  async ask<Request extends unknown[], Answer>(
    api: API<Request, Answer>,
    ...request: Request
  ): Promise<Answer> {
    const connection = await this.#anyone();
    return this.#served(connection.call(api, ...request));
  }

  /** What only the controller does. */
  async askController<Request extends unknown[], Answer>(
    api: API<Request, Answer>,
    ...request: Request
  ): Promise<Answer> {
    await this.#learn([]);
    const connection = await this.connection(this.#controller, "control");
    return connection.call(api, ...request);
  }

  /** The topics of these names as they are now; null where there is none. */
  async topics(names: readonly string[]): Promise<ReadonlyMap<string, TopicFacts | null>> {
    await this.#learn(names);
    return new Map(names.map((name) => [name, this.#topics.get(name) ?? null]));
  }

  /** Every topic that this client may see. */
  async allTopics(): Promise<readonly TopicFacts[]> {
    return this.#learn(null);
  }

  /** What this cluster calls itself; null where it has no name for itself. */
  async clusterId(): Promise<string | null> {
    await this.#learn([]);
    return this.#clusterId;
  }

  /** The broker that leads a partition. @throws KafkaFault `missing` or `stale` */
  async leader(topic: string, partition: number): Promise<number> {
    const known = this.#topics.get(topic)?.leaders[partition] ?? -1;
    if (known >= 0) return known;
    await this.#learn([topic]);
    const leader = this.#topics.get(topic)?.leaders[partition];
    if (leader === undefined)
      throw new KafkaFault(
        "missing",
        "UNKNOWN_TOPIC_OR_PARTITION",
        `${topic} ${partition} is not there`,
      );
    if (leader < 0)
      throw new KafkaFault(
        "retriable",
        "LEADER_NOT_AVAILABLE",
        `${topic} ${partition} has no leader`,
      );
    return leader;
  }

  /** Which topic had this name when it was asked for last; null where it was not, or is to be asked for again. */
  idOf(topic: string): string | null {
    return this.#topics.get(topic)?.id ?? null;
  }

  /** The leaders of a topic are asked for again before the next request. */
  forgetTopic(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Who coordinates the transactions of an id, or a group. A client asks for one kind of the two. */
  async coordinator(of: string, kind: keyof typeof KEY_TYPES = "transaction"): Promise<number> {
    const known = this.#coordinators.get(of);
    if (known !== undefined) return known;
    const answer = await this.ask(findCoordinatorV4.api, KEY_TYPES[kind], [of]);
    const [found] = answer.coordinators;
    if (found === undefined)
      throw new KafkaFault("stale", "COORDINATOR_NOT_AVAILABLE", `nobody coordinates the ${kind}`);
    const fault = faultOf(found.errorCode, `the coordinator of the ${kind}`, found.errorMessage);
    if (fault !== null) throw fault;
    this.#brokers.set(found.nodeId, found);
    this.#coordinators.set(of, found.nodeId);
    return found.nodeId;
  }

  /** It may have moved: it is asked for again before the next request. */
  forgetCoordinator(of: string): void {
    this.#coordinators.delete(of);
  }

  /** A connection to a broker; the one that is there, or a new one. */
  async connection(node: number, purpose: Purpose): Promise<BrokerLink> {
    const address = this.#brokers.get(node);
    if (address === undefined)
      throw new KafkaFault("stale", "BROKER_NOT_AVAILABLE", `nobody knows where broker ${node} is`);
    return this.#connect(
      `${node}/${purpose}`,
      address,
      purpose === "control" ? null : this.#lender,
    );
  }

  /** What a Fetch brought in lent bytes is not looked at any more. */
  giveBack(records: Buffer): void {
    this.#lender.giveBack(records);
  }

  /**
   * Tries until it goes well, fails for good, or the time is over; between attempts there is a pause that grows.
   * @throws KafkaFault the last one.
   */
  async patiently<T>(
    forMs: number | (() => number),
    attempt: () => Promise<T>,
    passes: (thrown: unknown) => boolean = isPassing,
  ): Promise<T> {
    const beganMs = this.clock.monotonic();
    const endMs = (): number => beganMs + (typeof forMs === "number" ? forMs : forMs());
    for (let pauseMs = 0; ;) {
      try {
        return await attempt();
      } catch (thrown) {
        pauseMs = pauseMs === 0 ? firstPauseMs(thrown) : Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
        if (!passes(thrown) || this.#isClosed || this.clock.monotonic() + pauseMs > endMs())
          throw thrown;
        await this.clock.sleep(pauseMs);
      }
    }
  }

  /** Waits, but not beyond {@link close}. */
  async rest(ms: number): Promise<void> {
    await this.clock.sleep(ms, this.#closing.signal).catch(() => {
      throw new KafkaFault("connection", "CLOSED", "the client was closed");
    });
  }

  /** Closes every connection; requests under way fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.abort();
    const open = [...this.#connections.values()];
    this.#connections.clear();
    const retired = [...this.#retired.values()].map((it) => it.close());
    const closed = open.map((each) => each.then((it) => it.close()).catch(() => undefined));
    await Promise.all([...retired, ...closed]);
  }

  /** A broker that answers: one of those that are known, else one of those that the file names. */
  async #anyone(): Promise<BrokerLink> {
    for (const open of this.#connections.values()) {
      const connection = await open.catch(() => null);
      if (connection?.isOpen === true) return connection;
    }
    const known = [...this.#brokers].map(
      ([node, address]) => [`${node}/control`, address] as const,
    );
    const given = this.#options.bootstrap.map((address) => ["bootstrap", address] as const);
    let fault: unknown = null;
    for (const [key, address] of [...known, ...given]) {
      try {
        return await this.#connect(key, address);
      } catch (thrown) {
        // What has to be mended is told before what may be waited for.
        if (!(fault instanceof KafkaFault) || fault.kind === "connection") fault = thrown;
      }
    }
    throw fault;
  }

  async #connect(
    key: string,
    address: BrokerAddress,
    lender: ByteLender | null = null,
  ): Promise<BrokerLink> {
    for (let known = this.#connections.get(key); known !== undefined;) {
      const link = await known;
      if (link.isOpen) return link;
      // It may wait for answers still.
      this.#retired.set(key, link);
      const now = this.#connections.get(key);
      // Of those who have waited for it the first one opens the next, for all.
      if (now === known) break;
      known = now;
    }
    if (this.#isClosed) throw new KafkaFault("connection", "CLOSED", "this client was closed");
    const opening = this.#open(address, lender);
    this.#connections.set(key, opening);
    try {
      const opened = await opening;
      this.unreached.reached(address);
      return opened;
    } catch (thrown) {
      this.unreached.failed(address, thrown);
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
      throw thrown;
    }
  }

  /** Each says what it speaks: a broker closes connections at requests that it does not know. */
  async #open(address: BrokerAddress, lender: ByteLender | null): Promise<BrokerLink> {
    const { open } = this.#options;
    const opening = open?.(address) ?? BrokerConnection.open(address, this.#options, lender);
    const connection = await opening.catch((thrown: unknown) => {
      if (this.#abilities !== null) throw thrown;
      throw suspected(thrown, this.#options.tls === null ? "NO_KAFKA" : "NO_TLS");
    });
    try {
      await this.#learnAbilities(connection);
      return connection;
    } catch (thrown) {
      await connection.close();
      throw thrown;
    }
  }

  /** Before a login a broker says what it speaks, and hangs up at anything else. */
  async #served<Answer>(asked: Promise<Answer>): Promise<Answer> {
    try {
      const answer = await asked;
      this.#isServed = true;
      return answer;
    } catch (thrown) {
      if (!(thrown instanceof KafkaFault) || thrown.kind !== "connection") this.#isServed = true;
      const isDoubtful = this.#options.sasl === null && !this.#isServed;
      throw isDoubtful ? suspected(thrown, "NO_LOGIN") : thrown;
    }
  }

  async #learnAbilities(connection: BrokerLink): Promise<void> {
    const asked = connection.call(apiVersionsV3.api, "millrace", "1");
    const answer = await asked.catch((thrown: unknown) => {
      const isOld = thrown instanceof KafkaFault && thrown.id === "UNSUPPORTED_VERSION";
      if (isOld) throw tooOld("ApiVersions", 3);
      throw this.#abilities === null ? unanswered(thrown) : thrown;
    });
    const own = abilitiesOf(answer, this.#options.transactionsV2 !== false);
    const first = (this.#abilities ??= own);
    this.#spoken.set(connection, ofKind(first, own));
  }

  /**
   * Of these topics, there or not, those with which this client may not do what is asked, as the broker says it of each. Whose
   * cluster has no authorizer may do everything.
   */
  async lacking(
    wanted: ReadonlyMap<string, readonly TopicRight[]>,
  ): Promise<ReadonlyMap<string, KafkaFault>> {
    const lacking = new Map<string, KafkaFault>();
    if (wanted.size === 0) return lacking;
    const answer = await this.#metadata([...wanted.keys()], true);
    for (const { errorCode, name, topicAuthorizedOperations: allowed } of answer.topics) {
      if (typeof name !== "string") continue;
      const fault = faultOf(errorCode, `topic ${name}`);
      const rights = wanted.get(name) ?? [];
      const may = (right: TopicRight): boolean => (allowed & (1 << AclOperations[right])) !== 0;
      if (fault?.kind === "rights") lacking.set(name, fault);
      else if (
        (fault === null || fault.kind === "missing") &&
        isTold(allowed) &&
        !rights.every(may)
      )
        lacking.set(name, rightsOf(name));
    }
    return lacking;
  }

  /** Brokers, the controller, and what there is to know of these topics. */
  async #learn(names: readonly string[] | null): Promise<readonly TopicFacts[]> {
    const answer = await this.#metadata(names, false);
    const found: TopicFacts[] = [];
    this.#clusterId = answer.clusterId ?? null;
    for (const { nodeId, host, port } of answer.brokers) this.#brokers.set(nodeId, { host, port });
    this.#controller = answer.controllerId;
    for (const { errorCode, name, topicId: id, isInternal, partitions } of answer.topics) {
      if (typeof name !== "string") continue;
      const fault = faultOf(errorCode, `topic ${name}`);
      if (fault?.kind === "missing") this.#topics.delete(name);
      // Of all topics, one that is not ours to see says nothing of the others.
      else if (fault !== null && names !== null) throw fault;
      else if (fault === null) {
        const topic = {
          name,
          id,
          isInternal,
          leaders: leadersOf(partitions),
          replicas: replicasOf(partitions),
        };
        this.#topics.set(name, topic);
        found.push(topic);
      }
    }
    return found;
  }

  async #metadata(names: readonly string[] | null, withRights: boolean): Promise<Metadata> {
    const connection = await this.#anyone();
    const wanted = names?.map((name) => ({ name })) ?? null;
    try {
      return await this.#served(connection.call(metadataV11.api, wanted, false, withRights));
    } catch (thrown) {
      const answer = answerIn(thrown);
      if (isMetadata(answer)) return answer;
      if (isBug(thrown)) throw thrown;
      throw faultFrom(thrown, "of the bootstrap list");
    }
  }
}

/** What a broker speaks, with the kind of transactions that the first one has: one transaction is of one kind. */
function ofKind(first: BrokerAbilities, own: BrokerAbilities): BrokerAbilities {
  const { fetchesById, tellsEpochs } = own;
  const ofItsOwn = { fetchesById, tellsEpochs };
  return { ...first, ...ofItsOwn, producesById: first.transactionsV2 && own.producesById };
}

/** What may be wrong in the file where nobody was reached so far, and the broker hangs up. */
function suspected(thrown: unknown, what: Parameters<typeof suspecting>[1]): unknown {
  return thrown instanceof KafkaFault && hungUp(thrown) ? suspecting(thrown, what) : thrown;
}

/** Who takes a connection and answers nothing that a broker would. */
function unanswered(thrown: unknown): unknown {
  if (!(thrown instanceof KafkaFault) || thrown.kind !== "connection") return thrown;
  return suspecting(thrown, "NO_KAFKA");
}

/** Whoever sees a topic may describe it: nothing at all is no answer either. */
function isTold(allowed: number): boolean {
  return allowed !== NOT_TOLD && allowed !== 0;
}

function replicasOf(partitions: readonly { readonly replicaNodes: readonly number[] }[]): number {
  return Math.min(...partitions.map(({ replicaNodes }) => replicaNodes.length));
}

function leadersOf(
  partitions: readonly { readonly partitionIndex: number; readonly leaderId: number }[],
): number[] {
  const leaders = Array.from({ length: partitions.length }, () => -1);
  for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
  return leaders;
}

function isMetadata(answer: unknown): answer is Metadata {
  return typeof answer === "object" && answer !== null && "topics" in answer && "brokers" in answer;
}

function firstPauseMs(thrown: unknown): number {
  const isEnding = thrown instanceof KafkaFault && thrown.id === "CONCURRENT_TRANSACTIONS";
  return isEnding ? FIRST_PAUSE_BEHIND_COMMIT_MS : FIRST_PAUSE_MS;
}
