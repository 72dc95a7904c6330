import type { LogicalType } from "../model/logical-type.ts";
import { tableId, type Column, type TableShape } from "../model/table.ts";
import { UNCHANGED, type Row, type Value } from "../model/value.ts";
import { valueOf, readingOf, OtherValue, type FieldReading } from "./connect-reading.ts";
import { inferredReading, kindOf, wider, type SeenKind } from "./inferred-reading.ts";
import { JsonObject, type MemberNames } from "./json-object.ts";
import { NumberText, type JsonRead } from "./json-reader.ts";

/** A row or a key as it stands in a message. */
export type Members = JsonObject;

/** A table's shape as its messages tell it, and how their rows are read by it. */
export interface ReadShape {
  readonly shape: TableShape;
  /** Of each column. */
  readonly readings: readonly FieldReading[];
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
  const readings = fields.map(({ reading }) => reading);
  return { shape, readings, row: rowsOf(fields, isGone) };
}

/** Hot: what it gives is called per row. */
function rowsOf(fields: readonly Field[], isGone: (value: JsonRead) => boolean): ReadShape["row"] {
  const readings = fields.map(({ reading }) => reading);
  const placesOf = byNames((members) =>
    fields.map(({ name }) => members.names.indexOf(name) ?? -1),
  );
  return (members, absent) => {
    const places = placesOf(members);
    const row: Value[] = [];
    for (let at = 0; at < readings.length; at++) {
      const [value, reading] = [members.values[places[at] ?? -1], readings[at]];
      row.push(
        value === undefined || reading === undefined ? absent : valueOf(value, reading, isGone),
      );
    }
    return row;
  };
}

/** Hot: per row. What `make` makes of members goes by their names alone, and rows mostly have those of the last one. */
function byNames<T>(make: (members: Members) => T): (members: Members) => T {
  const known = new WeakMap<MemberNames, T>();
  let last: { readonly names: MemberNames; readonly made: T } | null = null;
  return (members) => {
    const { names } = members;
    if (last?.names === names) return last.made;
    const made = known.get(names) ?? make(members);
    known.set(names, made);
    last = { names, made };
    return made;
  };
}

/** The fields that a schema of a row has. @throws OtherValue */
export function fieldsOf(schema: JsonRead): readonly Field[] {
  const fields = schema instanceof JsonObject ? schema.get("fields") : undefined;
  if (!Array.isArray(fields)) throw new OtherValue();
  return (fields as readonly JsonRead[]).map((field) => {
    const name = field instanceof JsonObject ? field.get("field") : undefined;
    if (!(field instanceof JsonObject) || typeof name !== "string") throw new OtherValue();
    return { name, nullable: field.get("optional") !== false, reading: readingOf(field) };
  });
}

/** The shape of a table whose messages have no schema: it grows with what is seen. */
export class GrowingShape {
  readonly #names: { readonly schema: string; readonly table: string };
  readonly #isGone: (value: JsonRead) => boolean;
  /** By name, in the order in which they came. */
  readonly #fields = new Map<string, SeenField>();
  readonly #fieldsOf = byNames(({ names }) => names.all.map((name) => this.#field(name)));
  #key: readonly string[] = [];
  #current: ReadShape | null = null;

  constructor(
    names: { readonly schema: string; readonly table: string },
    isGone: (value: JsonRead) => boolean,
  ) {
    this.#names = names;
    this.#isGone = isGone;
  }

  /** The shape that was given last. */
  get current(): ReadShape | null {
    return this.#current;
  }

  /** What has been seen of a column. */
  kindOf(name: string): SeenKind {
    return this.#fields.get(name)?.kind ?? "nothing";
  }

  /** The shape that holds these rows too: the same object as long as nothing is new. */
  see(before: Members | null, after: Members | null, key: Members | null): ReadShape {
    let isNew = this.#current === null;
    if (key !== null) {
      if (this.#sees(key)) isNew = true;
      if (!isSame(key.keys(), this.#key)) isNew = true;
      this.#key = key.keys();
    }
    if (before !== null && this.#sees(before)) isNew = true;
    if (after !== null && this.#sees(after)) isNew = true;
    if (isNew || this.#current === null) this.#current = this.#make();
    return this.#current;
  }

  #field(name: string): SeenField {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const field: SeenField = { kind: "nothing", isGone: false };
    this.#fields.set(name, field);
    return field;
  }

  /** Hot: per row. Whether there is anything that was not seen before. */
  #sees(members: Members): boolean {
    const fields = this.#fieldsOf(members);
    let isNew = false;
    for (let at = 0; at < fields.length; at++) {
      const [value, field] = [members.values[at] ?? null, fields[at]];
      if (value === null || field === undefined) continue;
      const kind = this.#isGone(value) ? "nothing" : kindOf(value);
      if (kind === field.kind && kind !== "nothing") continue;
      const now = wider(field.kind, kind);
      if (kind === "nothing" && now === "nothing" && !field.isGone) {
        field.isGone = true;
        isNew = true;
      }
      if (now !== field.kind) isNew = true;
      field.kind = now;
    }
    return isNew;
  }

  #make(): ReadShape {
    // A column that has had no value yet is none: what comes first says its type. Yet one whose value nobody has is one, or its
    // rows would have null there (I9).
    const seen = [...this.#fields].filter(
      ([name, { kind, isGone }]) => kind !== "nothing" || isGone || this.#key.includes(name),
    );
    const fields = seen.map(([name, { kind }]) => ({
      name,
      nullable: !this.#key.includes(name),
      reading: inferredReading(kind),
    }));
    return shapeOf(this.#names, fields, this.#key, this.#isGone);
  }
}

/** What has been seen of a column. */
interface SeenField {
  kind: SeenKind;
  /** A value was told that nobody has. */
  isGone: boolean;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, index) => name === b[index]));
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
  const isNumber = kind === "int" || kind === "decimal";
  return isNumber && value instanceof NumberText ? value.text : null;
}
