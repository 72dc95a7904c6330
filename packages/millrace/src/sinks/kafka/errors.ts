import { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import { configError, rightsText } from "../../kafka/fault-errors.ts";
import { isRights, KafkaFault } from "../../kafka/kafka-fault.ts";
import { passingRemedy, RIGHT_REMEDIES } from "../../kafka/passing-remedy.ts";
import { UndecidedCommit } from "../../kafka/undecided-commit.ts";

/** What was refused may be no row, and then there is no letter. */
const ROW_REMEDY =
  "Mend what the detail names at the topic or the row; replay the row's dead letter where there is one (`millrace dead-letters list`), and start the pipeline again where it has ended.";

const ANEW_REMEDY =
  "Find who made it anew, or how brokers lost messages: of another topic the next run tells all rows of its tables again, of the same one `millrace resync TABLE` does.";

const SIDE_REMEDY =
  "Find who made it anew, or how brokers lost messages: what it was told before is not told again.";

const MISSING_REMEDY =
  "Find who removed it. The next run makes a topic anew where it may (`create: if-missing`), and tells all rows of its tables again where the file loads any; the log and the status say so.";

/** Messages carry the time at which they are written. */
const CLOCK_REMEDY =
  "Set the clock of this machine, or the brokers': the time of a message is that of its writing, and the topic takes none that is so far from the broker's clock (message.timestamp.after.max.ms, message.timestamp.before.max.ms).";

const TIMEOUT_REMEDY =
  "Write a sink.transaction.timeout that is no longer than transaction.max.timeout.ms of the brokers, or raise that there.";

/** What has to be changed, where it is neither a login nor a certificate, and by which option of the sink. */
const CONFIG_HELP: Readonly<Record<string, { readonly remedy: string; readonly option?: string }>> =
  {
    INVALID_TIMESTAMP: { remedy: CLOCK_REMEDY },
    INVALID_TRANSACTION_TIMEOUT: {
      remedy: TIMEOUT_REMEDY,
      option: "sink.transaction.timeout",
    },
    INVALID_REPLICATION_FACTOR: {
      remedy:
        "Write a topic.replication-factor that is no larger than the number of brokers that are up, or leave it out for the brokers' own (default.replication.factor); or start more brokers.",
      option: "topic.replication-factor",
    },
    INVALID_PARTITIONS: {
      remedy: "Write a topic.partitions that the brokers take, or leave it out for their own.",
      option: "topic.partitions",
    },
    INVALID_CONFIG: {
      remedy: "Mend in topic.configs what the detail names, or leave it out for the brokers' own.",
      option: "topic.configs",
    },
  };

/** What a failure of Kafka's means for the pipeline. */
export function sinkError(thrown: unknown): MillraceError {
  if (thrown instanceof UndecidedCommit) return undecidedError(thrown);
  if (!(thrown instanceof KafkaFault)) return toMillraceError(thrown, "MR_SINK_LOST_CONNECTION");
  const options = { cause: thrown, facts: { kafka: thrown.id } };
  const passing = { ...options, class: "transient" } as const;
  switch (thrown.kind) {
    case "connection":
    case "retriable":
    case "stale":
    case "corrupt": {
      const remedy = passingRemedy(thrown);
      const more = remedy === null ? {} : { remedy };
      return new MillraceError("MR_SINK_LOST_CONNECTION", thrown.message, { ...options, ...more });
    }
    // Whoever has the epoch may have stopped since: the state topic decides, not this (I5).
    case "fenced":
      return new MillraceError("MR_SINK_LANE_MOVED", thrown.message, options);
    // Whoever can cut it says so.
    case "slow":
      return new MillraceError("MR_SINK_TOO_SLOW", thrown.message, passing);
    case "abortable":
      return new MillraceError("MR_SINK_CONFLICT", thrown.message, options);
    case "row":
      return remedied("MR_SINK_ROW_REFUSED", thrown, ROW_REMEDY);
    case "missing":
      return remedied("MR_SINK_SCHEMA", thrown, MISSING_REMEDY);
    // A new run looks at what there is now.
    case "replaced":
      return remedied("MR_SINK_SCHEMA", thrown, ANEW_REMEDY);
    // What was taken away midway is given back: tried again, with what is missing in the status.
    case "rights":
      return new MillraceError("MR_SINK_REFUSED", rightsText(thrown, NEEDED), {
        ...passing,
        remedy: RIGHT_REMEDIES.running,
      });
    case "config": {
      const help = CONFIG_HELP[thrown.id];
      if (help === undefined)
        return configError(thrown, { code: "MR_SINK_REFUSED", section: "sink" });
      const named = help.option === undefined ? {} : { option: `sink.${help.option}` };
      return remedied("MR_SINK_REFUSED", thrown, help.remedy, named);
    }
  }
}

/** Of refusals it is told what they are: none of them has it sent again, or cut, without a look at what is there (I6). */
function undecidedError(thrown: UndecidedCommit): MillraceError {
  const { kind } = thrown.cause;
  if (kind === "fenced" || kind === "rights" || kind === "config") return sinkError(thrown.cause);
  return new MillraceError("MR_SINK_UNKNOWN_COMMIT", thrown.message, { cause: thrown });
}

/** The state topic is not what it was: the next run finds out whether it may go on from what is left in it (I8). */
export function stateLoss(fault: KafkaFault): MillraceError {
  return new MillraceError(
    "MR_SINK_LANE_MISSING",
    `the state topic has lost what its brokers had acknowledged: ${fault.message}`,
    {
      class: "schema",
      cause: fault,
      facts: { kafka: fault.id },
      remedy:
        "Find how its brokers lost messages (min.insync.replicas, unclean.leader.election.enable): the next run goes on from the positions that are left, and tells again what came behind them; where it is another topic, the pipeline stops.",
    },
  );
}

/** A topic beside those of tables is not what it was: a new run goes on with it as it is. */
export function sideLoss(fault: KafkaFault): MillraceError {
  return remedied("MR_SINK_SCHEMA", fault, SIDE_REMEDY);
}

function remedied(
  code: "MR_SINK_ROW_REFUSED" | "MR_SINK_SCHEMA" | "MR_SINK_REFUSED",
  fault: KafkaFault,
  remedy: string,
  named: { readonly option?: string } = {},
): MillraceError {
  const facts = { kafka: fault.id, ...named };
  return new MillraceError(code, fault.message, { cause: fault, facts, remedy });
}

/** At a start nobody waits for rights that were never given. */
export function startError(thrown: unknown): MillraceError {
  if (!isRights(thrown)) return sinkError(thrown);
  const options = { cause: thrown, facts: { kafka: thrown.id }, remedy: RIGHT_REMEDIES.start };
  return new MillraceError("MR_SINK_REFUSED", rightsText(thrown, NEEDED), options);
}

const NEEDED: Readonly<Record<string, string>> = {
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    "WRITE and DESCRIBE on the transactional ids that begin with millrace- and the pipeline's name",
  TOPIC_AUTHORIZATION_FAILED: "READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on its topics",
  CLUSTER_AUTHORIZATION_FAILED: "CREATE on it or on the cluster, or a topic that is there already",
};
