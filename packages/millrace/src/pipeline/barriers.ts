import { failpoint } from "../model/failpoint.ts";
import type { LogItem, ShapeChange } from "../model/change.ts";
import type { Position } from "../model/position.ts";
import type { Router } from "../model/router.ts";
import type { ChangePlace, Sink, StateEntry, TargetChange, Write } from "../model/sink.ts";
import type { Source } from "../model/source.ts";
import type { TableId, TableShape } from "../model/table.ts";
import { rewrittenAhead } from "../schema/rewritten-ahead.ts";
import { diffShapes, isSame } from "../schema/shape-diff.ts";
import { BarrierIntents } from "./barrier-intents.ts";
import type { Committer } from "./committer.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import { tableEntries, type Generations, type GoneRows } from "./generations.ts";
import { marksOf } from "./marks.ts";
import type { TaskObserver } from "./observer.ts";
import { targetsOf, type RouteTarget } from "./routes.ts";
import type { TaskSettings } from "./settings.ts";
import type { Reach } from "./standing.ts";
import { entry, stateKey, type IntentDocument } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { planTargetChange, type TargetPlan } from "./target-change.ts";

/** What barriers work with. */
export interface BarrierParts {
  readonly source: Pick<Source, "positionText" | "comparePositions">;
  readonly sink: Sink;
  readonly router: Router;
  readonly settings: Pick<TaskSettings, "schemaChangeBehavior" | "dropTables" | "fullLoad">;
  readonly committer: Committer;
  readonly book: DeadLetterBook;
  readonly observer: TaskObserver;
  readonly lanes: number;
  readonly tables: ReadonlyMap<string, TableRuntime>;
  readonly generations: Generations;
  /** What the frontier row will say may be forgotten by the source. */
  readonly acknowledged: () => Position | null;
  readonly unseen: () => readonly string[];
  /** Where lanes and frontier stand once everything up to this position is durable. */
  readonly reach: (position: Position) => Reach;
  /** Their rows say this now: who writes them next must not write less. */
  readonly reached: (reach: Reach) => void;
  readonly goneRows: (table: TableRuntime) => GoneRows;
  /** The shape that the source's catalogue has now; null where the table is gone. */
  readonly currentShape: (table: TableRuntime) => Promise<TableShape | null>;
}

const NONE: ReadonlySet<TableId> = new Set();

/** Where messages say that the schema change was. */
function placeOf({ position, transaction = null }: IntentDocument): ChangePlace {
  return { position, transaction };
}

/** What a barrier needs from the task around it: everything stands still while it acts. */
export interface Standstill {
  /** Resolves when all lanes are drained and the table's load has stopped. */
  (table: TableRuntime): Promise<void>;
}

/**
 * Schema changes and TRUNCATE: all lanes and the table's load are drained, an intent is written, the act is made true
 * idempotently, then one transaction over all lanes says that it is done (I2, design/001 "Barriers").
 */
export class Barriers {
  readonly #parts: BarrierParts;
  readonly #intents: BarrierIntents;

  constructor(parts: BarrierParts) {
    this.#parts = parts;
    this.#intents = new BarrierIntents(parts);
  }

  /**
   * True when the item was a barrier that is done now; false when nothing had to be done at the sink. `endsTransaction`:
   * nothing comes behind it in its source transaction.
   */
  async pass(
    item: Exclude<LogItem, { kind: "change" }>,
    standstill: Standstill,
    endsTransaction = false,
  ): Promise<boolean> {
    const id = item.kind === "shape" ? item.shape.id : item.table;
    const table = this.#parts.tables.get(id);
    // What a resume brings is the present shape and all rows; until then the target stays as it is.
    if (table === undefined || table.paused !== null) return false;
    if (item.kind === "truncate") await this.#parts.generations.refuseTruncate(table);
    const isKept = item.kind === "shape" && item.keep === true;
    const intent =
      item.kind === "shape" && table.document.aheadOfLog && !isKept
        ? await this.#behindCatalogue(item, table)
        : this.#intents.of(item, table);
    if (intent === null) {
      if (item.kind === "shape") this.#retell(item, table);
      return false;
    }
    await standstill(table);
    // That may have taken long.
    if (intent.kind === "truncate") await this.#parts.generations.refuseTruncate(table);
    await this.#act(endsTransaction ? { ...intent, endsTransaction } : intent);
    return true;
  }

