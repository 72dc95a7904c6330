/** Requests that change nothing and that a broker answers by what the user may do. */
import { ConfigResourceTypes, describeConfigsV4, heartbeatV4 } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";
import { faultOf } from "./fault-from.ts";
import { isPassing, isRights, KafkaFault } from "./kafka-fault.ts";
import { endTxnRequest } from "./wire.ts";

/** A coordinator that is being found, or is reading what it knows, is asked again for this long. */
const PATIENCE_MS = 10_000;
/** Brokers count from 0: no producer will ever have it. */
const NOBODYS_PRODUCER = 2n ** 63n - 1n;
/** Any version will do; all that know transactions speak this one. */
const END_TXN_VERSION = 3;

/** Whether this user may write under a transactional id: ends the transaction of nobody. @throws KafkaFault `rights` */
export async function probeTransactionalId(cluster: Cluster, id: string): Promise<void> {
  const nobody = { transactionalId: id, producerId: NOBODYS_PRODUCER, producerEpoch: 0 };
  await probe(cluster, id, async () => {
    const node = await cluster.coordinator(id);
    const connection = await cluster.connection(node, "control");
    const { errorCode } = await connection.send(endTxnRequest(nobody, END_TXN_VERSION, false));
    const fault = faultOf(errorCode, "a transaction of nobody");
    if (fault !== null) throw fault;
  });
}

/** Of the brokers' settings. */
const LONGEST_TRANSACTION = "transaction.max.timeout.ms";

/**
 * Whether the coordinator of a transactional id takes transactions of this length, as it would say with the first one; nothing
 * is known of that where this user may not ask for brokers' settings.
 * @throws KafkaFault `config`
 */
export async function probeTransactionTimeout(
  cluster: Cluster,
  id: string,
  timeoutMs: number,
): Promise<void> {
  let longest: string | null | undefined;
  await probe(cluster, id, async () => {
    const node = await cluster.coordinator(id);
    const connection = await cluster.connection(node, "control");
    const wanted = {
      resourceType: ConfigResourceTypes.BROKER,
      resourceName: String(node),
      configurationKeys: [LONGEST_TRANSACTION],
    };
    const answer = await connection.call(describeConfigsV4.api, [wanted], false, false);
    longest = answer.results[0]?.configs.find(({ name }) => name === LONGEST_TRANSACTION)?.value;
  }).catch((thrown: unknown) => {
    if (!isRights(thrown)) throw thrown;
  });
  if (longest === undefined || longest === null || timeoutMs <= Number(longest)) return;
  throw new KafkaFault(
    "config",
    "INVALID_TRANSACTION_TIMEOUT",
    `a transaction of ${timeoutMs} ms is longer than the brokers' ${longest} ms`,
  );
}

/** Whether this user may be in a consumer group: says that nobody is alive. @throws KafkaFault `rights` */
export async function probeGroup(cluster: Cluster, group: string): Promise<void> {
  await probe(cluster, group, async () => {
    const node = await cluster.coordinator(group, "group");
    const connection = await cluster.connection(node, "control");
    await connection.call(heartbeatV4.api, group, 0, "nobody", null);
  });
}

/** Whatever is said but a missing right means that nobody is known, as is right. */
async function probe(cluster: Cluster, of: string, ask: () => Promise<void>): Promise<void> {
  try {
    await cluster.patiently(PATIENCE_MS, () =>
      ask().catch((thrown: unknown) => {
        if (isPassing(thrown)) cluster.forgetCoordinator(of);
        throw thrown;
      }),
    );
  } catch (thrown) {
    if (isRights(thrown) || isPassing(thrown) || !(thrown instanceof KafkaFault)) throw thrown;
  }
}
