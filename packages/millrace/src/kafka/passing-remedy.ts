import type { KafkaFault } from "./kafka-fault.ts";

/** A connection that could not be opened, or who answers is no Kafka. */
const NOBODY = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|NO_KAFKA)$/;
/** What may be wrong is in the fault's own words. */
const DOUBTFUL = /^(?:NO_TLS|NO_LOGIN)$/;

/** What brokers are told to wait for, and what to do where that does not come by itself. */
const OF_BROKERS: Readonly<Record<string, string>> = {
  NOT_ENOUGH_REPLICAS:
    "see which brokers are down (kafka-topics.sh --describe --under-min-isr-partitions), and start them.",
  NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    "see which brokers are down (kafka-topics.sh --describe --under-min-isr-partitions), and start them.",
  OFFSET_NOT_AVAILABLE:
    "see which brokers are down (kafka-topics.sh --describe --under-min-isr-partitions), and start them.",
  LEADER_NOT_AVAILABLE:
    "see which brokers have its replicas (kafka-topics.sh --describe --unavailable-partitions), look at their logs and disks, and start one of them.",
  KAFKA_STORAGE_ERROR:
    "look at the log and the disks of the broker that leads it; with the disk back, or room on it, start the broker again.",
  COORDINATOR_NOT_AVAILABLE:
    "see whether the brokers that have the topics of coordinators (__transaction_state, __consumer_offsets) run.",
  THROTTLING_QUOTA_EXCEEDED:
    "raise the quota that this user or client has for making topics (controller_mutation_rate).",
};

/** What to do about a fault that is tried again, where more can be said than the catalogue does; else null. */
export function passingRemedy({ id, kind }: KafkaFault): string | null {
  const otherwise =
    kind === "connection"
      ? ofConnection(id)
      : kind === "retriable" || kind === "stale"
        ? OF_BROKERS[id]
        : undefined;
  return otherwise === undefined ? null : `Nothing, while it is being retried; else ${otherwise}`;
}

function ofConnection(id: string): string | undefined {
  if (DOUBTFUL.test(id)) return "look whether the brokers run, and correct what the detail names.";
  return NOBODY.test(id)
    ? "look whether the brokers run, and correct properties.bootstrap.servers."
    : undefined;
}

/** What helps where a right is missing: a start is refused, a pipeline that runs waits for it. */
export const RIGHT_REMEDIES = {
  start: "Give it to the user (kafka-acls.sh --add), then start again.",
  running: "Give it back to the user (kafka-acls.sh --add): the pipeline goes on by itself then.",
} as const;
