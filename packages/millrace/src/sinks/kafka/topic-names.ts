import { createHash } from "node:crypto";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
import type { TopicOptions } from "./options.ts";

/** Kafka's own limit. */
const MAX_NAME_CHARS = 249;
const DIGEST_CHARS = 12;
/** The task of a pipeline that is not shared out. */
const ONLY_TASK = "0";
const NOT_IN_NAMES = /[^A-Za-z0-9._-]/g;

/** Whether the file says that several tables share a topic. */
export function isSharedTopic({ topic: all, mapping }: TopicOptions, topic: string): boolean {
  return all !== null || mapping.isShared(topic);
}

/** The topic of a table. Characters that no topic may have become `_`, as Debezium does it. */
export class TopicNames {
  readonly #options: TopicOptions;
  readonly #tables = new Map<string, TableId>();
  /** What goes to topics that are not of tables, by their names. */
  readonly #reserved = new Map<string, string>();

  constructor(options: TopicOptions) {
    this.#options = options;
  }

  /** From now on this topic is no table's, but `what` it says, behind "which". */
  reserve(name: string, what: string): void {
    this.#reserved.set(name, what);
  }

  /**
   * The name for a table.
   * @throws MillraceError MR_SINK_SCHEMA where another table has it without that being said, something else goes there, or
   * it is too long.
   */
  of(table: TargetTable): string {
    const name = this.nameOf(table);
    if (name.length > MAX_NAME_CHARS)
      throw new MillraceError(
        "MR_SINK_SCHEMA",
        `the topic of ${table.id} would have ${name.length} characters, and Kafka takes ${MAX_NAME_CHARS}; give it one by sink.tableId-to-topic.mapping`,
      );
    const beside = this.#reserved.get(name);
    if (beside !== undefined)
      throw new MillraceError(
        "MR_SINK_SCHEMA",
        `${table.id} would go to topic ${name}, which ${beside}: nobody could tell its messages from rows; give the table another by sink.tableId-to-topic.mapping`,
      );
    const other = this.#tables.get(name);
    if (other !== undefined && other !== table.id && !isSharedTopic(this.#options, name))
      throw new MillraceError(
        "MR_SINK_SCHEMA",
        `${other} and ${table.id} would both go to topic ${name}; give one of them another by sink.tableId-to-topic.mapping, or write both there`,
      );
    this.#tables.set(name, table.id);
    return name;
  }

  /** Pure: the same, where nothing may stand against it. */
  nameOf({ schema, name }: Pick<TargetTable, "schema" | "name">): string {
    const { topic, mapping, pattern } = this.#options;
    const given = topic ?? mapping.topicOf({ schema, name });
    if (given !== null) return given;
    const full = pattern.replaceAll("{schema}", schema).replaceAll("{table}", name);
    return full.replaceAll(NOT_IN_NAMES, "_");
  }
}

/**
 * The transactional id of a task. Names hold `-` themselves: only the digest tells task `b-0` of pipeline `a` from task `0`
 * of pipeline `a-b`, which every pipeline has that is not shared out.
 */
export function transactionalId(pipeline: string, task: string): string {
  if (task === ONLY_TASK) return ownName(pipeline, task);
  return ownName(pipeline, task, digestOf(JSON.stringify([pipeline, task])));
}

/** A name of ours that holds that of a pipeline or task, which may hold any character. */
export function ownName(...parts: readonly string[]): string {
  const text = ["millrace", ...parts].join("-");
  const plain = text.replaceAll(NOT_IN_NAMES, "_").slice(0, MAX_NAME_CHARS - 16);
  if (plain === text) return text;
  // Two that differ only in such characters stay apart.
  return `${plain}-${digestOf(text)}`;
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, DIGEST_CHARS);
}
