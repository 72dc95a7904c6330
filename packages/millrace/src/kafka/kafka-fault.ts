/**
 * What went wrong with a broker, by what is to be done about it. Sinks and sources turn it into errors of the catalogue.
 *
 * - `connection`: no answer, or no connection; whether the request was carried out nobody knows.
 * - `retriable`: the same request again, later.
 * - `stale`: the request went to a broker that leads the partition, or coordinates the transaction, no more.
 * - `fenced`: the producer's epoch is an old one, or its transaction has been ended by somebody else.
 * - `abortable`: this transaction can only be aborted; the next one may go well.
 * - `slow`: the transaction would be open for longer than its broker lets it; nothing of it is there.
 * - `row`: a message that the broker never takes.
 * - `rights`: something is not allowed, or not allowed any more.
 * - `missing`: a topic or partition that is not there.
 * - `replaced`: what was written to is not there any more, though something of its name is.
 * - `config`: somebody has to change something.
 * - `corrupt`: what was read is not what was written.
 */
export type FaultKind =
  | "connection"
  | "retriable"
  | "stale"
  | "fenced"
  | "abortable"
  | "slow"
  | "row"
  | "rights"
  | "missing"
  | "replaced"
  | "config"
  | "corrupt";

/** A failure of a request to Kafka. `id` is Kafka's name of the error, or ours where no broker has said anything. */
export class KafkaFault extends Error {
  override readonly name = "KafkaFault";
  readonly kind: FaultKind;
  readonly id: string;
  /** The topic that it was said of, where it was of one. */
  readonly topic: string | null;

  constructor(
    kind: FaultKind,
    id: string,
    detail: string,
    cause?: unknown,
    topic: string | null = null,
  ) {
    // Of a connection no broker has said anything, and a system's code is no word.
    super(
      kind === "connection" ? detail : `${id}: ${detail}`,
      cause === undefined ? undefined : { cause },
    );
    this.kind = kind;
    this.id = id;
    this.topic = topic;
  }
}

const KINDS: Readonly<Record<FaultKind, readonly string[]>> = {
  connection: [],
  slow: [],
  retriable: [
    "CONCURRENT_TRANSACTIONS",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "KAFKA_STORAGE_ERROR",
    "LEADER_NOT_AVAILABLE",
    "NETWORK_EXCEPTION",
    "NOT_ENOUGH_REPLICAS",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
    "OFFSET_NOT_AVAILABLE",
    "REPLICA_NOT_AVAILABLE",
    "REQUEST_TIMED_OUT",
    "THROTTLING_QUOTA_EXCEEDED",
    "TOPIC_DELETION_DISABLED",
    "UNKNOWN_SERVER_ERROR",
  ],
  stale: [
    "BROKER_NOT_AVAILABLE",
    "COORDINATOR_NOT_AVAILABLE",
    "FENCED_LEADER_EPOCH",
    "NOT_CONTROLLER",
    "NOT_COORDINATOR",
    "NOT_LEADER_OR_FOLLOWER",
    "UNKNOWN_LEADER_EPOCH",
  ],
  fenced: [
    "INVALID_PRODUCER_EPOCH",
    "INVALID_PRODUCER_ID_MAPPING",
    "INVALID_TXN_STATE",
    "PRODUCER_FENCED",
    "TRANSACTION_COORDINATOR_FENCED",
  ],
  abortable: [
    "DUPLICATE_SEQUENCE_NUMBER",
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    "TRANSACTION_ABORTABLE",
    "UNKNOWN_PRODUCER_ID",
  ],
  row: ["INVALID_RECORD", "MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"],
  rights: [
    "CLUSTER_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  ],
  missing: ["INCONSISTENT_TOPIC_ID", "UNKNOWN_TOPIC_ID", "UNKNOWN_TOPIC_OR_PARTITION"],
  replaced: [],
  // Messages have the time at which they are written: no row has a part in it.
  config: ["INVALID_TIMESTAMP"],
  corrupt: ["CORRUPT_MESSAGE"],
};

const KIND_OF = new Map(
  Object.entries(KINDS).flatMap(([kind, ids]) => ids.map((id) => [id, kind as FaultKind])),
);

/** What an error of Kafka's means for us. One that we do not know is for somebody to look at. */
export function kindOf(id: string): FaultKind {
  return KIND_OF.get(id) ?? "config";
}

/** The same request may go well a little later: to the same broker, or to the one that has taken over. */
export function isPassing(thrown: unknown): boolean {
  return (
    thrown instanceof KafkaFault &&
    (thrown.kind === "retriable" || thrown.kind === "stale" || thrown.kind === "connection")
  );
}

/** As {@link isPassing}; besides, brokers learn of a new topic one after the other: one that does not know it may do so soon. */
export function mayComeToBe(thrown: unknown): boolean {
  return isPassing(thrown) || (thrown instanceof KafkaFault && thrown.kind === "missing");
}

/** Something is not allowed. */
export function isRights(thrown: unknown): thrown is KafkaFault {
  return thrown instanceof KafkaFault && thrown.kind === "rights";
}
