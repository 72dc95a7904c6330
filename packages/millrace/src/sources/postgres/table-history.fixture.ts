import { tableId, type TableShape } from "../../model/table.ts";
import type { Attribute } from "./attnum-proof.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";
import type { CatalogueState, ResolvedType } from "./relation-shape.ts";

/** What may happen to the table of a {@link TableHistory}; numbers choose among what is there. */
export type HistoryStep =
  | { readonly kind: "add"; readonly name: number; readonly hasDefault: boolean }
  | { readonly kind: "drop"; readonly column: number }
  | { readonly kind: "rename"; readonly column: number; readonly name: number }
  | { readonly kind: "retype"; readonly column: number }
  | { readonly kind: "write"; readonly row: number };

interface HistoryColumn {
  readonly attnum: number;
  readonly name: string;
  readonly type: number;
  readonly isDropped: boolean;
  readonly hasDefault: boolean;
  readonly touchedAt: number;
}

/** A table after each of its steps. Values name the column that they were written to, and when. */
export interface Version {
  readonly columns: readonly HistoryColumn[];
  /** Row by id, value by attnum. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<number, string>>;
  /** The id of the row that the step wrote. */
  readonly written: string | null;
}

const NAMES = ["a", "b", "c"];
const OID = 7;

/** A table whose columns come, go and change their names, at every moment of it. */
export class TableHistory {
  readonly versions: Version[];
  #types = 100;

  constructor(steps: readonly HistoryStep[]) {
    const key = columnAt(1, "id", 0, false, 0);
    const rows = new Map(["r0", "r1"].map((id) => [id, new Map([[1, id]])]));
    this.versions = [{ columns: [key], rows, written: null }];
    for (const step of steps) this.#take(step);
  }

  /** The Relation message of a moment. */
  relation(time: number): RelationMessage {
    const columns = this.#live(time).map(({ name, type, attnum }) => {
      return { name, isKey: attnum === 1, typeOid: type, typmod: -1 };
    });
    return { oid: OID, schema: "public", name: "t", replicaIdentity: "d", columns };
  }

  /** The values of a row, as the log has them at that moment. */
  logged(time: number, id: string): (string | null)[] {
    const row = this.at(time).rows.get(id);
    return this.#live(time).map(({ attnum }) => row?.get(attnum) ?? null);
  }

  /** What the catalogue says at `time` where the log still has everything since `settledAt`. */
  catalogue(time: number, settledAt: number): CatalogueState {
    const { columns } = this.at(time);
    const attributes = columns.map(({ attnum, name, type, isDropped, touchedAt }): Attribute => {
      const isSettled = touchedAt <= settledAt;
      return { attnum, name, typeOid: type, typmod: -1, isDropped, isGenerated: false, isSettled };
    });
    const defaults = columns.filter((column) => column.hasDefault || column.isDropped);
    return {
      shape: this.shape(time),
      attributes,
      isPartial: false,
      filled: new Set(defaults.map(({ attnum }) => attnum)),
      touched: columns.map(({ attnum, touchedAt }) => `${attnum}:${touchedAt}`).join(),
    };
  }

  shape(time: number): TableShape {
    const columns = this.#live(time).map(({ attnum, name, type }) => {
      return { name, ...typeOf(type), nullable: true, ordinal: attnum };
    });
    const id = tableId("public", "t");
    return { id, schema: "public", name: "t", identity: String(OID), columns, key: [0] };
  }

  at(time: number): Version {
    const version = this.versions[time];
    if (version === undefined) throw new Error(`nothing happened at ${time}`);
    return version;
  }

  #live(time: number): HistoryColumn[] {
    return this.at(time).columns.filter((column) => !column.isDropped);
  }

  #take(step: HistoryStep): void {
    const time = this.versions.length;
    const before = this.at(time - 1);
    this.versions.push({ ...before, written: null, ...this.#change(step, before, time) });
  }

  #change(step: HistoryStep, before: Version, time: number): Partial<Version> {
    const { columns, rows } = before;
    if (step.kind === "write") return write(before, `r${step.row}`, time);
    const free = NAMES.filter((name) => columns.every((c) => c.isDropped || c.name !== name));
    if (step.kind === "add") {
      const name = free[step.name % Math.max(1, free.length)];
      if (name === undefined) return {};
      const attnum = columns.length + 1;
      const added = columnAt(attnum, name, this.#types, step.hasDefault, time);
      if (!step.hasDefault) return { columns: [...columns, added] };
      return {
        columns: [...columns, added],
        rows: filled(rows, attnum, () => `${attnum}.default`),
      };
    }
    const others = columns.filter((column) => !column.isDropped && column.attnum > 1);
    const chosen = others[step.column % Math.max(1, others.length)];
    if (chosen === undefined) return {};
    const put = (part: Partial<HistoryColumn>): HistoryColumn[] =>
      columns.map((column) =>
        column === chosen ? { ...column, ...part, touchedAt: time } : column,
      );
    if (step.kind === "drop") return { columns: put({ isDropped: true, name: "gone", type: 0 }) };
    if (step.kind === "retype") {
      this.#types += 1;
      const converted = filled(rows, chosen.attnum, (value) => value && `${value} at ${time}`);
      return { columns: put({ type: this.#types }), rows: converted };
    }
    const name = free[step.name % Math.max(1, free.length)];
    return name === undefined ? {} : { columns: put({ name }) };
  }
}

/** The type of an oid of the history. */
export function typeOf(oid: number): ResolvedType {
  return { type: { kind: "other", name: `type ${oid}` }, sourceType: `type ${oid}` };
}

function columnAt(
  attnum: number,
  name: string,
  type: number,
  hasDefault: boolean,
  touchedAt: number,
): HistoryColumn {
  return { attnum, name, type, isDropped: false, hasDefault, touchedAt };
}

function write({ columns, rows }: Version, id: string, time: number): Partial<Version> {
  const live = columns.filter((column) => !column.isDropped && column.attnum > 1);
  const values = live.map(({ attnum }) => [attnum, `${attnum}.${time}`] as const);
  return { rows: new Map([...rows, [id, new Map([[1, id], ...values])]]), written: id };
}

function filled(
  rows: Version["rows"],
  attnum: number,
  value: (before: string | undefined) => string | undefined,
): Version["rows"] {
  return new Map(
    [...rows].map(([id, row]) => {
      const made = value(row.get(attnum));
      return [id, made === undefined ? row : new Map([...row, [attnum, made]])] as const;
    }),
  );
}
