import type { Position } from "../../model/position.ts";
import { stateKey } from "../../pipeline/state-documents.ts";
import type { SinkDatabase } from "../../pipeline/simulation/sink-database.ts";
import { durableRows, type StoredRow } from "../../pipeline/simulation/sink-tables.ts";
import { Violation } from "../../pipeline/simulation/violation.ts";
import { parsePosition, WHOLE } from "../../sources/kafka/position.ts";
import { shareParts } from "../../sources/kafka/topic-table.ts";
import { tableId } from "../../model/table.ts";
import { foldedRows } from "./folded-rows.ts";
import type { ModelCluster } from "./model-cluster.ts";
import type { TopicPlan } from "./workload.ts";

interface OracleParts {
  readonly cluster: ModelCluster;
  readonly plans: readonly TopicPlan[];
  /** One lane: what is at the sink is a prefix of the partition at any moment. */
  readonly isPrefix: boolean;
}

/** What the sink has to be: at each moment the fold of what its own checkpoint says was read of the partition. */
export class TopicOracle {
  readonly #parts: OracleParts;
  readonly #reached = new Map<string, Position>();

  constructor(parts: OracleParts) {
    this.#parts = parts;
  }

  /** A transaction became durable. @throws Violation */
  landed(share: string, db: SinkDatabase): void {
    const position = db.durable(`state/${stateKey.checkpoint(0)}`) as Position | undefined;
    if (position === undefined || !this.#parts.isPrefix) return;
    const [offset, step] = parsePosition(position);
    const before = this.#reached.get(share);
    if (before !== undefined && compare(position, before) < 0)
      throw new Violation(
        `${share}: the checkpoint goes back from ${text(before)} to ${text(position)}`,
      );
    this.#reached.set(share, position);
    this.#check(share, db, step === WHOLE ? offset + 1 : offset);
  }

  /** Everything that is committed is at the sink. @throws Violation */
  checkEnd(databases: ReadonlyMap<string, SinkDatabase>): void {
    for (const { name } of this.#parts.plans)
      for (const [partition, { end, committed }] of this.#parts.cluster
        .partitions(name)
        .entries()) {
        const share = `${name}-${partition}`;
        const db = databases.get(share);
        if (db !== undefined) this.#check(share, db, end);
        else if (committed.length > 0) throw new Violation(`nobody has read ${share}`);
      }
  }

  #check(share: string, db: SinkDatabase, to: number): void {
    const { cluster, plans } = this.#parts;
    const { topic, partition } = shareParts(share);
    const plan = plans.find(({ name }) => name === topic);
    const log = cluster.partitions(topic)[partition];
    if (plan === undefined || log === undefined) throw new Violation(`there is no ${share}`);
    // What compaction took is seen by who was quick alone: until the end nobody can say.
    if (plan.compacts && to < log.end) return;
    const read = log.committed.filter(({ offset }) => offset < to);
    const wanted = [...foldedRows(read, plan).values()].map(rowText);
    const stored = durableRows(db, { id: tableId("copy", plan.table) });
    const found = [...stored.values()].map(storedText);
    const [missing, more] = [without(wanted, found), without(found, wanted)];
    if (missing.length + more.length > 0)
      throw new Violation(
        `${share} up to ${to}: the sink lacks ${missing.join(" ")}, and has ${more.join(" ")} beside`,
      );
  }
}

function compare(a: Position, b: Position): number {
  const [offset, step] = parsePosition(a);
  const [other, otherStep] = parsePosition(b);
  return offset === other ? step - otherStep : offset - other;
}

function text(position: Position): string {
  return parsePosition(position).join("/");
}

function rowText({ id, v, w }: Readonly<Record<string, string | null>>): string {
  return JSON.stringify([id, v, w]);
}

function storedText(row: StoredRow): string {
  return JSON.stringify(
    ["id", "v", "w"].map((name) =>
      row[name] === undefined || row[name] === null ? null : String(row[name]),
    ),
  );
}

/** Of `some` those that are not among `others`, each as often. */
function without(some: readonly string[], others: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const other of others) left.set(other, (left.get(other) ?? 0) + 1);
  return some.filter((one) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count <= 0;
  });
}
