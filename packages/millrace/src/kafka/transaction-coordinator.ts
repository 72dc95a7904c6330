import { describeTransactionsV0, initProducerIdV4 } from "@platformatic/kafka";
import type { BrokerLink } from "./broker-connection.ts";
import { BrokerQuota } from "./broker-quota.ts";
import type { Cluster } from "./cluster.ts";
import { answerIn, faultOf, partitionFault } from "./fault-from.ts";
import { isPassing, KafkaFault, mayComeToBe } from "./kafka-fault.ts";
import { OPEN_SHARE, type OpenTransaction } from "./open-transaction.ts";
import type { ProducerOptions } from "./producer-options.ts";
import { lostAsUndecided } from "./undecided-commit.ts";
import {
  addPartitionsRequest,
  endTxnRequest,
  type PartitionAnswer,
  type ProducerEpoch,
  type ProducerIdentity,
  type TopicPartition,
} from "./wire.ts";

/** So often a coordinator is asked at most whether it has ended a transaction, and after how many milliseconds again. */
export const MAX_ASKED = 20;
const ASK_AGAIN_MS = 1;
const ENDING: ReadonlySet<string> = new Set(["PrepareCommit", "PrepareAbort"]);

interface Asking {
  readonly passes?: (thrown: unknown) => boolean;
  /** Nothing more is asked for that its transaction has no time for. */
  readonly refusesLate?: boolean;
}

/** The broker that coordinates the transactions of one id, whichever it is at the moment. */
export class TransactionCoordinator {
  readonly #cluster: Cluster;
  readonly #transactionalId: string;
  readonly #options: ProducerOptions;
  readonly #open: OpenTransaction;
  readonly #quota: BrokerQuota;
  #mayAsk = true;

  constructor(cluster: Cluster, options: ProducerOptions, open: OpenTransaction) {
    this.#cluster = cluster;
    this.#open = open;
    this.#quota = new BrokerQuota(cluster.clock);
    this.#transactionalId = options.transactionalId;
    this.#options = options;
  }

  /** It holds this client back by a quota, and for how long from now. */
  get heldBack(): ReturnType<BrokerQuota["list"]> {
    return this.#quota.list();
  }

  /** So long it reads nothing, milliseconds. */
  get restMs(): number {
    return Math.max(0, ...this.heldBack.map(({ restMs }) => restMs));
  }

