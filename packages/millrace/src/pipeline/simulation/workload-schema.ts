import type { Column, TableId, TableShape } from "../../model/table.ts";
import type { Value } from "../../model/value.ts";
import { parentOf } from "./foreign-keys.ts";
import type { Profile } from "./profile.ts";
import type { SeededRandom } from "./seeded-random.ts";
import {
  column,
  firstShape,
  KEY_ORDINAL,
  LARGE_ORDINAL,
  VALUE_ORDINAL,
  type Cells,
  type SourceOp,
  type StoredTable,
} from "./source-tables.ts";

/** Partitions that are there from the beginning. */
const OLD_PART = "old";

/** Above it, columns of a table change places: who decodes rows has to know, and no sink sees a difference. */
const PLACES = 0.7;

/** What becomes of tables as a whole: their columns, their partitions, whether they are there. */
export class SchemaWork {
  readonly #random: SeededRandom;
  readonly #profile: Profile;
  /** A number that was never given before. */
  readonly #number: () => number;
  /** Tables that were dropped, and whether they had a key. */
  readonly #gone = new Map<TableId, TableShape>();
  #ordinals = 10;

  constructor(random: SeededRandom, profile: Profile, number: () => number) {
    this.#random = random;
    this.#profile = profile;
    this.#number = number;
  }

  /** A transaction that makes, drops or remakes a table, or moves rows with a partition; empty where none is due. */
  life(tables: ReadonlyMap<TableId, StoredTable>): SourceOp[] {
    const { remakes, partitions } = this.#profile;
    if (!remakes && !partitions) return [];
    const random = this.#random;
    if (tables.size === 0) return [this.#make(random.pick([...this.#gone.values()]))];
    if (!random.chance(0.2)) return [];
    const table = random.pick([...tables.values()]);
    if (partitions && table.parts.length > 0 && (!remakes || random.chance(0.7)))
      return [this.#movePart(table)];
    return remakes ? this.#remake(table, tables) : [];
  }

  #remake(table: StoredTable, tables: ReadonlyMap<TableId, StoredTable>): SourceOp[] {
    const random = this.#random;
    const missing = [...this.#gone.values()].filter(({ id }) => !tables.has(id));
    const back = missing.length > 0 ? random.pick(missing) : null;
    if (back !== null && random.chance(0.5)) return [this.#make(back)];
    const { shape } = table;
    this.#gone.set(shape.id, shape);
    const drop: SourceOp = { kind: "drop", table: shape.id };
    // One table is always left: a pipeline without any is refused when its file is read.
    return tables.size > 1 && random.chance(0.5) ? [drop] : [drop, this.#make(shape)];
  }

  #make({ id, name, key }: TableShape): SourceOp {
    // A source whose log tells of it names a table by its name alone.
    const identity = this.#profile.told === null ? `oid-${name}-${this.#number()}` : `oid-${name}`;
    const spelled = this.#profile.spellings;
    const own = ownColumns(this.#profile);
    const shape = firstShape(name, { keyed: key.length > 0, spelled, identity, own });
    const life = this.#number();
    const made = { shape, rows: new Map(), life, rewrites: life, parts: [] };
    return { kind: "make", table: id, made };
  }

  #movePart(table: StoredTable): SourceOp {
    const random = this.#random;
    const { id } = table.shape;
    const part = `part${this.#number()}`;
    // What came and went between two looks, nobody can know of.
    const old = table.parts.filter((one) => one.id.startsWith(OLD_PART));
    if (old.length > 0 && random.chance(0.5)) {
      const keys = [...table.rows.keys()].filter(() => random.chance(0.5));
      return { kind: "detach", table: id, part: random.pick(old).id, keys };
    }
    const rows = random.chance(0.3) ? new Map<string, Cells>() : this.#rowsFor(table);
    return { kind: "attach", table: id, part: { id: part, brought: rows.size > 0 }, rows };
  }

  /** Rows of a partition that comes, under keys that nobody has. */
  #rowsFor(table: StoredTable): Map<string, Cells> {
    const rows = new Map<string, Cells>();
    for (let i = 0; i < this.#profile.keys; i++) {
      const key = `k${i}`;
      if (table.rows.has(key) || !this.#random.chance(0.4)) continue;
      const number = this.#number();
      rows.set(
        key,
        new Map<number, Value>([
          [KEY_ORDINAL, key],
          [VALUE_ORDINAL, `p${number}`],
          [LARGE_ORDINAL, `q${number}`],
        ]),
      );
    }
    return rows;
  }

  /** An ALTER TABLE. */
  reshape(table: StoredTable): SourceOp {
    const random = this.#random;
    const { shape } = table;
    const own = shape.columns.filter((c) => (c.ordinal ?? 0) > LARGE_ORDINAL);
    const drawn = random.next();
    const chosen = own.length === 0 ? undefined : random.pick(own);
    if (chosen !== undefined && drawn < 0.25)
      return this.#withColumns(
        shape,
        shape.columns.filter((c) => c !== chosen),
        new Map(),
      );
    if (chosen !== undefined && drawn < 0.5) return this.#renamed(shape, chosen.ordinal);
    if (chosen !== undefined && drawn < 0.65) return this.#retyped(shape, chosen.ordinal);
    const common = shape.columns.filter((c) => !own.includes(c));
    if (own.length > 1 && drawn > PLACES && this.#profile.told !== null)
      return this.#withColumns(shape, [...common, ...own.toReversed()], new Map());
    const ordinal = ++this.#ordinals;
    // Few names, so that a name comes back with another column.
    const name =
      ["c0", "c1"].find((free) => shape.columns.every((c) => c.name !== free)) ?? `c${ordinal}`;
    const filled = random.chance(0.4);
    const added = filled ? { ...column(name, ordinal), filled } : column(name, ordinal);
    const values = filled ? new Map([[ordinal, `default${ordinal}`]]) : new Map<number, Value>();
    return this.#withColumns(shape, [...shape.columns, added], values);
  }

  #renamed(shape: TableShape, ordinal: number | null): SourceOp {
    const name = `r${this.#number()}`;
    return this.#withColumns(
      shape,
      shape.columns.map((c) => (c.ordinal === ordinal ? { ...c, name } : c)),
      new Map(),
    );
  }

  /** A converting ALTER: all values become others, without row events. */
  #retyped(shape: TableShape, ordinal: number | null): SourceOp {
    const number = this.#number();
    const columns = shape.columns.map((c) =>
      c.ordinal === ordinal ? { ...c, sourceType: `type${number}` } : c,
    );
    return this.#withColumns(shape, columns, new Map([[ordinal ?? 0, `converted${number}`]]));
  }

