import { defaulting, optional } from "../option.ts";
import { flag, integer, percent, choice, words } from "../option-type.ts";

const TAGS =
  "Tags: `add.column`, `alter.column.type`, `create.table`, `drop.column`, `drop.table`, `rename.column`, `truncate.table`, `alter.table.comment`, and the families `add`, `alter`, `create`, `drop`, `rename`, `table`, `column`, `all`.";

/** What every sink knows. */
export const SINK_OPTIONS = {
  fullLoad: defaulting(flag, true, {
    name: "enable-full-load",
    example: "true",
    doc: "Whether the tables are loaded before their log is followed. `false` takes only changes from now on; the target must hold the rest already.",
  }),
  snapshotParallelism: optional(integer(1, 64), {
    name: "parallelism",
    example: "4",
    defaultDoc: "4",
    doc: "Chunks of the full load that are read at once. How many transactions write at once is `pipeline.parallelism`.",
  }),
  batchRows: defaulting(integer(1, 100_000, "rows"), 3000, {
    name: "batch-size",
    example: "2000",
    doc: "Rows of one transaction at most. The sink's own limit holds where it is lower (DSQL: 3,000 rows and 10 MiB). Where this is not given a full load into Kafka takes up to 9,000 short rows at once.",
  }),
  flushIntervalMs: defaulting(integer(0, 60_000, "milliseconds"), 0, {
    name: "flush-interval-ms",
    example: "200",
    doc: "How long changes may wait for others to be sent with; 0 sends as soon as a lane is free. Longer means fewer transactions and more latency.",
  }),
  compaction: defaulting(flag, true, {
    name: "compaction.enabled",
    example: "true",
    doc: "The last change of a key in a transaction stands for all of them. Off, every change is written; only for audits.",
  }),
  deadLetters: defaulting(choice(["park", "fail"]), "park", {
    name: "dead-letters",
    example: "park",
    doc: "A row that the sink will never take is parked with its reason (`park`), or stops the pipeline (`fail`).",
  }),
  maxDeadLetters: defaulting(integer(0, 1_000_000), 100, {
    name: "dead-letters.max",
    example: "100",
    doc: "Parked rows of one table; more than that stop the table, since so many mean a wrong mapping. The others go on.",
  }),
  maxDeadLetterShare: defaulting(percent, 0.01, {
    name: "dead-letters.max-share",
    example: "1%",
    doc: "Share of a table's last 10,000 rows; when more were parked, the table is stopped.",
  }),
  includeSchemaChanges: optional(words, {
    name: "include.schema.changes",
    example: "[all]",
    defaultDoc: "all but `drop.table`",
    doc: `Schema changes that are made at the sink. Only \`drop.table\` can be let in or left out one by one. ${TAGS}`,
  }),
  excludeSchemaChanges: optional(words, {
    name: "exclude.schema.changes",
    example: "[drop.table]",
    defaultDoc: "`drop.table`",
    doc: `Schema changes that are not made at the sink. Unlike Flink CDC, giving a list does not let \`drop.table\` in. ${TAGS}`,
  }),
} as const;