  /** The next epoch; where what is `known` is not the last one any more, it refuses. @throws KafkaFault */
  async initialised(known: ProducerEpoch): Promise<ProducerIdentity> {
    const transactionalId = this.#transactionalId;
    const { transactionTimeoutMs } = this.#options;
    return this.#patiently(async (connection, throttled) => {
      const { producerId, producerEpoch, throttleTimeMs } = await connection.call(
        initProducerIdV4.api,
        transactionalId,
        transactionTimeoutMs,
        known.producerId,
        known.producerEpoch,
      );
      throttled(throttleTimeMs);
      return { transactionalId, producerId, producerEpoch };
    });
  }

  /** Transactions of the second kind have whatever is written to. @throws KafkaFault */
  async add(identity: ProducerIdentity, partitions: readonly TopicPartition[]): Promise<void> {
    const request = addPartitionsRequest(identity, partitions);
    await this.#patiently(
      async (connection, throttled) => {
        const { partitions: answers, throttledMs } = await connection.send(request);
        throttled(throttledMs);
        refuse(answers);
      },
      { passes: mayComeToBe, refusesLate: true },
    );
  }

  /**
   * Ends a transaction; who writes the next one, or null where it stays the same.
   * @throws KafkaFault
   * @throws UndecidedCommit
   */
  async end(identity: ProducerIdentity, commits: boolean): Promise<ProducerEpoch | null> {
    const { endTxnVersion, transactionsV2 } = await this.#cluster.abilities();
    const request = endTxnRequest(identity, endTxnVersion, commits);
    const next = await this.#patiently(async (connection, throttled) => {
      const answer = await lostAsUndecided(connection.send(request));
      throttled(answer.throttledMs);
      const fault = faultOf(answer.errorCode, "the end of a transaction");
      if (fault !== null) throw fault;
      return answer.next;
    });
    return transactionsV2 ? next : null;
  }

  /**
   * Until the partitions of the last transaction know that it is over, which mostly takes a millisecond behind the answer to
   * EndTxn. A batch that comes before makes the broker wait for 20 ms (its `add.partitions.to.txn.retry.backoff.ms`) before it looks
   * again; transactions of the first kind have an answer at once. It never rejects: who cannot ask leaves the waiting to the broker.
   */
  async untilEnded(): Promise<void> {
    if (!this.#mayAsk) return;
    try {
      for (let asked = 1; (await this.#isEnding()) && asked < MAX_ASKED; asked++)
        await this.#cluster.clock.sleep(ASK_AGAIN_MS);
    } catch (thrown) {
      // Nobody gets the right to ask, or a newer broker, while this runs; whoever needs it has another way.
      this.#mayAsk = thrown instanceof KafkaFault && isPassing(thrown);
    }
  }

  async #isEnding(): Promise<boolean> {
    const node = await this.#cluster.coordinator(this.#transactionalId);
    const connection = await this.#cluster.connection(node, "control");
    // Each question would count against the quota.
    if (this.#quota.restMs(node) > 0) return false;
    const answer = await this.#heeding(
      node,
      connection.call(describeTransactionsV0.api, [this.#transactionalId]),
    );
    this.#answered(node, answer.throttleTimeMs);
    return answer.transactionStates.some(({ transactionState: state }) => ENDING.has(state));
  }

  /** What a quota takes is no attempt. */
  async #patiently<T>(
    ask: (connection: BrokerLink, throttled: (ms: number) => void) => Promise<T>,
    { passes = isPassing, refusesLate = false }: Asking = {},
  ): Promise<T> {
    let restedMs = 0;
    const attempt = async (node: number): Promise<T> => {
      const restMs = this.#quota.restMs(node);
      if (refusesLate) this.#open.refuseLate(OPEN_SHARE, restMs);
      // Its broker reads nothing of this connection: what is sent waits there unread, until the connection is given up.
      if (restMs > 0) await this.#cluster.rest(restMs);
      restedMs += restMs;
      const connection = await this.#cluster.connection(node, "control");
      return this.#heeding(
        node,
        ask(connection, (ms) => this.#answered(node, ms)),
      );
    };
    return this.#cluster.patiently(
      () => this.#options.deliveryTimeoutMs + restedMs,
      () => this.#atCoordinator(attempt),
      passes,
    );
  }

  /** What is refused counts against the quota as well, and its answer may hold the client back. */
  async #heeding<T>(node: number, asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (thrown) {
      const throttledMs = throttleIn(answerIn(thrown));
      if (throttledMs !== null) this.#answered(node, throttledMs);
      throw thrown;
    }
  }

  #answered(node: number, throttledMs: number): void {
    this.#quota.answered(node, throttledMs);
    if (throttledMs > 0) this.#options.throttled?.(throttledMs);
  }

  async #atCoordinator<T>(ask: (node: number) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#cluster.coordinator(this.#transactionalId));
    } catch (thrown) {
      const mayHaveMoved =
        thrown instanceof KafkaFault && (thrown.kind === "stale" || thrown.kind === "connection");
      if (mayHaveMoved) this.#cluster.forgetCoordinator(this.#transactionalId);
      throw thrown;
    }
  }
}

function refuse(answers: readonly PartitionAnswer[]): void {
  const faults = answers
    .map((answer) => partitionFault(answer, answer.errorCode))
    .filter((fault) => fault !== null);
  // One that is refused for its own sake takes all others along, who say only that they were not tried.
  const [first] = faults;
  const fault = faults.find(({ id }) => id !== "OPERATION_NOT_ATTEMPTED") ?? first;
  if (fault !== undefined) throw fault;
}

/** Null where it does not say. */
function throttleIn(answer: unknown): number | null {
  if (typeof answer !== "object" || answer === null) return null;
  const ms: unknown = Reflect.get(answer, "throttleTimeMs");
  return typeof ms === "number" ? ms : null;
}