  /** What rows at a sink do not show messages tell: whether a column may be NULL, and the labels of an enumeration. */
  #retell({ shape }: ShapeChange, table: TableRuntime): void {
    const { sink, router, settings } = this.#parts;
    if (sink.capabilities.lastWriteWins || settings.schemaChangeBehavior === "ignore") return;
    if (table.shape !== shape) return;
    table.update({ targetShape: shape });
    table.retarget(targetsOf(shape, router, sink));
  }

  /**
   * The catalogue told of a shape before the log did. Shapes that the log still brings meanwhile are older as long as
   * the catalogue has not moved on; their rows are fitted to the newer one, which the table keeps. What changed on the
   * way without row events is read again all the same: since the shape was adopted, rows may have come as they were
   * before, or under another name.
   *
   * Nothing would be lost by going back and forth with the log. But readers of the target would lose columns until it has
   * arrived, converted ones would be loaded twice, and a file that refuses schema changes would stop for one that nobody
   * made.
   */
  async #behindCatalogue(item: ShapeChange, table: TableRuntime): Promise<IntentDocument | null> {
    const { shape } = table;
    if (isSame(diffShapes(shape, item.shape))) {
      table.update({ aheadOfLog: false });
      return this.#intents.ofShape(item, table);
    }
    const now = await this.#parts.currentShape(table);
    if (now === null || !isSame(diffShapes(shape, now))) return this.#intents.ofShape(item, table);
    // Rows of another table under this name are left out: nothing of this one came with them.
    if (item.rewritten.length === 0 || item.shape.identity !== shape.identity) return null;
    const intent = this.#intents.ofShape({ ...item, shape }, table);
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
    const found = this.#intents.ofShape(item, table);
    if (found === null) return;
    await this.#act({ ...found, aheadOfLog: true });
  }

  /** Says what is about to be done, before it is done. */
  async #act(intent: IntentDocument): Promise<void> {
    await this.#write(() => [entry(stateKey.intent, intent)]);
    failpoint("barrier.intent");
    // Nobody else has had this intent, and nobody will: what was put away for it may go.
    for (const change of await this.#finish(intent)) await this.#parts.sink.finishChange?.(change);
  }

  /** For an intent that an earlier task left open. Targets that are `gone` are made when the start checks them. */
  async finish(intent: IntentDocument, gone: ReadonlySet<TableId> = NONE): Promise<void> {
    const table = this.#parts.tables.get(intent.table);
    // Who comes to the table may have come since.
    if (table !== undefined && intent.kind === "truncate")
      await this.#parts.generations.refuseTruncate(table, "begun");
    await this.#finish(intent, gone);
  }

  /** Acts and says done; the answer is how targets were changed. */
  async #finish(intent: IntentDocument, gone = NONE): Promise<readonly TargetChange[]> {
    const table = this.#parts.tables.get(intent.table);
    if (table === undefined) {
      await this.#done(intent, () => [], [], []);
      return [];
    }
    let changes: readonly TargetChange[] = [];
    let marks: readonly Write[] = [];
    if (intent.kind === "shape") changes = await this.#reshape(table, intent, gone);
    else if (intent.kind === "drop") await this.#drop(table, intent);
    else if (intent.kind !== "gone") marks = await this.#empty(table, intent, gone);
    failpoint("barrier.acted");
    if (intent.kind === "truncate") table.truncations++;
    const chunks = [...table.chunks.keys()];
    if (intent.kind !== "shape") this.#afterEmptying(table, intent);
    const restarts = table.document.planned === null && !table.document.allPlanned;
    if (restarts) table.chunks.clear();
    const isKept = intent.kind === "gone" || (intent.kind === "shape" && !isMadeAnew(intent));
    const emptied = isKept ? [] : table.targets;
    await this.#done(intent, () => tableEntries(table, chunks), emptied, marks);
    this.#parts.observer.schemaChange({ kind: intent.kind, outcome: "applied" });
    return changes;
  }

  /** What is left to be told once that is done: with the transaction that says so, and so once. */
  async #empty(
    table: TableRuntime,
    { kind, position, transaction = null }: IntentDocument,
    gone: ReadonlySet<TableId>,
  ): Promise<readonly Write[]> {
    await this.#parts.generations.empty(table, gone);
    // What others wrote meanwhile has gone with it, and only now is it known that there was nothing.
    if (kind === "truncate") await this.#parts.generations.refuseTruncate(table, "begun");
    const mark = { kind: "truncate", position, transaction } as const;
    return marksOf(this.#parts.sink.capabilities, table, mark, gone);
  }

  async #reshape(
    table: TableRuntime,
    intent: IntentDocument,
    gone: ReadonlySet<TableId>,
  ): Promise<readonly TargetChange[]> {
    const shape = intent.shape;
    if (shape === null) return [];
    if (this.#parts.settings.schemaChangeBehavior === "ignore") {
      table.update({ shape });
      table.retarget(table.targets);
      if (intent.rows === "moved") this.#restartMoved(table, intent);
      return [];
    }
    const takesLoaded = this.#takesLoaded(table, shape, intent);
    const madeAnew = isMadeAnew(intent);
    if (madeAnew) this.#parts.generations.refuseShared(table, "making anew");
    const plans = this.#plans(table, shape, madeAnew);
    const planned = plans.flatMap((plan) => plan.changes.map((change) => change(intent.tag)));
    const changes = planned.filter(({ kind, table: { id } }) => kind !== "alter" || !gone.has(id));
    const place = placeOf(intent);
    for (const change of changes) await this.#parts.sink.applyChange(change, place);
    table.update({
      shape,
      targetShape: shape,
      targets: plans.map((plan) => plan.target.target.id),
      aheadOfLog: intent.aheadOfLog,
      // One that was made anew is another one, by our own doing.
      ...(changes.some(({ kind }) => kind !== "alter") ? { targetIds: null } : {}),
    });
    table.retarget(plans.map((plan) => plan.target));
    const isNew = madeAnew || changes.some(({ kind }) => kind === "drop");
    if (intent.rows === "moved") this.#restartMoved(table, intent);
    else if (intent.rewritten.length > 0 || takesLoaded || plans.some((plan) => plan.reload))
      this.#parts.generations.restart(table, this.#sweepBehind(table, isNew));
    return changes;
  }

  /**
   * Rows of an older generation that were still to be looked for are still there, unless the target is new. A topic is never
   * new: its readers keep the rows of a table that was dropped, and rows under a key that is none any more.
   */
  #sweepBehind(table: TableRuntime, isNew: boolean): "none" | "due" {
    if (isNew) return this.#parts.goneRows(table) === "told" ? "due" : "none";
    return table.document.sweep === "due" ? "due" : "none";
  }

  /**
   * A table without key was loaded in a newer shape, and the log is still on its way there: the columns that it takes away
   * come back empty, and what the load has seen is left out of the log. With a key, changes of the log fill them again. Or it was
   * loaded in the shape that the log had told, and the catalogue had a column more.
   */
  #takesLoaded(table: TableRuntime, shape: TableShape, { position }: IntentDocument): boolean {
    const { snapshot, end } = table.document;
    if (!table.keyless || snapshot === null || end === null) return false;
    const isSeen = this.#parts.source.comparePositions(position, end) <= 0;
    const { added, dropped } = diffShapes(table.shape, shape);
    return isSeen && added.length + dropped.length > 0;
  }

  /** Rows that the source has no more are looked for, or told of; where nothing of the table was ever told there are none. */
  #restartMoved(table: TableRuntime, { asked }: IntentDocument): void {
    const { nextChunk, repeated = false, sweep } = table.document;
    const gone = this.#parts.goneRows(table);
    const isUntouched = nextChunk === 0 && !repeated && sweep !== "due";
    const isFirst = gone === "told" && asked === true && isUntouched;
    this.#parts.generations.restart(table, gone === "stay" || isFirst ? "none" : "due");
  }

  #plans(table: TableRuntime, shape: TableShape, madeAnew: boolean): TargetPlan[] {
    const next: readonly RouteTarget[] = targetsOf(shape, this.#parts.router, this.#parts.sink);
    return next.map((target) => {
      const before = table.targets.find((t) => t.target.id === target.target.id) ?? null;
      return planTargetChange(before, target, madeAnew);
    });
  }

  async #drop(table: TableRuntime, intent: IntentDocument): Promise<void> {
    this.#parts.generations.refuseShared(table, "DROP TABLE");
    for (const { target } of table.targets)
      await this.#parts.sink.applyChange(
        { kind: "drop", table: target, tag: intent.tag },
        placeOf(intent),
      );
  }

  #afterEmptying(table: TableRuntime, intent: IntentDocument): void {
    if (intent.shape !== null) {
      // Schema changes are ignored: the targets stay as they are, their rows were another table's.
      table.update({ shape: intent.shape });
      table.retarget(table.targets);
      return this.#parts.generations.restart(table, "none");
    }
    if (table.document.state !== "INIT_SYNC") return;
    if (intent.kind !== "truncate") return endLoad(table, intent);
    // Where nothing is to be loaded and nothing was, the log alone tells what is there.
    if (this.#parts.settings.fullLoad || table.document.nextChunk > 0)
      this.#parts.generations.restart(table, "none");
  }

  #write(state: () => readonly StateEntry[]): Promise<unknown> {
    return this.#parts.committer.commit([0], {
      writes: [],
      state,
      deadLetters: [],
      superseded: [],
    });
  }

  /** All lanes' checkpoints have the barrier's position, from the transaction on that takes the intent away. */
  async #done(
    intent: IntentDocument,
    state: () => readonly StateEntry[],
    emptied: readonly RouteTarget[],
    writes: readonly Write[],
  ): Promise<void> {
    const superseded = emptied.flatMap(({ target }) =>
      this.#parts.book.keysOf(target.id).map((key) => ({ target: target.id, key })),
    );
    const lanes = Array.from({ length: this.#parts.lanes }, (_, lane) => lane);
    const reach = this.#parts.reach(intent.position);
    const { endsTransaction = false } = intent;
    await this.#parts.committer.commit(lanes, {
      writes,
      ...(endsTransaction ? { endsTransaction } : {}),
      state: () => [
        entry(stateKey.intent, null),
        ...lanes.map((lane) => ({
          key: stateKey.checkpoint(lane),
          value: reach.lanes[lane] ?? reach.frontier,
        })),
        entry(stateKey.frontier, {
          v: 1,
          position: reach.frontier,
          acknowledge: intent.acknowledge,
          unseen: this.#parts.unseen(),
        }),
        ...state(),
      ],
      deadLetters: [],
      superseded,
      landed: () => this.#parts.reached(reach),
    });
    for (const { target, key } of superseded) this.#parts.book.remove(target, key);
    failpoint("barrier.done");
  }
}

/** Nothing is left to be read of it: a load would ask for a table that is gone for ever. */
function endLoad(table: TableRuntime, { position }: IntentDocument): void {
  table.chunks.clear();
  table.update({
    planned: null,
    allPlanned: true,
    end: position,
    snapshot: null,
    sweep: "none",
    outdated: false,
  });
}

/** Another table has the name: by its identity, or as the log said. */
function isMadeAnew({ previous, shape, rows }: IntentDocument): boolean {
  return rows === "anew" || (previous !== null && previous.identity !== shape?.identity);
}
