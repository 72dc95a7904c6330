import type { TableId } from "../../model/table.ts";
import type { DdlEffect } from "./ddl-effect.ts";
import type { MysqlShape } from "./ddl-shape.ts";

/** What a statement comes to for one captured table, all of its parts taken together. */
export type Outcome =
  | { readonly kind: "dropped"; readonly renamedTo?: TableId }
  | { readonly kind: "truncated" }
  | {
      readonly kind: "shape";
      /** Null where only the catalogue can tell. */
      readonly shape: MysqlShape | null;
      /** Columns, by their names, of which existing rows may have other values that no row event tells. */
      readonly rewritten: readonly string[];
      /** As `ShapeChange.rows`. */
      readonly rows: "same" | "moved" | "anew";
    };

/** What is known of a captured table before the statement. */
export interface OutcomeTables {
  /** Captured names that a table has, or had. */
  isCaptured(id: TableId): boolean;
  /** There is a table of this name. */
  exists(id: TableId): boolean;
  shape(id: TableId): MysqlShape | undefined;
  /** Captured tables of a database. */
  ofDatabase(database: string): readonly TableId[];
}

type ShapeOutcome = Extract<Outcome, { kind: "shape" }>;

/** Pure: what a statement's effects come to, by captured table, in the order in which it came to them. */
export function outcomesOf(
  effects: readonly DdlEffect[],
  tables: OutcomeTables,
): ReadonlyMap<TableId, Outcome> {
  const outcomes = new Outcomes(tables);
  for (const effect of effects) outcomes.take(effect);
  return outcomes.byTable;
}

class Outcomes {
  readonly byTable = new Map<TableId, Outcome>();
  readonly #tables: OutcomeTables;

  constructor(tables: OutcomeTables) {
    this.#tables = tables;
  }

  take(effect: DdlEffect): void {
    switch (effect.kind) {
      case "created":
        if (!effect.ifNotExists || !this.#exists(effect.shape.id))
          this.#anew(effect.shape.id, effect.shape);
        return;
      case "altered":
        return this.#altered(effect);
      case "renamed":
        return this.#renamed(effect);
      case "dropped":
        return this.#set(effect.id, { kind: "dropped" });
      case "truncated":
        return this.#set(effect.id, { kind: "truncated" });
      case "moved":
        return this.#moved(effect.id);
      case "databaseDropped":
        for (const id of this.#tables.ofDatabase(effect.database))
          this.#set(id, { kind: "dropped" });
        return;
      case "unknown":
        for (const id of effect.tables)
          this.#set(id, { kind: "shape", shape: null, rewritten: [], rows: "moved" });
        return;
      case "databaseCharset":
        return;
    }
  }

  /** Of tables that are captured alone. */
  #set(id: TableId, outcome: Outcome): void {
    if (this.#tables.isCaptured(id)) this.byTable.set(id, outcome);
  }

  #exists(id: TableId): boolean {
    const before = this.byTable.get(id);
    return before === undefined ? this.#tables.exists(id) : before.kind !== "dropped";
  }

  /** A name may lead over others to its last one. */
  #renamed({ from, to, shape }: Extract<DdlEffect, { kind: "renamed" }>): void {
    for (const [id, outcome] of this.byTable)
      if (outcome.kind === "dropped" && outcome.renamedTo === from)
        this.byTable.set(id, { kind: "dropped", renamedTo: to });
    this.#set(from, { kind: "dropped", renamedTo: to });
    this.#anew(to, shape);
  }

  #anew(id: TableId, shape: MysqlShape | null): void {
    this.#set(id, { kind: "shape", shape, rewritten: namesOf(shape), rows: "anew" });
  }

  #altered({ id, shape, rewritten }: Extract<DdlEffect, { kind: "altered" }>): void {
    const before = this.#shapeOutcome(id);
    const rows = before?.rows ?? "same";
    this.#set(id, {
      kind: "shape",
      shape,
      rewritten: rows === "same" ? rewritten : namesOf(shape),
      rows,
    });
  }

  #moved(id: TableId): void {
    const before = this.#shapeOutcome(id);
    if (before?.rows === "anew") return;
    const shape = before === undefined ? (this.#tables.shape(id) ?? null) : before.shape;
    this.#set(id, { kind: "shape", shape, rewritten: namesOf(shape), rows: "moved" });
  }

  #shapeOutcome(id: TableId): ShapeOutcome | undefined {
    const before = this.byTable.get(id);
    return before?.kind === "shape" ? before : undefined;
  }
}

/** All columns: what is loaded again. */
export function namesOf(shape: MysqlShape | null): readonly string[] {
  return shape?.columns.map(({ name }) => name) ?? [];
}
