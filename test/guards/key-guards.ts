import type { Guard } from "./guard.ts";

const SPELLING = "test/e2e/key-spelling.e2e.test.ts";
const HIDDEN = "test/e2e/hidden-keys.e2e.test.ts";

/** Keys: which spellings are one, and what may be told of them. */
export const KEY_GUARDS: readonly Guard[] = [
  {
    keeps: [1, 2, "Key change"],
    guard: "a key that is spelled in another way has not moved",
    file: "pipeline/feed.ts",
    take: "if (oldKey === newKey && !this.#parts.everyChange) return this.#plain(table, change);",
    put: "",
    shownBy: { file: SPELLING, name: "stays one row at a target that has one spelling of it" },
  },
  {
    keeps: [2, "Key change"],
    guard: "halves of a key change meet only where a sink takes rows",
    file: "pipeline/feed.ts",
    take: "everyChange || this.#routes.some",
    put: "this.#routes.some",
    shownBy: {
      file: "packages/millrace/src/pipeline/feed.test.ts",
      name: "need no meeting for a sink that takes every change",
    },
  },
  {
    keeps: [1],
    guard: "an update of a row without key is told once",
    file: "pipeline/batch-events.ts",
    take: "if (isOldHalf(item, items[i + 1])) continue;",
    put: "",
    shownBy: {
      file: "packages/millrace/src/pipeline/batch-writer.test.ts",
      name: "an update is one change for a sink that takes each",
    },
  },
  {
    keeps: [2, "Key change"],
    guard: "the target's key takes the source's spelling",
    file: "sinks/dsql/table-statements.ts",
    take: "updatesKeys ? table.key.filter((index) => this.#hasSpellings(index)) : []",
    put: "updatesKeys ? [] : []",
    shownBy: { file: SPELLING, name: "stays one row, and follows the source's spelling" },
  },
  {
    keeps: [1, 2],
    guard: "what is one key has one hash",
    file: "transform/column-treatment.ts",
    take: "return normalise === null ? text : normalise(text);",
    put: "return normalise === null ? text : text;",
    shownBy: { file: SPELLING, name: "stays one row where the key is hashed" },
  },
  {
    keeps: ["Tables without key"],
    guard: "of rows that are equal the one that is spelled the same goes",
    file: "sinks/dsql/table-statements.ts",
    take: "${where}${this.#sameTextFirst(others)} LIMIT 1",
    put: "${where} LIMIT 1",
    shownBy: { file: SPELLING, name: "is the one that is spelled as the source's was" },
  },
  {
    keeps: ["Dead letters"],
    guard: "a letter has no key that is hashed on the way",
    file: "pipeline/letter.ts",
    take: "if (!hidesKey) return key;",
    put: "if (!hidesKey || key !== null) return key;",
    shownBy: { file: HIDDEN, name: "leaves no key in a letter" },
  },
  {
    keeps: ["State at the sink"],
    guard: "bounds of chunks that are hidden keys are not kept",
    file: "pipeline/table-runtime.ts",
    take: "if (!this.#hidesKey) return document;",
    put: "if (document !== null) return document;",
    shownBy: { file: HIDDEN, name: "leaves no key in the state of a load" },
  },
];
