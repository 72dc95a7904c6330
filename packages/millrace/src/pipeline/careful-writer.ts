import { MillraceError } from "../errors/millrace-error.ts";
import type { Refusal } from "../model/dead-letter.ts";
import type { CommitResult } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { ARRANGEMENTS, deletesOf, type Arrangement } from "./arrangement.ts";
import type { BatchContent } from "./batch-content.ts";
import { byTransaction, middle } from "./batch-cuts.ts";
import { compact, type TargetOutcomes } from "./compaction.ts";
import type { ConstraintOrder } from "./constraint-order.ts";
import { isOfLog, ReplayItem, type RowItem } from "./lane-item.ts";
import { letterKeyOf, refusalOf } from "./letter.ts";
import { PUT_OFF } from "./put-off.ts";
import type { TableRuntime } from "./table-runtime.ts";

type Known = ReadonlyMap<RowItem, Row | null>;
type Targets = Map<TargetTable, TargetOutcomes>;

/** What it needs of the writer of whole batches. */
export interface CarefulParts {
  readonly order: ConstraintOrder;
  readonly content: () => BatchContent;
  readonly commit: (items: readonly RowItem[], content: BatchContent) => Promise<CommitResult>;
  /** Sends items as a batch without looking at constraints; rejects with the sink's refusal. */
  readonly sendWhole: (items: readonly RowItem[]) => Promise<void>;
  /**
   * Rows of the source for items whose row the sink cannot complete, in place of what a change left out (I9); `known` and
   * what was read.
   */
  readonly complete: (targets: Targets, known: Known) => Promise<Known>;
  readonly read: (items: readonly RowItem[]) => Promise<Map<RowItem, Row | null>>;
  /** Rows can be read at the source: what is put off can be read again. */
  readonly readsRows: () => boolean;
  /** A row is about to be put off: see `put-off.ts`. */
  readonly putOff: (table: TableRuntime, target: TargetTable) => Promise<void>;
  /** Rejects where the target has constraints that are newer than the run, whose rows have a lane each still. */
  readonly refuseNewer: (target: TargetTable) => Promise<void>;
  /** `known`, and the rows that a commit turned out to miss. */
  readonly missing: (
    content: BatchContent,
    result: Extract<CommitResult, { outcome: "missing" }>,
    known: Known,
  ) => Promise<Known>;
}

interface Refused {
  readonly error: MillraceError;
  /** The change that the sink refuses; null where it does not say. */
  readonly item: RowItem | null;
}

/** What may still come to the rows of a source transaction. */
interface Prospect {
  /** They may be asked for again, with more of the lane. */
  readonly patient: boolean;
  /** Behind them it goes on: constraints that it obeys at its end may refuse what is here of it. */
  readonly isOpen: boolean;
}

/** Rows of a load that are sent one by one; more are halved first. */
const MAX_ONE_BY_ONE = 64;
/** How many of these are found to be in the way of others before the rest is halved. */
const MAX_SINGLED_OUT = 8;

/**
 * Writes a batch that the sink has refused where rows of other keys may be the reason: whole source transactions, first
 * in the source's order, then as deletes of all their keys and inserts of what is left, then as what their keys come to with
 * the deletes behind (design/002). What constraints refuse waits for the rest of its transaction and for the other lanes
 * before it is parked (I1).
 */
export class CarefulWriter {
  readonly #parts: CarefulParts;
  /** Rows of the source that this batch has asked for: each attempt asks for what those before it have not. */
  #known: Known = new Map();

  constructor(parts: CarefulParts) {
    this.#parts = parts;
  }

