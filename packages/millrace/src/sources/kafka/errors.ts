import { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import { unreachedRemedy } from "../../kafka/connection-words.ts";
import { configError, rightsText } from "../../kafka/fault-errors.ts";
import { isRights, KafkaFault } from "../../kafka/kafka-fault.ts";

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
    case "connection": {
      const remedy = unreachedRemedy(thrown);
      const more = remedy === null ? {} : { remedy };
      return new MillraceError("MR_SOURCE_LOST_CONNECTION", thrown.message, {
        ...options,
        ...more,
      });
    }
    case "retriable":
    case "stale":
    case "missing":
      return new MillraceError("MR_SOURCE_LOST_CONNECTION", thrown.message, options);
    // A broker or a disk that lies may be replaced by another one; what was read is thrown away.
    case "corrupt":
      return new MillraceError("MR_SOURCE_LOST_CONNECTION", thrown.message, options);
    // What was taken away midway is given back: tried again, with what is missing in the status.
    case "rights":
      return new MillraceError("MR_SOURCE_REFUSED", rightsText(thrown, NEEDED), {
        ...options,
        class: "transient",
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
  const options = { cause: thrown, facts: { kafka: thrown.id } };
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

/** What comes next is gone (I8). */
export function lost(detail: string): MillraceError {
  return new MillraceError("MR_SOURCE_LOSS", detail, {
    remedy:
      "Write `on-loss: resync` in the source and start again: it goes on with the oldest message that there is. Rows that the lost messages deleted stay at the sink.",
  });
}
