import type { TargetCheck } from "../model/sink.ts";
import type { TableId, TargetTable } from "../model/table.ts";
import type { TargetOutcomes } from "./compaction.ts";
import type { Checks, LaneChoice } from "./lane-choice.ts";
import type { TableRuntime } from "./table-runtime.ts";

/** What targets' constraints besides their keys ask of the order of writes in one transaction (design/002). */
export class ConstraintOrder {
  readonly #checks: Checks;
  readonly #choice: LaneChoice;
  readonly #tables: ReadonlyMap<TableId, TableRuntime>;
  readonly #ranks = new Map<TableId, number>();
  readonly #linked: boolean;

  constructor(checks: Checks, choice: LaneChoice, tables: ReadonlyMap<TableId, TableRuntime>) {
    this.#checks = checks;
    this.#choice = choice;
    this.#tables = tables;
    for (const id of checks.keys()) this.#ranks.set(id, this.#rankOf(id, new Set()));
    this.#linked = [...this.#ranks.values()].some((rank) => rank > 0);
  }

  /** Rows of other keys decide whether the target takes a row. */
  binds(target: TableId): boolean {
    return this.#choice.isGrouped(target);
  }

  /** The target is known to have such constraints, whether its rows share a lane already or not. */
  isKnown(target: TableId): boolean {
    const check = this.#checks.get(target);
    return check !== undefined && hasConstraints(check);
  }

  /** Targets of ours that its foreign keys point at, other than itself. */
  parentsOf(target: TableId): TableId[] {
    const parents = this.#checks.get(target)?.parents ?? [];
    return parents.filter((id) => id !== target && this.#checks.has(id));
  }

  /** Other tables of the run that share a lane with this one: whether a row is taken depends on theirs too. */
  linkedWith(table: TableRuntime): TableRuntime[] {
    const groupsOf = ({ targets }: TableRuntime) =>
      targets.flatMap(({ target }) => this.#choice.groups[target.id] ?? []);
    const own = new Set(groupsOf(table));
    if (own.size === 0) return [];
    return [...this.#tables.values()].filter(
      (other) => other !== table && !other.leftOut && groupsOf(other).some((one) => own.has(one)),
    );
  }

  /** 0 for targets that point at none of ours; more than that of its parents, where there is no circle. */
  rankOf(target: TableId): number {
    return this.#ranks.get(target) ?? 0;
  }

  /** Rows of the table point at rows that are not loaded yet: their load comes first. */
  mustWait(table: TableRuntime): boolean {
    return this.loadsBehind(table).some(({ document, chunks }) => {
      const { state, allPlanned } = document;
      return state !== "SYNC" && (!allPlanned || chunks.size > 0);
    });
  }

  /** Tables of the run that rows of this one point at, circles aside. */
  loadsBehind(table: TableRuntime): TableRuntime[] {
    if (!this.#linked) return [];
    const parents = new Set(
      table.targets.flatMap(({ target }) =>
        this.parentsOf(target.id).filter((id) => this.rankOf(id) < this.rankOf(target.id)),
      ),
    );
    if (parents.size === 0) return [];
    return [...this.#tables.values()].filter(
      (other) => !other.leftOut && other.targets.some((t) => parents.has(t.target.id)),
    );
  }

  /** A row may be deleted and inserted anew within one transaction. */
  isReplaceable(target: TableId): boolean {
    return this.#checks.get(target)?.irreplaceable !== true;
  }

  /** Writes of one transaction in an order that foreign keys allow: deletes children first, then rows parents first. */
  arrange(targets: Map<TargetTable, TargetOutcomes>): readonly Map<TargetTable, TargetOutcomes>[] {
    if (!this.#linked || targets.size < 2) return [targets];
    const parentsFirst = [...targets].sort(([a], [b]) => this.rankOf(a.id) - this.rankOf(b.id));
    return [
      new Map(parentsFirst.toReversed().map(([table, all]) => [table, only(all, true)])),
      new Map(parentsFirst.map(([table, all]) => [table, only(all, false)])),
    ];
  }

  #rankOf(id: TableId, above: ReadonlySet<TableId>): number {
    const known = this.#ranks.get(id);
    if (known !== undefined) return known;
    const parents = this.parentsOf(id).filter((parent) => !above.has(parent));
    const seen = new Set([...above, id]);
    return Math.max(0, ...parents.map((parent) => this.#rankOf(parent, seen) + 1));
  }
}

/** Rows of other keys may decide whether a row is taken. */
export function hasConstraints({ secondaryUnique, parents = [] }: TargetCheck): boolean {
  return secondaryUnique || parents.length > 0;
}

function only(outcomes: TargetOutcomes, removed: boolean): TargetOutcomes {
  return new Map([...outcomes].filter(([, { write }]) => (write === "remove") === removed));
}
