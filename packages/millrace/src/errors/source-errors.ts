import type { CatalogueEntry } from "./catalogue-entry.ts";

/** What a source meets. */
export const SOURCE_ERRORS = {
  MR_SOURCE_LOST_CONNECTION: {
    class: "transient",
    meaning: "The connection to the source broke or could not be opened.",
    remedy: "Nothing, while it is being retried; else check the source's address, network and log.",
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
  MR_SOURCE_UNREADABLE: {
    class: "loss",
    meaning:
      "The log holds changes of captured tables that nobody can apply: statements in place of rows, rows without their key, rows that were taken back after they were logged.",
    remedy:
      "Keep such changes out of the log, as the detail says; then write `on-loss: resync` in the source and start again, which loads the tables anew from behind that place.",
  },
  MR_SOURCE_REFUSED: {
    class: "config",
    meaning:
      "The source refuses what this pipeline needs: a missing right, a wrong setting, a wrong password.",
    remedy: "Do what the detail says, then start again.",
  },
  // DynamoDB source
  MR_SOURCE_THROTTLED: {
    class: "transient",
    meaning: "The source answers that it is asked for too much at once.",
    remedy:
      "Nothing, while it is being retried; where it comes back, lower `init.sync.read-capacity.share`, raise the table's capacity, or look who else reads its stream: a shard has room for two readers, of a global table for one.",
  },
  MR_SOURCE_MISSING: {
    class: "transient",
    meaning: "A table or a stream that is asked for is not there.",
    remedy:
      "Nothing, while it is being retried; if it goes on, look whether the table or its stream was deleted, and whether `aws.region` and the credentials are those of its account.",
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
      "Find who dropped it (`millrace cleanup` does); then write `on-loss: resync` in the source and start again, which loads the tables anew.",
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
} as const satisfies Record<string, CatalogueEntry>;
