import type { apiVersionsV3 } from "@platformatic/kafka";
import { KafkaFault } from "./kafka-fault.ts";

/** What a broker and we both speak. */
export interface BrokerAbilities {
  /**
   * Transactions of the second kind (KIP-890): partitions join by being written to, and each transaction has an epoch of its
   * own, so that a late batch of an aborted one never gets into the next.
   */
  readonly transactionsV2: boolean;
  /** Version of Produce that is sent; it says which kind of transactions is meant. */
  readonly produceVersion: number;
  /** Produce takes a topic's id (Kafka 4.1): one that was made anew under the name is not written in its stead. */
  readonly producesById: boolean;
  /** Version of EndTxn that is sent. */
  readonly endTxnVersion: number;
  /** Fetch takes a topic's id (Kafka 3.1): one that was made anew under the name is not read in its stead. */
  readonly fetchesById: boolean;
  /** It says where a leader's epoch ends. Kafka does; who else calls itself so, or stands before it, may not, and hangs up. */
  readonly tellsEpochs: boolean;
}

const PRODUCE = 0;
const END_TXN = 26;
const FETCH = 1;
const FETCH_BY_ID = 13;
const OFFSET_FOR_LEADER_EPOCH = 23;
const PRODUCE_BY_ID = 13;
const PRODUCE_V2_TRANSACTIONS = 12;
const END_TXN_V2_TRANSACTIONS = 5;

type Answer = ReturnType<typeof apiVersionsV3.parseResponse>;

/** What we ask for, by the name and number of each request, and the version that it is asked in. Kafka 3.0 has all. */
const NEEDED = [
  ["Produce", PRODUCE, 9],
  ["Fetch", FETCH, 12],
  ["ListOffsets", 2, 7],
  ["Metadata", 3, 11],
  ["FindCoordinator", 10, 4],
  ["CreateTopics", 19, 7],
  ["InitProducerId", 22, 4],
  ["AddPartitionsToTxn", 24, 3],
  ["EndTxn", END_TXN, 3],
  ["DescribeConfigs", 32, 4],
] as const;

/** @throws KafkaFault `config` naming what the broker does not speak. */
export function abilitiesOf(
  { apiKeys, finalizedFeatures }: Answer,
  mayHaveV2: boolean,
): BrokerAbilities {
  const highest = new Map(apiKeys.map(({ apiKey, maxVersion }) => [apiKey, maxVersion]));
  const lowest = new Map(apiKeys.map(({ apiKey, minVersion }) => [apiKey, minVersion]));
  for (const [name, api, version] of NEEDED)
    if ((highest.get(api) ?? -1) < version || (lowest.get(api) ?? 0) > version)
      throw tooOld(name, version);
  const has = (api: number, version: number): boolean => (highest.get(api) ?? -1) >= version;
  const level = finalizedFeatures?.find(({ name }) => name === "transaction.version");
  const transactionsV2 =
    mayHaveV2 &&
    (level?.maxVersionLevel ?? 0) >= 2 &&
    has(PRODUCE, PRODUCE_V2_TRANSACTIONS) &&
    has(END_TXN, END_TXN_V2_TRANSACTIONS);
  return {
    transactionsV2,
    produceVersion: transactionsV2 ? PRODUCE_V2_TRANSACTIONS : 9,
    // Whoever speaks this version means transactions of the second kind.
    producesById: transactionsV2 && has(PRODUCE, PRODUCE_BY_ID),
    endTxnVersion: transactionsV2 ? END_TXN_V2_TRANSACTIONS : 3,
    fetchesById: has(FETCH, FETCH_BY_ID),
    tellsEpochs: has(OFFSET_FOR_LEADER_EPOCH, 4),
  };
}

/** Whoever does not speak a request as Kafka 3.0 does is older, or claims to be Kafka and is not. */
export function tooOld(request: string, version: number): KafkaFault {
  return new KafkaFault(
    "config",
    "UNSUPPORTED_VERSION",
    `the broker does not speak ${request} in version ${version}, which Kafka has since 3.0 at the latest: it is older`,
  );
}
