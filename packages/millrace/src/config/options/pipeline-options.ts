import type { AcceptedKeys } from "../section.ts";
import { defaulting, required } from "../option.ts";
import type { OptionValues } from "../option.ts";
import { byteSize, choice, integer, textLike } from "../option-type.ts";

const MIB = 1024 ** 2;

const NAME = textLike("text", /^[^\s\p{Cc}/](?:[^\p{Cc}/]{0,98}[^\s\p{Cc}/])?$/u, {
  wrong: "is not a pipeline name",
  remedy: "Write 1 to 100 characters without / and without blanks at its ends",
});

const NOT_YET = "keeps the sink different from the source on purpose and is not supported yet";

/** `pipeline:` of a file. */
export const PIPELINE_OPTIONS = {
  name: required(NAME, {
    name: "name",
    example: "shop",
    doc: "The pipeline's name. Its state at the sink is kept under it: another name is another pipeline, which begins with a full load. Shown in metrics, logs and the API.",
  }),
  parallelism: defaulting(integer(1, 64), 4, {
    name: "parallelism",
    example: "4",
    doc: "Lanes: how many transactions write to the sink at once. A key never changes its lane, so the order per key holds with any number. 1 keeps a source transaction whole, but where its rows, with rows of loads that come between them, are more than the sink's limits, its `batch-size` or `memory.budget`; where a schema change, a TRUNCATE or a key change with values that the log left out stands in it; where the sink refuses one of its rows; where its rest does not come within 0.2 s; and where a dead letter is discarded in the middle of it.",
  }),
  schemaChangeBehavior: defaulting(
    choice(["evolve", "ignore", "exception"], {
      lenient: {
        wrong: NOT_YET,
        remedy: "Write evolve to keep both sides equal, ignore to leave the target as it is",
      },
      try_evolve: {
        wrong: "goes on silently where the sink cannot follow and is not supported yet",
        remedy:
          "Write evolve: what the sink cannot do in place is done by loading that table again",
      },
    }),
    "evolve",
    {
      name: "schema.change.behavior",
      example: "evolve",
      doc: "What a schema change at the source leads to: `evolve` makes it at the sink too, in its place between the rows; `ignore` leaves the target as it is and drops new columns; `exception` stops the pipeline.",
      unsetNotice:
        "is not given: Flink CDC would use lenient, which lets the sink drift from the source; Millrace uses evolve, which keeps them equal",
    },
  ),
  memoryBudgetBytes: defaulting(byteSize(8 * MIB, 64 * 1024 * MIB), 64 * MIB, {
    name: "memory.budget",
    example: "64mb",
    doc: "Bytes of changes that may be on their way at once. All pipelines of one process share one budget, the largest that any of them asks for. When it is full the source is not read until the sink has taken something.",
  }),
  routeMode: defaulting(choice(["ALL_MATCH", "FIRST_MATCH"]), "ALL_MATCH", {
    name: "route-mode",
    example: "FIRST_MATCH",
    doc: "Whether a table goes to the targets of all `route` rules that match it, or of the first one only.",
  }),
} as const;

/** What `pipeline:` is once it is parsed. */
export type PipelineOptions = OptionValues<typeof PIPELINE_OPTIONS>;

/** Flink's keys of `pipeline:` that are taken and do nothing. */
export const PIPELINE_ACCEPTED: AcceptedKeys = {
  keys: {
    "local-time-zone": "has no meaning here: values keep the zone that their source gave them",
    "schema-operator.rpc-timeout":
      "has no meaning here: a schema change waits for the sink without a limit",
    "schema.operator.uid": "has no meaning here: there are no Flink operators",
    "operator.uid.prefix": "has no meaning here: there are no Flink operators",
    "sink.partitioning.strategy":
      "has no meaning here: changes are shared out by key, so that the order per key holds",
    "transform.decimal.precision.mode": "has no meaning here: decimals keep every digit",
  },
  prefixes: {},
};

/** Keys of Flink's `pipeline:` that would change what happens and are not possible. */
export const PIPELINE_REFUSED: Readonly<Record<string, string>> = {
  "user-defined-function": "Take it out: functions in Java or Python cannot run here",
  model: "Take it out: models cannot be called from a pipeline",
};
