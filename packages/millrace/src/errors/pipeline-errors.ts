import type { CatalogueEntry } from "./catalogue-entry.ts";

/** What is between source and sink, and around them: tasks, files, commands, REST. */
export const PIPELINE_ERRORS = {
  MR_BUG: {
    class: "bug",
    meaning:
      "Something that must always hold does not hold, or our own code failed, at the place that the message names; nothing was acknowledged past it.",
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
    meaning:
      "Another process has taken over this pipeline, or `millrace cleanup --state` has taken its state away; this one can no longer write.",
    remedy:
      "Where another process took over, leave this one stopped: that one does the work. Where nobody knows of another one, look for a second `millrace run` with this pipeline.name and this sink; where both are meant to run, give one of them another name. After `millrace cleanup --state` a start loads all anew.",
  },
  MR_STATE_HELD: {
    class: "config",
    meaning:
      "The state at the sink is to be taken away, and it says that a process has the pipeline: one that runs, or one that ended without a word of it, which cannot be told from another host.",
    remedy:
      "Stop that process (`millrace stop`, or end it), then clean up again. Where it is gone for sure, or its number is another program's now, add `--force`.",
  },
  MR_DEAD_LETTER_LIMIT: {
    class: "config",
    meaning:
      "So many rows of one table were refused that the mapping must be wrong, not the rows; the table is stopped, or, with `dead-letters: fail`, the pipeline at the first of them. A table of a topic cannot be loaded anew: there the partition's task ends.",
    remedy:
      "Read the dead letters' reasons, mend the mapping or the target, then resync the table.",
  },
  MR_RELOAD_REFUSED: {
    class: "config",
    meaning:
      "The file was read again, and more of it differs than may change while the pipeline runs: tables, tables.exclude, route and transform (DynamoDB: the whitelist, the tags, columns).",
    remedy:
      "Put back what the detail names and reload once more, or stop the pipeline and start it with the file as it is.",
  },
  MR_LOG_ONLY: {
    class: "config",
    meaning:
      "The source is a topic: what was read of it cannot be asked for again, so that a table cannot be loaded anew, nor left out for a while.",
    remedy:
      "Read the topic by a pipeline of another name to have all of it again; pause the whole pipeline to make it wait.",
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
      "The source changed a table's shape, and the pipeline is told to stop then (`schema.change.behavior: exception`); or it emptied or changed a table in a way that cannot be done at the target.",
    remedy: "Change the target as you want it, then restart with `evolve` or `ignore`.",
  },
  MR_TRANSFORM_REFUSED: {
    class: "config",
    meaning: "A `transform` rule cannot be kept for a table as the source has it now.",
    remedy: "Mend the rule that hides the named column, then start again.",
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
    remedy:
      "List the names: `millrace tables` has those of tables, `millrace status` those of pipelines.",
  },
  MR_TOO_MANY_LISTENERS: {
    class: "transient",
    meaning:
      "As many connections listen to events and dashboards of this process as it serves at once.",
    remedy: "Close dashboards and readers of events that nobody needs.",
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
