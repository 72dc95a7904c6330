import { MillraceError } from "../errors/millrace-error.ts";
import type { LogItem, ShapeChange } from "../model/change.ts";
import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { describeDiff, diffShapes, isSame, type ShapeDiff } from "../schema/shape-diff.ts";
import type { Committer } from "./committer.ts";
import type { TaskObserver } from "./observer.ts";
import type { TaskSettings } from "./settings.ts";
import type { IntentDocument } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface IntentParts {
  readonly source: Pick<Source, "positionText">;
  readonly settings: Pick<TaskSettings, "schemaChangeBehavior" | "dropTables">;
  readonly observer: TaskObserver;
  readonly committer: Pick<Committer, "moment">;
  /** What the frontier row will say may be forgotten by the source. */
  readonly acknowledged: () => Position | null;
  readonly unseen: () => readonly string[];
}

/** What a barrier is going to do, by what the log says and what the file wants; nothing is done yet. */
export class BarrierIntents {
  readonly #parts: IntentParts;

  constructor(parts: IntentParts) {
    this.#parts = parts;
  }

  /** Null where nothing has to be done at the sink. */
  of(item: Exclude<LogItem, { kind: "change" }>, table: TableRuntime): IntentDocument | null {
    if (item.kind === "shape") return this.ofShape(item, table);
    const base = {
      ...this.#begun(item.position, table),
      shape: null,
      previous: null,
      rewritten: [],
    } as const;
    if (item.kind === "dropped") {
      const { transaction } = item;
      if (this.#parts.settings.dropTables) return { ...base, kind: "drop", transaction };
      this.#tellKept(table, item.renamedTo);
      return table.document.state === "SYNC" ? null : { ...base, kind: "gone" };
    }
    return { ...base, kind: "truncate", transaction: item.transaction };
  }

  #tellKept(table: TableRuntime, renamedTo: TableId | undefined): void {
    const what =
      renamedTo === undefined
        ? "dropped this table, or gave it another name"
        : `gave this table the name ${renamedTo}`;
    table.notices.push(`The source ${what}; the target is kept.`);
    this.#parts.observer.event({
      type: "notice",
      table: table.id,
      message: `the source ${what}; the target is kept`,
    });
  }

  /** @throws MillraceError MR_SCHEMA_CHANGE_REFUSED where the file wants none. */
  ofShape(item: ShapeChange, table: TableRuntime): IntentDocument | null {
    const { rows, keep } = item;
    const found = diffShapes(table.shape, item.shape);
    const diff = rows === "anew" ? { ...found, madeAnew: true } : found;
    const isQuiet = isSame(diff) && (rows === "moved" || item.rewritten.length === 0);
    if (isQuiet && rows === undefined && keep !== true) {
      table.update({ shape: item.shape });
      return null;
    }
    if (isQuiet && rows === "moved") this.#tellMoved(table, item);
    if (isQuiet) return this.#shapeIntent(item, table, "shape");
    const what = isSame(diff) ? `rewrite of ${item.rewritten.join(", ")}` : describeDiff(diff);
    const behavior = this.#parts.settings.schemaChangeBehavior;
    if (behavior === "exception") {
      this.#parts.observer.schemaChange({ kind: "shape", outcome: "refused" });
      throw new MillraceError("MR_SCHEMA_CHANGE_REFUSED", `${table.id}: ${what}`, {
        facts: { table: table.id },
      });
    }
    this.#parts.observer.event({
      type: "schema-change",
      table: table.id,
      change: what,
      outcome: behavior === "ignore" ? "ignored" : "applied",
    });
    if (behavior !== "ignore" && !diff.madeAnew) this.#tellRewritten(table, item.rewritten, diff);
    const kind = behavior === "ignore" && diff.madeAnew ? "empty" : "shape";
    return this.#shapeIntent(item, table, kind);
  }

  /** Of a first load that begins once more there is nothing to tell. */
  #tellMoved({ id, document }: TableRuntime, { asked, altered }: ShapeChange): void {
    if (asked === true && document.repeated !== true) return;
    const why =
      asked === true
        ? "its shape where the log begins is known from the catalogue alone"
        : altered === true
          ? "it was altered behind the place where the log begins, and what that did to its rows the log does not tell"
          : "rows came or went at the source without row events";
    const message = `${why}: the table is loaded again`;
    this.#parts.observer.event({ type: "notice", table: id, message });
  }

  /** Why the table is loaded again. Its load may have had the shape before the log comes to it: then that is all there is to tell. */
  #tellRewritten(
    { id }: TableRuntime,
    rewritten: readonly string[],
    { added }: Pick<ShapeDiff, "added">,
  ): void {
    if (rewritten.length === 0) return;
    const names = rewritten.join(", ");
    const isNew = rewritten.every((name) => added.some((column) => column.name === name));
    const message = isNew
      ? `the source gave rows that were there a value of ${names}, without row events (a default, or computed): the table is loaded again`
      : `the source rewrote ${names} in rows that were there, without row events: the table is loaded again`;
    this.#parts.observer.event({ type: "notice", table: id, message });
  }

  #shapeIntent(
    { shape, rewritten, rows, asked, position, transaction }: ShapeChange,
    table: TableRuntime,
    kind: "shape" | "empty",
  ): IntentDocument {
    const begun = this.#begun(position, table);
    const told = kind === "empty" || transaction === null ? {} : { transaction };
    const intent = { ...begun, ...told, kind, shape, previous: table.shape, rewritten };
    const why = asked === undefined ? {} : { asked };
    return rows === undefined ? intent : { ...intent, rows, ...why };
  }

  #begun(position: Position, table: TableRuntime) {
    return {
      v: 1,
      table: table.id,
      position,
      acknowledge: this.#parts.acknowledged(),
      unseen: this.#parts.unseen(),
      tag: tagOf(this.#parts.source.positionText(position), this.#parts.committer.moment),
      aheadOfLog: false,
    } as const;
  }
}

/**
 * One for each barrier. Its position is not enough: shapes of the catalogue are adopted wherever the log stands, which
 * may be one place several times, and what an earlier barrier put away there must not pass for what this one has to.
 */
function tagOf(position: string, moment: string): string {
  return `${position.replaceAll(/[^A-Za-z0-9]+/g, "_")}_${moment}`;
}
