import { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import { configError, rightsText } from "../../kafka/fault-errors.ts";
import { isRights, KafkaFault } from "../../kafka/kafka-fault.ts";
import { passingRemedy, RIGHT_REMEDIES } from "../../kafka/passing-remedy.ts";

const NEEDED: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: "READ and DESCRIBE on the topics",
  GROUP_AUTHORIZATION_FAILED: "READ on the consumer group (properties.group.id)",
  CLUSTER_AUTHORIZATION_FAILED: "DESCRIBE on the cluster",
};

/** What a failure of Kafka's means for a pipeline that reads from it. */
export function sourceError(thrown: unknown): MillraceError {
  if (!(thrown instanceof KafkaFault)) return toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");
  const options = { cause: thrown, facts: { kafka: thrown.id } };
  switch (thrown.kind) {
    case "connection":
    case "retriable":
    case "stale":
    case "missing":
    // A broker or a disk that lies may be replaced by another one; what was read is thrown away.
    case "corrupt": {
      const remedy = passingRemedy(thrown);
      const more = remedy === null ? {} : { remedy };
      return new MillraceError("MR_SOURCE_LOST_CONNECTION", thrown.message, {
        ...options,
        ...more,
      });
    }
    // What was taken away midway is given back: tried again, with what is missing in the status.
    case "rights":
      return new MillraceError("MR_SOURCE_REFUSED", rightsText(thrown, NEEDED), {
        ...options,
        class: "transient",
        remedy: RIGHT_REMEDIES.running,
      });
    case "fenced":
    case "abortable":
    case "slow":
    case "row":
    case "replaced":
    case "config":
      return configError(thrown, { code: "MR_SOURCE_REFUSED", section: "source" });
  }
}

/** At a start nobody waits for rights that were never given. */
export function startError(thrown: unknown): MillraceError {
  if (!isRights(thrown)) return sourceError(thrown);
  const options = { cause: thrown, facts: { kafka: thrown.id }, remedy: RIGHT_REMEDIES.start };
  return new MillraceError("MR_SOURCE_REFUSED", rightsText(thrown, NEEDED), options);
}

/** Runs what asks a broker, with its faults as errors of ours. */
export async function asSource<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw sourceError(thrown);
  }
}

/** Whoever leads since an unclean election has others in the place of messages that were read (I8). */
export function cut(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  from: number,
  to: number,
): MillraceError {
  return lost(
    `${topic} ${partition} was cut at offset ${from}, as an unclean leader election does it; this pipeline has read to ${to}, and from ${from} on there may be other messages now`,
  );
}

const LOSS_REMEDY =
  "Write `on-loss: resync` in the source and start again: it goes on with the oldest message that there is. Rows that the lost messages deleted stay at the sink.";

/** What comes next is gone (I8). */
export function lost(detail: string, remedy = LOSS_REMEDY): MillraceError {
  return new MillraceError("MR_SOURCE_LOSS", detail, { remedy });
}

/** So is the topic, and nobody has made it anew. */
export function deleted(topic: string): MillraceError {
  return lost(
    `topic ${topic} was deleted`,
    "Where it is to come back, have it made, write `on-loss: resync` in the source and start again: it is read from its oldest message on, and rows that it brought before stay at the sink. Else take it out of the source's topics.",
  );
}

/** Nobody reads a topic's oldest messages as late as this. */
export function trimmed(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  from: number,
  first: number,
): MillraceError {
  return lost(
    `messages of ${topic} ${partition} from offset ${from} on are gone: the oldest one has offset ${first}; the topic's retention (retention.ms, retention.bytes) has removed them, or somebody has`,
    `${LOSS_REMEDY} Keep messages for longer than the pipeline is ever away.`,
  );
}
