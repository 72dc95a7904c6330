import { MillraceError } from "../../errors/millrace-error.ts";
import type { TargetChange } from "../../model/sink.ts";

type Alter = Extract<TargetChange, { kind: "alter" }>;

/**
 * Changes of which every statement was answered. One that was not may still come, and takes a column of the old name
 * away unless what was put away stands in its way (design/001, "Barriers"): so only the others are tidied up after at once.
 */
export class AnsweredChanges {
  /** Of one barrier at a time, whose targets share a tag (I10). */
  #tag = "";
  readonly #begun = new Set<string>();
  readonly #doubtful = new Set<string>();

  /** To be called at each attempt at a change; a second one of the same barrier is another run's. */
  begin({ tag, table }: Alter): void {
    if (tag !== this.#tag) {
      this.#tag = tag;
      this.#begun.clear();
      this.#doubtful.clear();
    }
    if (this.#begun.has(table.id)) this.#doubtful.add(table.id);
    this.#begun.add(table.id);
  }

  /** Runs one statement of a change. */
  async during(change: Alter, statement: () => Promise<void>): Promise<void> {
    try {
      await statement();
    } catch (error) {
      if (!isAnswer(error)) this.#doubtful.add(change.table.id);
      throw error;
    }
  }

  /** Whether all of it was answered, and by one attempt of this object; to be asked once. */
  take({ tag, table }: Alter): boolean {
    return tag === this.#tag && this.#begun.delete(table.id) && !this.#doubtful.has(table.id);
  }
}

/**
 * A refusal is an answer: the server has ended the statement. What says that a connection broke is none, whoever says it:
 * a pooler does for a server that still works.
 */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false;
  const { sqlState } = error.facts;
  return typeof sqlState === "string" && !sqlState.startsWith("08") && sqlState !== "40003";
}