  /** A batch that was refused like this must not be halved: half of an exchange of values is never right. */
  isFor(items: readonly RowItem[], error: MillraceError): boolean {
    if (error.code === "MR_SINK_CONSTRAINT") return true;
    return (
      error.class === "row" && items.some(({ route }) => this.#parts.order.binds(route.target.id))
    );
  }

  /**
   * How many items, from the front, are durable or parked: fewer than all only where `patient`, to be asked again. `ends`:
   * behind them no source transaction is open.
   */
  async write(
    items: readonly RowItem[],
    { patient, ends }: { readonly patient: boolean; readonly ends: boolean },
  ): Promise<number> {
    let done = 0;
    this.#known = new Map();
    const groups = byTransaction(items);
    const mayBeOpen = !ends && this.#parts.readsRows();
    const open = mayBeOpen ? groups.findLast(isOfTransaction) : undefined;
    for (const group of groups) {
      const prospect = { patient, isOpen: group === open };
      if (group.every((item) => this.#canBePutOff(item))) await this.#load(group);
      else if (!(await this.#settle(group, prospect))) return done;
      done += group.length;
    }
    return done;
  }

  /** Rows of a table that is being loaded: any of them may be put off, so that they may be cut apart. */
  async #load(items: readonly RowItem[]): Promise<void> {
    let refused = await this.#sendWhole(items);
    if (refused?.code === "MR_SINK_CONSTRAINT") refused = await this.#loadReplaced(items);
    if (refused === null) return;
    const cut = middle(items);
    if (cut === 0) return this.#giveUp(items, refused);
    await this.#load(items.slice(0, cut));
    await this.#load(items.slice(cut));
  }

  /** As deletes and inserts, without the few rows that others are in the way of; null where that was enough. */
  async #loadReplaced(items: readonly RowItem[]): Promise<MillraceError | null> {
    const given = new Map<RowItem, Refusal>();
    let refused = await this.#try(items, given, "replaced");
    if (items.length > MAX_ONE_BY_ONE) return refused?.error ?? null;
    while (refused !== null && given.size <= MAX_SINGLED_OUT) {
      refused = await this.#try(items, given, "replaced one by one");
      if (refused?.item === null || refused?.error.code !== "MR_SINK_CONSTRAINT") break;
      await this.#putOff(refused.item);
      given.set(refused.item, PUT_OFF);
    }
    return refused?.error ?? null;
  }

  async #sendWhole(items: readonly RowItem[]): Promise<MillraceError | null> {
    try {
      await this.#parts.sendWhole(items);
      return null;
    } catch (thrown) {
      return refusalIn(thrown);
    }
  }

  /** True once all are durable, but for those that are parked; false to be asked again with more of the lane. */
  async #settle(items: readonly RowItem[], prospect: Prospect): Promise<boolean> {
    const given = new Map<RowItem, Refusal>();
    for (;;) {
      const refused = await this.#attempt(items, given);
      if (refused === null) return true;
      const { error, item } = refused;
      const bound = error.code === "MR_SINK_CONSTRAINT";
      const putOff = bound && item !== null && this.#mayBeTakenLater(item, prospect);
      if (bound && prospect.patient && !putOff) return false;
      if (item === null || given.has(item)) {
        await this.#halve(items, error, prospect);
        return true;
      }
      if (putOff) await this.#putOff(item);
      else if (bound) await this.#beforeParking(item);
      given.set(item, putOff ? PUT_OFF : refusalOf(error, item));
      // One attempt for each would be too many.
      if (given.size > MAX_SINGLED_OUT && items.every((one) => this.#canBePutOff(one))) {
        await this.#load(items);
        return true;
      }
    }
  }

  async #halve(
    items: readonly RowItem[],
    error: MillraceError,
    { isOpen }: Prospect,
  ): Promise<void> {
    const cut = middle(items);
    const prospect = { patient: false, isOpen };
    if (cut === 0) return this.#giveUp(items, error, prospect);
    await this.#settle(items.slice(0, cut), prospect);
    await this.#settle(items.slice(cut), prospect);
  }

  async #giveUp(
    items: readonly RowItem[],
    error: MillraceError,
    prospect: Prospect = { patient: false, isOpen: false },
  ): Promise<void> {
    const content = this.#parts.content();
    for (const item of items) {
      const bound = error.code === "MR_SINK_CONSTRAINT";
      const putOff = bound && this.#mayBeTakenLater(item, prospect);
      if (putOff) await this.#putOff(item);
      else if (bound) await this.#beforeParking(item);
      content.park(item, putOff ? PUT_OFF : refusalOf(error, item));
    }
    await this.#parts.commit(items, content);
  }

