import type { CatalogueEntry } from "./catalogue-entry.ts";

/** Messages: what a schema registry says, and bytes that are no message. */
export const FORMAT_ERRORS = {
  MR_REGISTRY_LOST: {
    class: "transient",
    meaning: "The schema registry cannot be reached, or is not able to answer now.",
    remedy: "Nothing, while it is being retried; else check the registry's address and its log.",
  },
  MR_REGISTRY_INCOMPATIBLE: {
    class: "config",
    meaning:
      "The schema registry refuses a table's new schema: by the subject's compatibility level, readers of the old one could not read it.",
    remedy:
      "Undo the schema change, change the subject's compatibility level at the registry, or write to another topic; then start again.",
  },
  MR_REGISTRY_REFUSED: {
    class: "config",
    meaning:
      "The schema registry refuses what this pipeline asks for: wrong credentials, a missing right, a schema that is not registered.",
    remedy: "Mend what the detail names at the registry or in the file, then start again.",
  },
  MR_MESSAGE_UNREADABLE: {
    class: "row",
    meaning: "The bytes of a message are not what its format says.",
    remedy:
      "Look at the message in its topic. Where it is of no use, `ignore-parse-errors: true` at the source passes over it, and counts and logs it; where all are so, the source's `value.format` is another one.",
  },
  MR_ROW_INCOMPLETE: {
    class: "row",
    meaning:
      "A change leaves out values of a row that is not at the sink, and its source cannot be asked for rows.",
    remedy:
      "Read the topic from a place where the row is whole (another pipeline name with `scan.startup.mode: earliest-offset`), or write the row to its origin once more.",
  },
} as const satisfies Record<string, CatalogueEntry>;
