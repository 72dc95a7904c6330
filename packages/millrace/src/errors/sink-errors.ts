import type { CatalogueEntry } from "./catalogue-entry.ts";

/** What a sink meets, and rows that it does not take. */
export const SINK_ERRORS = {
  MR_SINK_LOST_CONNECTION: {
    class: "transient",
    meaning: "The connection to the sink broke or could not be opened.",
    remedy: "Nothing, while it is being retried; else check the sink's address, network and log.",
  },
  MR_SINK_UNKNOWN_COMMIT: {
    class: "unknown-outcome",
    meaning:
      "The connection was lost while a COMMIT was under way; whether it landed is read from the lane row.",
    remedy: "Nothing: it is settled before anything else is written.",
  },
  MR_SINK_LANE_MOVED: {
    class: "unknown-outcome",
    meaning:
      "The lane row is not as this task left it: an earlier COMMIT of the batch has landed, or another task has taken over.",
    remedy: "Nothing: the lane row is read and decides.",
  },
  MR_SINK_LANE_MISSING: {
    class: "config",
    meaning:
      "A lane row of this pipeline was removed from the sink while it ran; without it nobody can tell what was applied.",
    remedy: "Find who changed the state schema, then start the pipeline again.",
  },
  MR_SINK_CONFLICT: {
    class: "conflict",
    meaning: "Another transaction changed the same rows or the catalogue first (SQLSTATE 40001).",
    remedy:
      "Nothing, while it is being retried; if it goes on, find who else writes to these tables.",
  },
  MR_SINK_ROW_REFUSED: {
    class: "row",
    meaning: "The sink refuses this row's data and always will.",
    remedy:
      "Read the dead letter's reason (`millrace dead-letters list`), mend the row at the source or the target's type, then replay the letter.",
  },
  MR_SINK_CONSTRAINT: {
    class: "row",
    meaning:
      "A unique or exclusion constraint besides the key, or a foreign key of the target, does not allow the row beside the rows that are there.",
    remedy:
      "Compare the target's constraint with the source: what the source allows, the target must allow too; then change the row at the source, or resync its table. For a TRUNCATE, drop the foreign keys that point at the table.",
  },
  MR_ROW_PUT_OFF: {
    class: "row",
    meaning:
      "A constraint of the target does not allow the row while its table is being loaded; it is read and tried again when the load is over.",
    remedy: "Nothing, unless it stays when the table is SYNC.",
  },
  MR_SINK_TOO_LARGE: {
    class: "too-large",
    meaning: "The transaction is over a limit of the sink; it is cut smaller and sent again.",
    remedy: "Nothing; a lower batch-size avoids the detour.",
  },
  MR_SINK_TOO_SLOW: {
    class: "too-large",
    meaning:
      "A transaction would be open for longer than the sink lets it: a quota holds this client back, or the brokers are slow. What can be cut is sent again in smaller pieces, the rest as it is.",
    remedy:
      "Nothing, while it goes on; a higher quota (`producer_byte_rate`, or `request_percentage`) or a longer `sink.transaction.timeout` keeps more of a source transaction together.",
  },
  MR_SINK_SCHEMA: {
    class: "schema",
    meaning: "The target table is not as the mapping needs it.",
    remedy:
      "Mend what the detail names at the target, or drop the table there and let `create: if-missing` make it anew; it is loaded again then.",
  },
  MR_SINK_REFUSED: {
    class: "config",
    meaning:
      "The sink refuses what this pipeline needs to do: a missing right, a wrong password, a type or a statement that it does not have, one of its limits.",
    remedy:
      "Mend what the detail names: a right, a password, a limit, or a column that the sink cannot take as a key; then start again.",
  },
  MR_VALUE_TOO_LARGE: {
    class: "row",
    meaning: "A value is larger than the sink can take; it was read past, the row's key was kept.",
    remedy:
      "Shorten the value at the source, which takes the dead letter away, or leave the column out and replay the letter. Of a Kafka sink raise both the topic's max.message.bytes and properties.max.request.size, start again and replay it.",
  },
  MR_VALUE_DOES_NOT_FIT: {
    class: "row",
    meaning: "A value would have to be rounded or cut to fit the target's type.",
    remedy:
      "Mend the value at the source or widen the column at the target, then replay the letter; or map the column to text and resync the table.",
  },
  MR_KEY_NULL: {
    class: "row",
    meaning: "A key column of the row is NULL.",
    remedy: "Choose key columns that are never NULL.",
  },
  MR_TARGET_OWNED: {
    class: "config",
    meaning: "Another pipeline writes to this target table.",
    remedy:
      "Route to another table, or say `shared: true` in the sinks of both pipelines. Where the other pipeline is to run no more, `millrace cleanup --state` of its file gives up what it owns; without its file, delete its rows of the state schema's table `owner`.",
  },
} as const satisfies Record<string, CatalogueEntry>;