  /**
   * The load of its table is not over, or its rows are in several lanes still (an index that is newer than this run): it
   * may be tried again when that is over, where it can be read again.
   */
  #canBePutOff(item: RowItem): boolean {
    const { table, route } = item;
    if (table.keyless || isLastTry(item) || !this.#parts.readsRows()) return false;
    return table.early || !this.#parts.order.binds(route.target.id);
  }

  /**
   * Or, once there is nothing more to wait for: the rest of its transaction comes behind it, what refuses it may have left
   * the source with a part of its table, or a table that it is linked with is not what the source has.
   */
  #mayBeTakenLater(item: RowItem, { patient, isOpen }: Prospect): boolean {
    const { table } = item;
    if (this.#canBePutOff(item)) return true;
    if (patient || !this.#parts.readsRows()) return false;
    // Its load begins by emptying it, letters and all, and brings the row.
    if (table.keyless) return isOfLog(item) && table.early && !table.document.allPlanned;
    if (isOpen && isOfLog(item)) return true;
    const linked = this.#parts.order.linkedWith(table);
    if (isOfLog(item) && [table, ...linked].some(({ hasParts }) => hasParts)) return true;
    if (isLastTry(item)) return false;
    return linked.some((other) => other.early);
  }

  #putOff(item: RowItem): Promise<void> {
    const { table, route } = item;
    if (isOfLog(item)) table.putOffs++;
    return this.#parts.putOff(table, route.target);
  }