  #withColumns(
    shape: TableShape,
    columns: TableShape["columns"],
    filled: ReadonlyMap<number, Value>,
  ): SourceOp {
    return { kind: "reshape", table: shape.id, shape: { ...shape, columns }, filled };
  }
}

/** What schema changes begin with, where they stand in the log. */
function ownColumns({ told }: Pick<Profile, "told">): Column[] {
  return told === null ? [] : ["c0", "c1"].map((name, i) => column(name, LARGE_ORDINAL + 1 + i));
}

/** A table of the model with some rows. */
export function initialTable(
  name: string,
  keyed: boolean,
  rows: number,
  {
    spellings,
    partitions,
    told,
    foreign,
  }: Pick<Profile, "spellings" | "partitions" | "told" | "foreign">,
): StoredTable {
  const own = ownColumns({ told });
  const shape = firstShape(name, { keyed, spelled: spellings, identity: `oid-${name}`, own });
  const points = foreign !== null && parentOf(name, foreign.isSelf) !== null;
  const cells = (i: number): Cells =>
    new Map<number, Value>([
      [KEY_ORDINAL, keyed ? `k${i}` : `same${i % 2}`],
      [VALUE_ORDINAL, points ? (i === 0 ? null : `k${i - 1}`) : `v-${name}-${i}`],
      [LARGE_ORDINAL, keyed ? `t-${name}-${i}` : "same"],
    ]);
  const made = Array.from(
    { length: rows },
    (_, i) => [keyed ? `k${i}` : `#0000${i}`, cells(i)] as const,
  );
  const parts =
    partitions && keyed ? [0, 1, 2].map((i) => ({ id: `${OLD_PART}${i}`, brought: true })) : [];
  return { shape, rows: new Map(made), life: 0, rewrites: 0, parts };
}
