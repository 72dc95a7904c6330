import { compileTablePatterns, type TablePatterns } from "./table-pattern.ts";

/** A pattern of tables and the topic that they go to; names have `schema.table`. */
export type TableTopic = readonly [pattern: string, topic: string];

/** Numbers of parts that such a pattern may have: names of targets have no database before them. */
export const targetTableParts: readonly number[] = [2];

interface Entry {
  readonly text: string;
  readonly topic: string;
  readonly patterns: TablePatterns;
}

/** Topics of tables by patterns of their names (Flink CDC's `sink.tableId-to-topic.mapping`): the first that matches says. */
export class TableTopics {
  readonly #entries: readonly Entry[];

  /** @throws TablePatternError where a pattern cannot be read. */
  constructor(entries: readonly TableTopic[]) {
    this.#entries = entries.map(([text, topic]) => {
      return { text, topic, patterns: compileTablePatterns(text, targetTableParts) };
    });
  }

  /** Null where nothing is said of the table. */
  topicOf({ schema, name }: { readonly schema: string; readonly name: string }): string | null {
    const found = this.#entries.find(
      // A name as it is may hold what means something else in a pattern, such as `$`.
      ({ text, patterns }) =>
        text === `${schema}.${name}` || patterns.match([schema, name]) !== null,
    );
    return found?.topic ?? null;
  }

  /** Whether several tables may go to it: more than one pattern says so, or one that is more than a table's name. */
  isShared(topic: string): boolean {
    const entries = this.#entries.filter((entry) => entry.topic === topic);
    return entries.length > 1 || entries.some(({ text }) => MORE_THAN_A_NAME.test(text));
  }

  /** Whether any of its topics is. */
  get sharesTopics(): boolean {
    return this.#entries.some(({ topic }) => this.isShared(topic));
  }

  /** What is written of tables, pattern by pattern. */
  get patterns(): readonly TablePatterns[] {
    return this.#entries.map(({ patterns }) => patterns);
  }
}

/** What means something else than itself in a pattern, or separates two. */
const MORE_THAN_A_NAME = /[\\()[\]{}*+?|^,]/;