  /** What has no key is put off by nobody. Where its constraints are newer than the run, the next one gives it their lane. */
  async #beforeParking({ table, route }: RowItem): Promise<void> {
    if (table.keyless) await this.#parts.refuseNewer(route.target);
  }

  async #attempt(
    items: readonly RowItem[],
    given: ReadonlyMap<RowItem, Refusal>,
  ): Promise<Refused | null> {
    let refused: Refused | null = null;
    for (const how of ARRANGEMENTS) {
      refused = await this.#try(items, given, how);
      // What is wrong with a row by itself is wrong in any order.
      if (
        refused === null ||
        (refused.item !== null && refused.error.code !== "MR_SINK_CONSTRAINT")
      )
        return refused;
    }
    return refused;
  }

  /** One transaction. @throws what is no refusal of data. */
  async #try(
    items: readonly RowItem[],
    given: ReadonlyMap<RowItem, Refusal>,
    how: Arrangement,
  ): Promise<Refused | null> {
    for (;;) {
      const content = this.#parts.content();
      try {
        if (how === "in order") await this.#inOrder(content, items, given);
        else await this.#replaced(content, items, given, how);
        const result = await this.#parts.commit(items, content);
        if (result.outcome === "done") return null;
        this.#known = await this.#parts.missing(content, result, this.#known);
      } catch (thrown) {
        const error = refusalIn(thrown);
        const write = error.facts["write"];
        const outcomes = typeof write === "number" ? content.outcomesOf[write] : undefined;
        const [only, ...others] = outcomes ?? [];
        return { error, item: others.length === 0 ? (only?.item ?? null) : null };
      }
    }
  }

  /** Every change a statement of its own, as the source did them; what has to be read is read for all of them at once. */
  async #inOrder(
    content: BatchContent,
    items: readonly RowItem[],
    given: ReadonlyMap<RowItem, Refusal>,
  ): Promise<void> {
    const apart: Targets = new Map();
    for (const [i, item] of items.entries()) {
      const { target } = item.route;
      if (given.has(item) || target.keyless) continue;
      const those: TargetOutcomes = apart.get(target) ?? new Map();
      apart.set(target, those.set(String(i), item));
    }
    this.#known = await this.#parts.complete(apart, this.#known);
    for (const [i, item] of items.entries()) {
      const { target } = item.route;
      const why = given.get(item);
      const outcome = apart.get(target)?.get(String(i));
      if (why !== undefined) content.park(item, why);
      else if (outcome === undefined) content.addKeyless([item], this.#known);
      else content.addKeyed(new Map([[target, new Map([[item.key, outcome]])]]));
    }
  }

  /**
   * What the keys come to: all of them deleted, where that loses nothing, and inserted anew; or rows in place, and those
   * that go behind them.
   */
  async #replaced(
    content: BatchContent,
    items: readonly RowItem[],
    given: ReadonlyMap<RowItem, Refusal>,
    how: Arrangement,
  ): Promise<void> {
    const { order } = this.#parts;
    const live = items.filter((item) => !given.has(item) && !item.route.target.keyless);
    const targets = compact(live);
    const known = await this.#readPatches(targets);
    this.#known = await this.#parts.complete(targets, known);
    const later = this.#parkOvertaken(content, live, items, given);
    const parentsFirst = [...targets].sort(([a], [b]) => order.rankOf(a.id) - order.rankOf(b.id));
    const isLast = how === "deletes last";
    const deletes = () => {
      for (const [table, outcomes] of parentsFirst.toReversed())
        content.addKeyed(
          new Map([[table, deletesOf(table, outcomes, !isLast && order.isReplaceable(table.id))]]),
        );
    };
    if (!isLast) deletes();
    for (const [table, outcomes] of parentsFirst) {
      const rows = [...outcomes].filter(([, { write }]) => write !== "remove");
      const parts = how === "replaced one by one" ? rows.map((row) => [row]) : [rows];
      for (const part of parts) content.addKeyed(new Map([[table, new Map(part)]]));
    }
    if (isLast) deletes();
    for (const item of later) content.park(item, given.get(item) ?? PUT_OFF);
    const keyless = items.filter((item) => item.route.target.keyless);
    for (const item of keyless) {
      const why = given.get(item);
      if (why === undefined) content.addKeyless([item], this.#known);
      else content.park(item, why);
    }
  }

  /** Changes that are given up, but have a newer one of their key behind them. The others are the answer. */
  #parkOvertaken(
    content: BatchContent,
    live: readonly RowItem[],
    items: readonly RowItem[],
    given: ReadonlyMap<RowItem, Refusal>,
  ): RowItem[] {
    const newest = new Map(live.map((item) => [nameOf(item), items.indexOf(item)]));
    const keyed = [...given].filter(([item]) => !item.route.target.keyless);
    const isOvertaken = (item: RowItem) => (newest.get(nameOf(item)) ?? -1) > items.indexOf(item);
    for (const [item, why] of keyed) if (isOvertaken(item)) content.park(item, why);
    return keyed.map(([item]) => item).filter((item) => !isOvertaken(item));
  }

  /** A row that is deleted and inserted anew has to be whole. */
  async #readPatches(targets: Targets): Promise<Known> {
    const known = this.#known;
    const wanted = [...targets]
      .filter(([table]) => this.#parts.order.isReplaceable(table.id))
      .flatMap(([, outcomes]) => [...outcomes.values()])
      .filter(({ write, item }) => write === "patch" && !known.has(item))
      .map(({ item }) => item);
    return wanted.length === 0 ? known : new Map([...known, ...(await this.#parts.read(wanted))]);
  }
}

/** What is refused beside a last round is given up like what that has read, but for rows that it spares. */
function isLastTry(item: RowItem): boolean {
  const { table, route } = item;
  if (!(item instanceof ReplayItem)) return table.lastRound;
  return table.givesUp(route.target.id, letterKeyOf(item));
}

/** @throws what is no refusal of data. */
function refusalIn(thrown: unknown): MillraceError {
  if (thrown instanceof MillraceError && (thrown.class === "row" || thrown.class === "too-large"))
    return thrown;
  throw thrown;
}

/** Rows of the log, of a source that has transactions. */
function isOfTransaction([first]: readonly RowItem[]): boolean {
  return first !== undefined && isOfLog(first) && first.change.transaction !== null;
}

function nameOf({ route, key }: RowItem): string {
  return `${route.target.id}\u0000${key}`;
}
