import type { ErrorClass } from "./millrace-error.ts";

/** One row of the catalogue. */
export interface CatalogueEntry {
  readonly class: ErrorClass;
  /** What happened, one sentence for someone who did not write this code. */
  readonly meaning: string;
  /** What the operator should do, one sentence. */
  readonly remedy: string;
}

/** All error codes, by room. `docs/operations/errors.md` is made from this; one test holds them together. */
export const CATALOGUE = {
  MR_BUG: {
    class: "bug",
    meaning: "Something that must always hold does not hold; nothing was acknowledged past it.",
    remedy: "Restart the pipeline; if it comes back, report it with the log of this run.",
  },
  MR_STATE_VERSION: {
    class: "config",
    meaning:
      "The state at the sink was written by a version of Millrace that this one does not understand.",
    remedy: "Run the version that wrote it, or a newer one.",
  },
  MR_TABLE_UNKNOWN: {
    class: "config",
    meaning: "The pipeline has no table of this name.",
    remedy: "Look at `millrace tables` for the names it has.",
  },
  MR_NOT_RUNNING: {
    class: "config",
    meaning: "The pipeline is not running, so it cannot do this.",
    remedy: "Start it with `millrace run`.",
  },
  MR_FENCED: {
    class: "fenced",
    meaning: "Another process has taken over this pipeline; this one can no longer write.",
    remedy:
      "Leave this process stopped: the other one does the work. Where nobody knows of another one, look for a second `millrace run` with this pipeline.name and this sink; where both are meant to run, give one of them another name.",
  },
  MR_SOURCE_LOST_CONNECTION: {
    class: "transient",
    meaning: "The connection to the source broke or could not be opened.",
    remedy: "Nothing, while it is being retried; else check the source's address, network and log.",
  },
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
  MR_SINK_SCHEMA: {
    class: "schema",
    meaning: "The target table is not as the mapping needs it.",
    remedy:
      "Mend what the detail names at the target, or drop the table there and let `create: if-missing` make it anew.",
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
      "Shorten the value at the source, which takes the dead letter away, or leave the column out and replay the letter.",
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
  MR_DEAD_LETTER_LIMIT: {
    class: "config",
    meaning:
      "So many rows of one table were refused that the mapping must be wrong, not the rows; the table is stopped, or, with `dead-letters: fail`, the pipeline at the first of them.",
    remedy:
      "Read the dead letters' reasons, mend the mapping or the target, then resync the table.",
  },
  MR_RELOAD_REFUSED: {
    class: "config",
    meaning:
      "The file was read again, and more of it differs than may change while the pipeline runs: tables, tables.exclude, route and transform.",
    remedy:
      "Put back what the detail names and reload once more, or stop the pipeline and start it with the file as it is.",
  },
  MR_TABLE_PAUSED: {
    class: "config",
    meaning: "A table is paused: its changes are left out, those of the other tables are applied.",
    remedy: "Resume it by its name (`--table`): it is loaded anew, beside the running log.",
  },
  MR_TABLE_STOPPED: {
    class: "config",
    meaning:
      "A table is stopped: its changes are not applied any more, those of the other tables are.",
    remedy:
      "Read the reasons (`millrace dead-letters list`), mend the mapping or the target, then `millrace resync` the table.",
  },
  MR_SCHEMA_CHANGE_REFUSED: {
    class: "config",
    meaning:
      "The source changed a table's shape and the pipeline is told to stop then (`schema.change.behavior: exception`).",
    remedy: "Change the target as you want it, then restart with `evolve` or `ignore`.",
  },
  MR_SOURCE_IDENTITY: {
    class: "config",
    meaning: "The source is not the database that this pipeline began with.",
    remedy: "Point it at the old source, or give the pipeline a new name to begin again.",
  },
  MR_SOURCE_TABLE_LEFT: {
    class: "loss",
    meaning:
      "The publication left a captured table out for a while, or changes of it; what was changed in it then is in no log.",
    remedy: "Set `on-loss: resync` to load the table again, or leave the table out of the file.",
  },
  MR_SOURCE_LOSS: {
    class: "loss",
    meaning: "The source no longer has the changes that come next.",
    remedy: "Write `on-loss: resync` in the source and start again; it loads the tables anew.",
  },
  MR_SOURCE_REFUSED: {
    class: "config",
    meaning:
      "The source refuses what this pipeline needs: a missing right, a wrong setting, a wrong password.",
    remedy: "Do what the detail says, then start again.",
  },
  MR_TRANSFORM_REFUSED: {
    class: "config",
    meaning: "A `transform` rule cannot be kept for a table as the source has it now.",
    remedy: "Mend the rule that hides the named column, then start again.",
  },
  MR_TARGET_OWNED: {
    class: "config",
    meaning: "Another pipeline writes to this target table.",
    remedy:
      "Route to another table, or say `shared: true` in the sinks of both pipelines. Where the other pipeline is gone for good, delete its rows of the state schema's table `owner`.",
  },
  // PostgreSQL source
  MR_SOURCE_TABLE_CHANGED: {
    class: "schema",
    meaning:
      "A table is no longer as its shape says, or was rewritten after the snapshot that reads it.",
    remedy: "Nothing: it is read again with a new snapshot once the log has brought the change.",
  },
  MR_SOURCE_RETAINED: {
    class: "loss",
    meaning:
      "The source kept more of its log for this pipeline than `slot.max-retained` allows, so that the log was given up.",
    remedy:
      "Nothing: the tables are loaded anew. Look for what holds the pipeline up, or raise `slot.max-retained`, so that it does not happen again.",
  },
  MR_SOURCE_SLOT_LOST: {
    class: "loss",
    meaning: "The server invalidated the replication slot: the log that comes next is gone.",
    remedy:
      "Write `on-loss: resync` in the source and start again, which loads the tables anew; raise max_slot_wal_keep_size so that it does not happen again.",
  },
  MR_SOURCE_SLOT_MISSING: {
    class: "loss",
    meaning: "The replication slot that this pipeline reads from no longer exists.",
    remedy:
      "Find who dropped it; then write `on-loss: resync` in the source and start again, which loads the tables anew.",
  },
  MR_SOURCE_SLOT_BUSY: {
    class: "transient",
    meaning: "Another connection is reading from the replication slot.",
    remedy:
      "Nothing, while it is being retried; else end the process that the detail names, or use another slot.name.",
  },
  MR_SOURCE_LOCKED: {
    class: "transient",
    meaning:
      "Somebody at the source holds a lock for longer than `lock.timeout`, and something of this pipeline waits for it.",
    remedy:
      "Nothing, while it is being retried; else look in pg_locks and pg_stat_activity for who holds it, and end that.",
  },
  MR_SOURCE_CANCELLED: {
    class: "transient",
    meaning:
      "The source ended a statement of this pipeline: it ran for longer than `statement.timeout`, or somebody cancelled it.",
    remedy:
      "Nothing, while it is being retried; where it comes back, raise `statement.timeout` or lower `scan.incremental.snapshot.chunk.size`.",
  },
  MR_SOURCE_STANDBY: {
    class: "transient",
    meaning:
      "A standby could not give what is read there: it cannot be reached, it had to cancel the read because of what it replays, or it is not a standby of this source.",
    remedy:
      "Nothing, while it is being retried; else look at the standby: hot_standby_feedback = on and a longer max_standby_streaming_delay spare reads, and its replay must not be paused.",
  },
  MR_SOURCE_SLOT_FOREIGN: {
    class: "config",
    meaning:
      "A replication slot of this name exists, but it is not one that this pipeline can read.",
    remedy: "Give the pipeline another slot.name, or drop that slot if nothing else needs it.",
  },
  MR_SOURCE_PUBLICATION_MISSING: {
    class: "loss",
    meaning:
      "The publication that this pipeline reads was dropped; changes made since then are not in its log.",
    remedy: "Write `on-loss: resync` in the source and start again; it loads the tables anew.",
  },
  MR_SOURCE_PROTOCOL: {
    class: "bug",
    meaning:
      "The source sent bytes that its protocol does not allow; nothing was acknowledged past them.",
    remedy:
      "Restart the pipeline; if it comes back, report it with the detail and the server's version.",
  },
  MR_CONFIG_INVALID: {
    class: "config",
    meaning: "The pipeline file cannot be used; nothing was touched.",
    remedy: "Mend the places that the detail names; `millrace validate` shows them all.",
  },
  MR_USAGE: {
    class: "config",
    meaning: "The command line or a call of the library asks for something that does not exist.",
    remedy: "Read the detail, then `millrace --help` or the reference.",
  },
  MR_NOT_FOUND: {
    class: "config",
    meaning: "There is no pipeline, table or path of this name.",
    remedy: "List the names with `millrace status` and `millrace tables`.",
  },
  MR_UNAUTHORIZED: {
    class: "config",
    meaning: "The request lacks the bearer token of this listener.",
    remedy: "Send the token of --token-file in the Authorization header.",
  },
  MR_LISTEN: {
    class: "config",
    meaning: "The HTTP listener cannot be opened.",
    remedy: "Choose a free address with --listen ADDR:PORT, or --listen off.",
  },
  MR_REPLAY_IMPOSSIBLE: {
    class: "config",
    meaning: "The row of this dead letter cannot be read from the source again.",
    remedy:
      "Do what the detail says: resync the table, or discard the letter once its row does not matter.",
  },
  MR_ANSWER_LATE: {
    class: "transient",
    meaning:
      "A Millrace process took the request and has not answered in time; it may still do what was asked.",
    remedy: "Look at `millrace status`, which says what it is doing, before you ask again.",
  },
  MR_UNREACHABLE: {
    class: "transient",
    meaning: "No Millrace process answers at this address.",
    remedy: "Start one with `millrace run`, or give its address with --url.",
  },
} as const satisfies Record<string, CatalogueEntry>;

/** A stable error code. Codes are never reused. */
export type ErrorCode = keyof typeof CATALOGUE;
