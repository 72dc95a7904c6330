import { createHash } from "node:crypto";
import { writeSchemaChange } from "../../formats/schema-changes.ts";
import type { ChangePlace, TargetChange } from "../../model/sink.ts";
import type { SourceBlock } from "../../model/source-block.ts";
import type { TableId, TargetTable } from "../../model/table.ts";
import type { SideOutput } from "./side-output.ts";
import type { SideTeller } from "./side-teller.ts";
import { shapeRecord, type StateRecord, type TaskState } from "./state-records.ts";

/**
 * Shapes of tables as they come to hold: with the transaction that says that a schema change is done, or, of a table that
 * nobody was told of, before its first row. The state topic keeps which shape was told last, so that none is told twice.
 */
export class SchemaTeller implements SideTeller {
  readonly #task: string;
  readonly #output: SideOutput;
  readonly #block: SourceBlock;
  readonly #digests = new WeakMap<TargetTable, string>();
  /** What was told of each target; null: that it is gone. */
  readonly #told = new Map<TableId, string | null>();
  readonly #telling = new Map<TableId, string | null>();
  /** Of which nothing durable says yet that they are done. One that was told all the same is not told again. */
  #applied: { readonly change: TargetChange; readonly place: ChangePlace | null }[] = [];

  constructor(task: string, output: SideOutput, block: SourceBlock) {
    this.#task = task;
    this.#output = output;
    this.#block = block;
  }

  /** See {@link SideTeller.restore}. */
  restore({ shapes }: TaskState): void {
    this.#told.clear();
    for (const [target, digest] of shapes) this.#told.set(target, digest);
    this.undone();
  }

  /** See {@link SideTeller.applied}. */
  applied(change: TargetChange, place: ChangePlace | null = null): void {
    this.#applied.push({ change, place });
  }

  /** See {@link SideTeller.begin}. */
  begin(_commit: unknown, nowMs: number): void {
    for (const { change, place } of this.#applied)
      if (change.kind === "drop") this.#dropped(change, place, nowMs);
      else this.#shaped(change.table, place, nowMs);
  }

  /** See {@link SideTeller.table}. */
  table(table: TargetTable, nowMs: number): void {
    this.#shaped(table, null, nowMs);
  }

  #shaped(table: TargetTable, place: ChangePlace | null, nowMs: number): void {
    const digest = this.#digestOf(table);
    const before = this.#last(table.id);
    if (before === digest) return;
    const none = { renames: [], drops: [], replaces: [], tag: "" };
    this.#tell(
      before === null ? { kind: "create", table } : { kind: "alter", table, ...none },
      digest,
      place,
      nowMs,
    );
  }

  /** See {@link SideTeller.end}. */
  end(): readonly StateRecord[] {
    return [...this.#telling].map(([target, digest]) => shapeRecord(this.#task, target, digest));
  }

  /** See {@link SideTeller.done}. */
  done(): void {
    for (const [target, digest] of this.#telling) this.#told.set(target, digest);
    this.#telling.clear();
    this.#applied = [];
  }

  /** See {@link SideTeller.undone}. */
  undone(): void {
    this.#telling.clear();
  }

  #dropped(change: TargetChange, place: ChangePlace | null, nowMs: number): void {
    if (this.#last(change.table.id) !== null) this.#tell(change, null, place, nowMs);
  }

  #tell(
    change: TargetChange,
    digest: string | null,
    place: ChangePlace | null,
    nowMs: number,
  ): void {
    const { table } = change;
    writeSchemaChange({ change, place, nowMs }, this.#block, this.#output.key, this.#output.value);
    this.#output.message(nowMs);
    this.#telling.set(table.id, digest);
  }

  #last(target: TableId): string | null {
    const telling = this.#telling.get(target);
    return telling === undefined ? (this.#told.get(target) ?? null) : telling;
  }

  #digestOf(table: TargetTable): string {
    const known = this.#digests.get(table);
    if (known !== undefined) return known;
    const columns = table.columns.map(({ name, sourceType, logical, nullable }) => [
      name,
      sourceType ?? logical.kind,
      nullable,
    ]);
    const text = JSON.stringify([columns, table.keyless ? [] : table.key]);
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
    this.#digests.set(table, digest);
    return digest;
  }
}
