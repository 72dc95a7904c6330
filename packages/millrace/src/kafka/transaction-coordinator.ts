import { describeTransactionsV0, initProducerIdV4 } from "@platformatic/kafka";
import type { BrokerLink } from "./broker-connection.ts";
import type { Cluster } from "./cluster.ts";
import { faultOf, partitionFault } from "./fault-from.ts";
import { isPassing, KafkaFault, mayComeToBe } from "./kafka-fault.ts";
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

/** The broker that coordinates the transactions of one id, whichever it is at the moment. */
export class TransactionCoordinator {
  readonly #cluster: Cluster;
  readonly #transactionalId: string;
  readonly #options: ProducerOptions;
  #mayAsk = true;

  constructor(cluster: Cluster, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#transactionalId = options.transactionalId;
    this.#options = options;
  }

  /** The next epoch; where what is `known` is not the last one any more, it refuses. @throws KafkaFault */
  async initialised(known: ProducerEpoch): Promise<ProducerIdentity> {
    const transactionalId = this.#transactionalId;
    const { transactionTimeoutMs, deliveryTimeoutMs } = this.#options;
    const answer = await this.#cluster.patiently(deliveryTimeoutMs, () =>
      this.#ask((connection) =>
        connection.call(
          initProducerIdV4.api,
          transactionalId,
          transactionTimeoutMs,
          known.producerId,
          known.producerEpoch,
        ),
      ),
    );
    const { producerId, producerEpoch } = answer;
    return { transactionalId, producerId, producerEpoch };
  }

  /** Transactions of the second kind have whatever is written to. @throws KafkaFault */
  async add(identity: ProducerIdentity, partitions: readonly TopicPartition[]): Promise<void> {
    const request = addPartitionsRequest(identity, partitions);
    const add = (): Promise<void> =>
      this.#ask(async (connection) => refuse(await connection.send(request)));
    await this.#cluster.patiently(this.#options.deliveryTimeoutMs, add, mayComeToBe);
  }

  /**
   * Ends a transaction; who writes the next one, or null where it stays the same.
   * @throws KafkaFault
   * @throws UndecidedCommit
   */
  async end(identity: ProducerIdentity, commits: boolean): Promise<ProducerEpoch | null> {
    const { endTxnVersion, transactionsV2 } = await this.#cluster.abilities();
    const request = endTxnRequest(identity, endTxnVersion, commits);
    const next = await this.#cluster.patiently(this.#options.deliveryTimeoutMs, () =>
      this.#ask(async (connection) => {
        const answer = await lostAsUndecided(connection.send(request));
        const fault = faultOf(answer.errorCode, "the end of a transaction");
        if (fault !== null) throw fault;
        return answer.next;
      }),
    );
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
    const answer = await connection.call(describeTransactionsV0.api, [this.#transactionalId]);
    return answer.transactionStates.some(({ transactionState: state }) => ENDING.has(state));
  }

  async #ask<T>(ask: (connection: BrokerLink) => Promise<T>): Promise<T> {
    try {
      const node = await this.#cluster.coordinator(this.#transactionalId);
      return await ask(await this.#cluster.connection(node, "control"));
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
