import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { LogItem, ShapeChange } from "../model/change.ts";
import type { Clock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { Router } from "../model/router.ts";
import type { Sink, StateEntry } from "../model/sink.ts";
import type { Source } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import { rewrittenAhead } from "../schema/rewritten-ahead.ts";
import { describeDiff, diffShapes, isSame } from "../schema/shape-diff.ts";
import type { Superseded } from "./batch-content.ts";
import type { Committer } from "./committer.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { TaskObserver } from "./observer.ts";
import { targetsOf, type RouteTarget } from "./routes.ts";
import type { TaskSettings } from "./settings.ts";
import { entry, stateKey, type IntentDocument } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { planTargetChange, type TargetPlan } from "./target-change.ts";

/** What barriers work with. */
export interface BarrierParts {
  readonly source: Pick<Source, "positionText">;
  readonly sink: Sink;
  readonly router: Router;
  readonly settings: TaskSettings;
  readonly committer: Committer;
  readonly book: DeadLetterBook;
  readonly observer: TaskObserver;
  readonly clock: Clock;
  readonly lanes: number;
  readonly tables: ReadonlyMap<string, TableRuntime>;
  /** How many source tables are routed to a target. */
  readonly sourcesOf: (target: string) => number;
  /** What the frontier row will say may be forgotten by the source. */
  readonly acknowledged: () => Position | null;
  readonly unseen: () => readonly string[];
  /** The shape that the source's catalogue has now; null where the table is gone. */
  readonly currentShape: (table: TableRuntime) => Promise<TableShape | null>;
}

/** What a barrier needs from the task around it: everything stands still while it acts. */
export interface Standstill {
  /** Resolves when all lanes are drained and the table's load has stopped. */
  (table: TableRuntime): Promise<void>;
}

/**
 * Schema changes and TRUNCATE: all lanes and the table's load are drained, an intent is written, the act is made true
 * idempotently, then one transaction over all lanes says that it is done (I2, DESIGN "Barrier").
 */
export class Barriers {
  readonly #parts: BarrierParts;

  constructor(parts: BarrierParts) {
    this.#parts = parts;
  }

  /** True when the item was a barrier that is done now; false when nothing had to be done at the sink. */
  async pass(item: Exclude<LogItem, { kind: "change" }>, standstill: Standstill): Promise<boolean> {
    const id = item.kind === "shape" ? item.shape.id : item.table;
    const table = this.#parts.tables.get(id);
    if (table === undefined) return false;
    const intent =
      item.kind === "shape" && table.document.aheadOfLog
        ? await this.#behindCatalogue(item, table)
        : this.#intentFor(item, table);
    if (intent === null) return false;
    await standstill(table);
    await this.#write(() => [entry(stateKey.intent, intent)]);
    failpoint("barrier.intent");
    await this.finish(intent);
    return true;
  }

  /**
   * The catalogue told of a shape before the log did. Shapes that the log still brings meanwhile are older as long as
   * the catalogue has not moved on; their rows are fitted to the newer one, which the table keeps. What changed on the
   * way without row events is read again all the same: since the shape was adopted, rows may have come as they were
   * before, or under another name.
   */
  async #behindCatalogue(item: ShapeChange, table: TableRuntime): Promise<IntentDocument | null> {
    const { shape } = table;
    if (isSame(diffShapes(shape, item.shape))) {
      table.update({ aheadOfLog: false });
      return this.#shapeIntent(item, table);
    }
    const now = await this.#parts.currentShape(table);
    if (now === null || !isSame(diffShapes(shape, now))) return this.#shapeIntent(item, table);
    // Rows of another table under this name are left out: nothing of this one came with them.
    if (item.rewritten.length === 0 || item.shape.identity !== shape.identity) return null;
    const intent = this.#shapeIntent({ ...item, shape }, table);
    return intent === null ? null : { ...intent, aheadOfLog: true };
  }

  /** A shape that the catalogue has and the log has not told of; the lanes are drained and stand at `position`. */
  async adopt(table: TableRuntime, shape: TableShape, position: Position): Promise<void> {
    const previous = table.shape;
    const rewritten = rewrittenAhead(previous, shape, table.document.state === "SYNC");
    const item = {
      kind: "shape",
      shape,
      previous,
      rewritten,
      position,
      transaction: null,
    } as const;
    const found = this.#shapeIntent(item, table);
    if (found === null) return;
    const intent = { ...found, aheadOfLog: true };
    await this.#write(() => [entry(stateKey.intent, intent)]);
    await this.finish(intent);
  }

  /** Acts and says done; also for an intent that an earlier task left open. */
  async finish(intent: IntentDocument): Promise<void> {
    const table = this.#parts.tables.get(intent.table);
    if (table === undefined) return this.#done(intent, () => [], []);
    if (intent.kind === "shape") await this.#reshape(table, intent);
    else if (intent.kind === "drop") await this.#drop(table, intent.tag);
    else await this.#empty(table);
    failpoint("barrier.acted");
    if (intent.kind !== "shape") this.#afterEmptying(table, intent);
    const chunks = [...table.chunks.keys()];
    const restarts = table.document.planned === null && !table.document.allPlanned;
    if (restarts) table.chunks.clear();
    const emptied = intent.kind !== "shape" || intent.previous?.identity !== intent.shape?.identity;
    await this.#done(intent, () => tableEntries(table, chunks), emptied ? table.targets : []);
    this.#parts.observer.schemaChange({ kind: intent.kind, outcome: "applied" });
  }

  #intentFor(
    item: Exclude<LogItem, { kind: "change" }>,
    table: TableRuntime,
  ): IntentDocument | null {
    if (item.kind === "shape") return this.#shapeIntent(item, table);
    const base = {
      v: 1,
      table: table.id,
      position: item.position,
      acknowledge: this.#parts.acknowledged(),
      unseen: this.#parts.unseen(),
      shape: null,
      previous: null,
      rewritten: [],
      aheadOfLog: false,
    } as const;
    const tag = tagOf(this.#parts.source.positionText(item.position));
    if (item.kind === "dropped") {
      if (!this.#parts.settings.dropTables) {
        table.notices.push("The source dropped this table; the target is kept.");
        this.#parts.observer.event({
          type: "notice",
          table: table.id,
          message: "the source dropped this table; the target is kept",
        });
        return null;
      }
      return { ...base, kind: "drop", tag };
    }
    this.#refuseShared(table, "TRUNCATE");
    return { ...base, kind: "truncate", tag };
  }

  #shapeIntent(item: ShapeChange, table: TableRuntime): IntentDocument | null {
    const diff = diffShapes(table.shape, item.shape);
    if (isSame(diff) && item.rewritten.length === 0) {
      table.update({ shape: item.shape });
      return null;
    }
    const what = describeDiff(diff);
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
    const kind = diff.madeAnew ? "empty" : "shape";
    return {
      v: 1,
      kind: behavior === "ignore" && kind === "empty" ? "empty" : "shape",
      table: table.id,
      position: item.position,
      acknowledge: this.#parts.acknowledged(),
      unseen: this.#parts.unseen(),
      tag: tagOf(this.#parts.source.positionText(item.position)),
      shape: item.shape,
      previous: table.shape,
      rewritten: item.rewritten,
      aheadOfLog: false,
    };
  }

  #refuseShared(table: TableRuntime, what: string): void {
    const shared = table.targets.find(({ target }) => this.#parts.sourcesOf(target.id) > 1);
    if (shared !== undefined) {
      throw new MillraceError(
        "MR_SCHEMA_CHANGE_REFUSED",
        `${what} of ${table.id} would remove rows of other tables from ${shared.target.id}`,
      );
    }
  }

  async #reshape(table: TableRuntime, intent: IntentDocument): Promise<void> {
    const shape = intent.shape;
    if (shape === null) return;
    if (this.#parts.settings.schemaChangeBehavior === "ignore") {
      table.update({ shape });
      table.retarget(table.targets);
      return;
    }
    const madeAnew = intent.previous !== null && intent.previous.identity !== shape.identity;
    if (madeAnew) this.#refuseShared(table, "making anew");
    const plans = this.#plans(table, shape, madeAnew);
    for (const plan of plans)
      for (const change of plan.changes) await this.#parts.sink.applyChange(change(intent.tag));
    table.update({
      shape,
      targetShape: shape,
      targets: plans.map((plan) => plan.target.target.id),
      aheadOfLog: intent.aheadOfLog,
    });
    table.retarget(plans.map((plan) => plan.target));
    // Rows of an older generation that were still to be looked for are still there, unless the target is new.
    const sweep = madeAnew ? "none" : table.document.sweep;
    if (intent.rewritten.length > 0 || plans.some((plan) => plan.reload))
      this.#restartLoad(table, sweep === "due" ? "due" : "none");
  }

  #plans(table: TableRuntime, shape: TableShape, madeAnew: boolean): TargetPlan[] {
    const next: readonly RouteTarget[] = targetsOf(shape, this.#parts.router, this.#parts.sink);
    return next.map((target) => {
      const before = table.targets.find((t) => t.target.id === target.target.id) ?? null;
      return planTargetChange(before, target, madeAnew);
    });
  }

  async #drop(table: TableRuntime, tag: string): Promise<void> {
    this.#refuseShared(table, "DROP TABLE");
    for (const { target } of table.targets)
      await this.#parts.sink.applyChange({ kind: "drop", table: target, tag });
  }

  /** Deletes all rows, in as many fenced transactions as the sink's limits ask for. */
  async #empty(table: TableRuntime): Promise<void> {
    const maxRows = Math.min(this.#parts.sink.capabilities.maxRowsPerCommit - 10, 10_000);
    for (const { target } of table.targets) {
      for (let left = true; left;) {
        const result = await this.#parts.committer.commit([0], {
          writes: [{ kind: "delete-some", table: target, maxRows }],
          state: () => [],
          deadLetters: [],
          superseded: [],
        });
        left = result.outcome !== "done" || result.deletedSome !== 0;
        failpoint("barrier.rows-deleted");
      }
    }
  }

  #afterEmptying(table: TableRuntime, intent: IntentDocument): void {
    if (intent.shape !== null) {
      // Schema changes are ignored: the targets stay as they are, their rows were another table's.
      table.update({ shape: intent.shape });
      table.retarget(table.targets);
      return this.#restartLoad(table, "none");
    }
    if (intent.kind !== "truncate" || table.document.state !== "INIT_SYNC") return;
    // Where nothing is to be loaded and nothing was, the log alone tells what is there.
    if (this.#parts.settings.fullLoad || table.document.nextChunk > 0)
      this.#restartLoad(table, "none");
  }

  /** A new generation of INIT_SYNC. */
  #restartLoad(table: TableRuntime, sweep: "none" | "due"): void {
    table.update({
      state: "INIT_SYNC",
      generation: this.#parts.clock.now(),
      planned: null,
      allPlanned: false,
      rowsLoaded: 0,
      end: null,
      snapshot: null,
      sweep,
    });
  }

  /** The table's INIT_SYNC begins anew with its rows left in place; ghosts are looked for afterwards. */
  async resync(table: TableRuntime, sweep: "none" | "due"): Promise<void> {
    const chunks = [...table.chunks.keys()];
    table.chunks.clear();
    this.#restartLoad(table, sweep);
    table.update({ stopped: null });
    const { key, read } = table.storedParts;
    // Every row is seen again, and rows that are gone are looked for: what cannot be applied is parked anew.
    const superseded = sweep === "due" || table.keyless ? this.#lettersOf(table) : [];
    const state = () => [...tableEntries(table, chunks), entry(key, read())];
    await this.#forget(superseded, state);
  }

  /** Empties a table without a log position: a load that cannot be resumed begins again. */
  async emptyForLoad(table: TableRuntime): Promise<void> {
    this.#refuseShared(table, "loading a table without key");
    await this.#empty(table);
    // Letters of a load that was broken off would stand beside those of the next one.
    await this.#forget(this.#lettersOf(table), () => []);
  }

  #lettersOf({ id, targets }: TableRuntime): Superseded[] {
    const { book } = this.#parts;
    return targets.flatMap(({ target }) =>
      book
        .keysOf(target.id)
        .filter((key) => book.get(target.id, key)?.table === id)
        .map((key) => ({ target: target.id, key })),
    );
  }

  /** Letters go, and with them what state says. */
  async #forget(
    superseded: readonly Superseded[],
    state: () => readonly StateEntry[],
  ): Promise<void> {
    await this.#parts.committer.commit([0], { writes: [], state, deadLetters: [], superseded });
    for (const { target, key } of superseded) this.#parts.book.remove(target, key);
  }

  #write(state: () => readonly StateEntry[]): Promise<unknown> {
    return this.#parts.committer.commit([0], {
      writes: [],
      state,
      deadLetters: [],
      superseded: [],
    });
  }

  /** The barrier's position becomes the checkpoint of all lanes, in the transaction that takes the intent away. */
  async #done(
    intent: IntentDocument,
    state: () => readonly StateEntry[],
    emptied: readonly RouteTarget[],
  ): Promise<void> {
    const superseded = emptied.flatMap(({ target }) =>
      this.#parts.book.keysOf(target.id).map((key) => ({ target: target.id, key })),
    );
    const lanes = Array.from({ length: this.#parts.lanes }, (_, lane) => lane);
    await this.#parts.committer.commit(lanes, {
      writes: [],
      state: () => [
        entry(stateKey.intent, null),
        ...lanes.map((lane) => ({ key: stateKey.checkpoint(lane), value: intent.position })),
        entry(stateKey.frontier, {
          v: 1,
          position: intent.position,
          acknowledge: intent.acknowledge,
          unseen: this.#parts.unseen(),
        }),
        ...state(),
      ],
      deadLetters: [],
      superseded,
    });
    for (const { target, key } of superseded) this.#parts.book.remove(target, key);
    failpoint("barrier.done");
  }
}

/** A table's document as it stands, and those of its chunks; the ones that are no more go. */
function tableEntries(table: TableRuntime, chunks: readonly number[]): StateEntry[] {
  const documents = [table.stored, ...chunks.map((n) => table.storedChunk(n))];
  return documents.map(({ key, read }) => entry(key, read()));
}

function tagOf(position: string): string {
  return position.replaceAll(/[^A-Za-z0-9]+/g, "_");
}
