import type { Guard } from "./guard.ts";
import { SIMULATED_ALL } from "./simulation-tests.ts";

const HISTORIES = {
  file: "packages/millrace/src/sources/postgres/relation-history.test.ts",
  name: "never has a column's values under another column",
};

const MESSAGES = { file: "packages/millrace/src/sources/postgres/ddl-log.pg.test.ts" };

/** Barriers, intents, shapes. */
export const SCHEMA_GUARDS: readonly Guard[] = [
  {
    keeps: [2, "Barrier"],
    guard: "a barrier waits until the lanes are drained",
    file: "pipeline/log-reader.ts",
    take: "      await this.#parts.stopLoad(table);\n      await this.drained();",
    put: "      await this.#parts.stopLoad(table);",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: [2, "Barrier"],
    guard: "an open intent is finished before any lane moves",
    file: "pipeline/prepare-run.ts",
    take: "if (state.intent !== null) {",
    put: "if (false as boolean) {",
    shownBy: SIMULATED_ALL,
  },
  {
    keeps: ["Barrier"],
    guard: "the log's older shape does not undo the catalogue's",
    file: "pipeline/barriers.ts",
    take: 'item.kind === "shape" && table.document.aheadOfLog',
    put: 'item.kind === "shape" && table.document === null',
    shownBy: {
      file: "packages/millrace/src/pipeline/barriers.test.ts",
      name: "is not undone by older ones that the log still brings, until it has arrived at that",
    },
  },
  {
    keeps: [2],
    guard:
      "a message about a schema change is followed by an empty one, so that no row has its place",
    file: "sources/postgres/ddl-trigger-sql.ts",
    take: "    PERFORM pg_catalog.pg_logical_emit_message(true, '${DDL_PREFIX}.', ''::text);\n",
    put: "",
    shownBy: { ...MESSAGES, name: "stand between the rows of one transaction" },
  },
  {
    keeps: [2],
    guard: "a message that was met before is not met again when the log is replayed",
    file: "sources/postgres/captured-tables.ts",
    take: "if (previous?.identity !== identity || isPast) return null;",
    put: "if (previous?.identity !== identity) return null;",
    shownBy: { ...MESSAGES, name: "give the same items when the log is read again" },
  },
  {
    keeps: [1],
    guard: "what computes values anew under the same type is told",
    file: "sources/postgres/captured-tables.ts",
    take: 'if (news.kind === "rewrite") for (const oid of news.tables) this.#rewriting.add(oid);',
    put: "",
    shownBy: { ...MESSAGES, name: "say what leaves no other trace" },
  },
  {
    keeps: [1],
    guard: "a known shape is trusted only while the event trigger has been there",
    file: "sources/postgres/relation-shapes.ts",
    take: "if (trigger.isCurrent && trigger.isSettled)",
    put: "if (exact !== null)",
    shownBy: { ...MESSAGES, name: "are not trusted where the trigger was off for a while" },
  },
  {
    keeps: [1],
    guard: "an attnum counts where every history agrees on it",
    file: "sources/postgres/attnum-proof.ts",
    take: "return possible.length === 1 && only !== undefined ? only.attnum : null;",
    put: "return only?.attnum ?? null;",
    shownBy: HISTORIES,
  },
  {
    keeps: [1],
    guard: "names of columns that were touched since prove nothing",
    file: "sources/postgres/attnum-proof.ts",
    take: "attribute.isSettled ? isThat(column, attribute) : !settled.has(column.name),",
    put: "isThat(column, attribute) || (!attribute.isSettled && !settled.has(column.name) && attributes.every((other) => !isThat(column, other))),",
    shownBy: HISTORIES,
  },
  {
    keeps: [1],
    guard: "columns whose attnum is open are loaded again, now and when it shows",
    file: "sources/postgres/relation-shape.ts",
    take: "if (isUnsure || column.ordinal === null) return true;",
    put: "if (column.ordinal === null) return false;",
    shownBy: HISTORIES,
  },
  {
    keeps: [9],
    guard: "what the log says of a column that is not proven counts as left out",
    file: "sources/postgres/row-plan.ts",
    take: "column.unproven === true && isKey[i] === 0",
    put: "column.unproven === true && isKey[i] === 2",
    shownBy: HISTORIES,
  },
  {
    keeps: [1, "Barrier"],
    guard: "what changed without row events is read again though its shape was adopted before",
    file: "pipeline/barriers.ts",
    take: "? await this.#behindCatalogue(item, table)",
    put: "? await this.#behindCatalogue({ ...item, rewritten: [] }, table)",
    shownBy: {
      file: "test/e2e/column-proofs.e2e.test.ts",
      name: "keeps what is written while it has another name for a moment",
    },
  },
  {
    keeps: [1, 9],
    guard: "rows that are older than an adopted conversion do not take its values away",
    file: "pipeline/table-runtime.ts",
    take: "this.#compile(shape, this.#targets, this.#unlogged(shape));",
    put: "this.#compile(shape, this.#targets, new Set());",
    shownBy: {
      file: "test/e2e/column-proofs.e2e.test.ts",
      name: "keeps what it is now where older rows of the log come behind its load",
    },
  },
  {
    keeps: [1, "Tables without key"],
    guard: "a table without key is loaded again where a column is not proven",
    file: "sources/postgres/relation-shape.ts",
    take: "shape.key.length > 0 ? rewritten :",
    put: "shape.key.length >= 0 ? rewritten :",
    shownBy: {
      file: "test/e2e/column-proofs.e2e.test.ts",
      name: "has none of the old one's values in a table without key",
    },
  },
  {
    keeps: [1, "Tables without key"],
    guard: "a table without key is loaded again behind a replay that doubts its columns",
    file: "pipeline/log-reader.ts",
    take: "if (this.#parts.passedBefore(item.position)) return this.#again(item);",
    put: "if (this.#parts.passedBefore(item.position)) return;",
    shownBy: {
      file: "packages/millrace/src/pipeline/log-reader.test.ts",
      name: "has tables without key loaded again where this session doubts columns behind a barrier that was passed",
    },
  },
  {
    keeps: [1],
    guard: "an earlier look proves the columns only of rows behind it",
    file: "sources/postgres/relation-shape.ts",
    take: "(lsn >= look.behind || key.length === 0)",
    put: "(lsn >= 0 || key.length === 0)",
    shownBy: {
      file: "packages/millrace/src/sources/postgres/relation-shape.test.ts",
      name: "knows columns by an earlier look, of rows behind it",
    },
  },
  {
    keeps: [1, "Tables without key"],
    guard: "an earlier look proves nothing once a column was touched",
    file: "sources/postgres/relation-shape.ts",
    take: "look?.columns === touched &&",
    put: "look !== undefined &&",
    shownBy: {
      file: "packages/millrace/src/sources/postgres/relation-shape.test.ts",
      name: "loads a table without key again where a column is not proven",
    },
  },
  {
    keeps: [1],
    guard: "columns are trusted again only behind the look at the catalogue",
    file: "sources/postgres/captured-tables.ts",
    take: "|| lsn < later.afterLsn) return;",
    put: ") return;",
    shownBy: HISTORIES,
  },
  {
    keeps: [1],
    guard: "the catalogue is asked at a moment that sees the transaction being read",
    file: "sources/postgres/relation-shapes.ts",
    take: "isSame(before, rows) && (await sees(place, before))",
    put: "isSame(before, rows)",
    shownBy: {
      file: "packages/millrace/src/sources/postgres/relation-shapes.test.ts",
      name: "is asked until it sees the transaction that is read",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "no two barriers put columns away under one name, also at one place of the log",
    file: "pipeline/barrier-intents.ts",
    take: "tag: tagOf(this.#parts.source.positionText(position), this.#parts.committer.moment),",
    put: 'tag: tagOf(this.#parts.source.positionText(position), ""),',
    shownBy: {
      file: "packages/millrace/src/pipeline/barrier-intents.test.ts",
      name: "puts away under names of its own, also at a place where a barrier was before",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "a schema change is told with its place in the log, and whose part it is",
    file: "pipeline/barrier-intents.ts",
    take: 'const told = kind === "empty" || transaction === null ? {} : { transaction };',
    put: "const told = {};",
    shownBy: {
      file: "packages/millrace/src/pipeline/barriers.test.ts",
      name: "is made at the sink with its place in the log, for messages that say so",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "an open intent is finished though its table has left",
    file: "pipeline/left-in-barrier.ts",
    take: "if (intent === null || table === null) return false;",
    put: "if (intent === null || table !== undefined) return false;",
    shownBy: {
      file: "packages/millrace/src/barriers.pg.test.ts",
      name: "a barrier whose table leaves the file before it is done is finished all the same",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "a column that is renamed and retyped in one goes under its old name",
    file: "pipeline/target-change.ts",
    take: "const moved = replaced.filter(({ column, old }) => old?.name !== column.name);",
    put: "const moved = replaced.slice(0, 0);",
    shownBy: {
      file: "packages/millrace/src/altered-targets.test.ts",
      name: "any change of columns ends in the wanted ones",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "what was put away stays where a statement of its barrier may still come",
    file: "sinks/dsql/answered-changes.ts",
    take: "if (!isAnswer(error)) this.#doubtful.add(change.table.id);",
    put: "",
    shownBy: {
      file: "packages/millrace/src/sinks/dsql/target-tables.pg.test.ts",
      name: "keep what was put away where a statement was not answered, or an earlier run had begun",
    },
  },
  {
    keeps: ["Barrier"],
    guard: "columns that exchange their names are made anew",
    file: "pipeline/target-change.ts",
    take: "const exchanged = namesInCycles(renamed);",
    put: "const exchanged = new Set<string>();",
    shownBy: {
      file: "packages/millrace/src/pipeline/target-change.test.ts",
      name: "makes columns anew that exchange their names",
    },
  },
  {
    keeps: [1, 2],
    guard: "the catalogue's shape waits until the log has been followed past the look",
    file: "pipeline/idle-shapes.ts",
    take: "return end !== null && source.comparePositions(durable(), end) >= 0;",
    put: "return end !== null && source.comparePositions(durable(), end) !== undefined;",
    shownBy: {
      file: "packages/millrace/src/pipeline/idle-shapes.test.ts",
      name: "are adopted once the log has been followed past the look",
    },
  },
  {
    keeps: [1],
    guard: "columns that change with no row behind them are adopted from the catalogue",
    file: "pipeline/table-watch.ts",
    take: "      if (table.paused === null) this.#shapes.see(table, look.shape);\n",
    put: "",
    shownBy: {
      file: "test/e2e/idle-columns.e2e.test.ts",
      name: "change at the next start, and rows follow them",
    },
  },
];
