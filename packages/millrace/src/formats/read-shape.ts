import type { LogicalType } from "../model/logical-type.ts";
import { tableId, type Column, type TableShape } from "../model/table.ts";
import { UNCHANGED, type Row, type Value } from "../model/value.ts";
import { valueOf, readingOf, OtherValue, type FieldReading } from "./connect-reading.ts";
import { inferredReading, kindOf, wider, type SeenKind } from "./inferred-reading.ts";
import { jsonText, NumberText, type JsonRead } from "./json-reader.ts";

/** A row or a key as it stands in a message. */
export type Members = ReadonlyMap<string, JsonRead>;

/** A table's shape as its messages tell it, and how their rows are read by it. */
export interface ReadShape {
  readonly shape: TableShape;
  /** What a message does not have of a row is `absent`. */
  readonly row: (members: Members, absent: null | typeof UNCHANGED) => Row;
}

interface Field {
  readonly name: string;
  readonly nullable: boolean;
  readonly reading: FieldReading;
}

/** A shape of fields. `isGone` tells a value that nobody has. */
export function shapeOf(
  names: { readonly schema: string; readonly table: string },
  fields: readonly Field[],
  key: readonly string[],
  isGone: (value: JsonRead) => boolean,
): ReadShape {
  const columns: Column[] = fields.map(({ name, nullable, reading }) => ({
    name,
    type: reading.type,
    sourceType: reading.sourceType,
    nullable,
    ordinal: null,
  }));
  const indexes = key.map((name) => fields.findIndex((field) => field.name === name));
  const shape: TableShape = {
    id: tableId(names.schema, names.table),
    schema: names.schema,
    name: names.table,
    identity: "",
    columns,
    key: indexes.includes(-1) ? [] : indexes,
  };
  return {
    shape,
    row: (members, absent) =>
      fields.map(({ name, reading }) => {
        const value = members.get(name);
        return value === undefined ? absent : valueOf(value, reading, isGone);
      }),
  };
}

/** The fields that a schema of a row has. @throws OtherValue */
export function fieldsOf(schema: JsonRead): readonly Field[] {
  const fields = schema instanceof Map ? (schema as Members).get("fields") : undefined;
  if (!Array.isArray(fields)) throw new OtherValue();
  return (fields as readonly JsonRead[]).map((field) => {
    const name = field instanceof Map ? (field as Members).get("field") : undefined;
    if (typeof name !== "string") throw new OtherValue();
    const isOptional = (field as Members).get("optional");
    return { name, nullable: isOptional !== false, reading: readingOf(field) };
  });
}

/** The shape of a table whose messages have no schema: it grows with what is seen. */
export class GrowingShape {
  readonly #names: { readonly schema: string; readonly table: string };
  readonly #isGone: (value: JsonRead) => boolean;
  readonly #kinds = new Map<string, SeenKind>();
  /** Columns of which a value was told that nobody has. */
  readonly #gone = new Set<string>();
  #key: readonly string[] = [];
  #current: ReadShape | null = null;

  constructor(
    names: { readonly schema: string; readonly table: string },
    isGone: (value: JsonRead) => boolean,
  ) {
    this.#names = names;
    this.#isGone = isGone;
  }

  /** The shape that holds these rows too: the same object as long as nothing is new. */
  see(rows: readonly Members[], key: Members | null): ReadShape {
    let isNew = this.#current === null;
    for (const members of key === null ? rows : [key, ...rows])
      for (const [name, value] of members) if (this.#seeField(name, value)) isNew = true;
    const names = key === null ? this.#key : [...key.keys()];
    if (names.join("\u0000") !== this.#key.join("\u0000")) isNew = true;
    this.#key = names;
    if (isNew || this.#current === null) this.#current = this.#make();
    return this.#current;
  }

  #seeField(name: string, value: JsonRead): boolean {
    const before = this.#kinds.get(name) ?? "nothing";
    const isGone = this.#isGone(value);
    const now = wider(before, isGone ? "nothing" : kindOf(value));
    this.#kinds.set(name, now);
    const isFirstGone = isGone && now === "nothing" && !this.#gone.has(name);
    if (isFirstGone) this.#gone.add(name);
    return now !== before || isFirstGone;
  }

  #make(): ReadShape {
    // A column that has had no value yet is none: what comes first says its type. Yet one whose value nobody has is one, or its
    // rows would have null there (I9).
    const seen = [...this.#kinds].filter(
      ([name, kind]) => kind !== "nothing" || this.#gone.has(name) || this.#key.includes(name),
    );
    const fields = seen.map(([name, kind]) => ({
      name,
      nullable: !this.#key.includes(name),
      reading: inferredReading(kind),
    }));
    return shapeOf(this.#names, fields, this.#key, this.#isGone);
  }
}

/** A row of which only the key is known. */
export function keyRow({ shape, row }: ReadShape, key: Members): Row {
  const values = row(key, UNCHANGED);
  return values.map((value, index) => (shape.key.includes(index) ? value : UNCHANGED));
}

/**
 * The same by a shape alone, where nothing has been read of its table yet; null where a key's value may mean several things
 * (a date is a number of days, or a text).
 */
export function plainKeyRow({ columns, key: indexes }: TableShape, key: Members): Row | null {
  const row = columns.map(({ name, type }, index) =>
    indexes.includes(index) ? plainKeyValue(type, key.get(name)) : UNCHANGED,
  );
  return row.includes(null) ? null : row;
}

function plainKeyValue({ kind }: LogicalType, value: JsonRead | undefined): Value {
  const isText = kind === "text" || kind === "uuid";
  if (isText) return typeof value === "string" ? value : null;
  if (kind === "boolean") return typeof value === "boolean" ? value : null;
  const isNumber = typeof value === "number" || value instanceof NumberText;
  return (kind === "int" || kind === "decimal") && isNumber ? jsonText(value) : null;
}
