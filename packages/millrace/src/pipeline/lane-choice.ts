import type { Json } from "../model/position.ts";
import type { TargetCheck } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import { laneOf } from "./lane-hash.ts";
import type { PipelineDocument } from "./state-documents.ts";

/** Targets whose rows share one lane, each with the name of its group. Stored with the number of lanes. */
export type LaneGroups = Readonly<Record<string, string>>;

/**
 * The lane of a key: by the key, or, where a target's constraints bind rows of several keys, one for the whole group of
 * targets (design/002). Number and groups are stored at the sink, so that a key never changes lane (I2).
 */
export class LaneChoice {
  readonly lanes: number;
  readonly groups: LaneGroups;
  readonly #any: boolean;

  constructor(lanes: number, groups: LaneGroups) {
    this.lanes = lanes;
    this.groups = groups;
    this.#any = Object.keys(groups).length > 0;
  }

  /** Hot path: once per change. */
  laneOf(target: TableId, key: string): number {
    if (!this.#any) return laneOf(target, key, this.lanes);
    const group = this.groups[target];
    return group === undefined ? laneOf(target, key, this.lanes) : laneOf(group, group, this.lanes);
  }

  /** All rows of the target are in one lane, whatever their keys. */
  isGrouped(target: TableId): boolean {
    return this.#any && this.groups[target] !== undefined;
  }

  /** Constraints bind rows of some target to one another. */
  get binds(): boolean {
    return this.#any;
  }

  /** The same keys have the same lanes. */
  equals(other: LaneChoice): boolean {
    const names = Object.keys(this.groups);
    return (
      this.lanes === other.lanes &&
      names.length === Object.keys(other.groups).length &&
      names.every((target) => this.groups[target] === other.groups[target])
    );
  }
}

/** The pipeline's document. */
export function pipelineDocument(identity: Json, { lanes, groups }: LaneChoice): PipelineDocument {
  const any = Object.keys(groups).length > 0;
  return { v: 1, identity, lanes, ...(any ? { laneGroups: groups } : {}) };
}

/** What the sink says about each target's constraints besides its key. */
export type Checks = ReadonlyMap<TableId, TargetCheck>;

/** A group for each target that has such constraints: linked by foreign keys, or alone. */
export function groupsOf(checks: Checks): LaneGroups {
  const groups: Record<string, string> = {};
  for (const id of [...checks.keys()].sort()) {
    const check = checks.get(id);
    if (check === undefined || groups[id] !== undefined) continue;
    const linked = reach(checks, id);
    if (linked.length === 1 && !check.secondaryUnique && !linksTo(checks, id, id)) continue;
    for (const member of linked) groups[member] = id;
  }
  return groups;
}

/** Targets of ours that foreign keys lead to from one of them, in either direction. */
function reach(checks: Checks, from: TableId): TableId[] {
  const found = new Set([from]);
  for (const id of found) {
    for (const other of checks.keys())
      if (linksTo(checks, id, other) || linksTo(checks, other, id)) found.add(other);
  }
  return [...found];
}

function linksTo(checks: Checks, from: TableId, to: TableId): boolean {
  const check = checks.get(from);
  return check !== undefined && (check.parents ?? []).includes(to);
}
