import { describe, expect, it } from "vitest";
import { tableId, type Column, type TableShape } from "../../model/table.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";
import {
  resolveShape,
  type CatalogueState,
  type ResolvedShape,
  type ResolvedType,
} from "./relation-shape.ts";

type Spec = string | readonly [name: string, sourceType: string];
const nameOf = (spec: Spec): string => (typeof spec === "string" ? spec : spec[0]);
const typeOf = (spec: Spec): string => (typeof spec === "string" ? "text" : spec[1]);

/** A shape from columns by attnum; `null` is a dropped one. */
function shape(
  columns: readonly (Spec | null)[],
  key: readonly number[] = [0],
  nullable = true,
): TableShape {
  const present = columns.flatMap((spec, index): Column[] => {
    if (spec === null) return [];
    const sourceType = typeOf(spec);
    return [
      {
        name: nameOf(spec),
        type: { kind: "other", name: sourceType },
        sourceType,
        nullable,
        ordinal: index + 1,
      },
    ];
  });
  return {
    id: tableId("public", "t"),
    schema: "public",
    name: "t",
    identity: "7",
    columns: present,
    key,
  };
}

/** Nothing has touched the table since before the log that is being read, unless `touched` (attnums) says so. */
function catalogue(
  columns: readonly (Spec | null)[],
  filled: readonly number[] = [],
  key: readonly number[] = [0],
  touched: readonly number[] = [],
): CatalogueState {
  const attributes = columns.map((spec, index) => ({
    attnum: index + 1,
    name: spec === null ? "........pg.dropped........" : nameOf(spec),
    typeOid: 25,
    typmod: -1,
    isDropped: spec === null,
    isGenerated: false,
    isSettled: !touched.includes(index + 1),
  }));
  const text = attributes.map(({ attnum, name }) => `${attnum}:${name}`).join();
  return {
    shape: shape(columns, key),
    attributes,
    isPartial: false,
    filled: new Set(filled),
    touched: text,
  };
}

const touched = (columns: readonly (Spec | null)[], ...attnums: readonly number[]) =>
  catalogue(columns, [], [0], attnums);

const GONE: CatalogueState = {
  shape: null,
  attributes: [],
  isPartial: false,
  filled: new Set(),
  touched: "",
};

function resolve(
  columns: readonly Spec[],
  known: TableShape | null,
  now: CatalogueState,
  replicaIdentity = "d",
  flagged: readonly number[] = [0],
  lsn = 0,
): ResolvedShape {
  const relation: RelationMessage = {
    oid: 7,
    schema: "public",
    name: "t",
    replicaIdentity,
    columns: columns.map((spec, index) => ({
      name: nameOf(spec),
      isKey: flagged.includes(index),
      typeOid: 25,
      typmod: -1,
    })),
  };
  const types = columns.map((spec): ResolvedType => {
    const sourceType = typeOf(spec);
    return { type: { kind: "other", name: sourceType }, sourceType };
  });
  return resolveShape(relation, types, known, now, lsn);
}

const ordinals = ({ shape: { columns } }: ResolvedShape): unknown[] =>
  columns.map((column) => column.ordinal);

describe("the shape at a Relation message", () => {
  it("is the known one itself where nothing changed", () => {
    const known = shape(["id", "a"]);
    const resolved = resolve(["id", "a"], known, catalogue(["id", "a"]));
    expect(resolved.shape).toBe(known);
    expect(resolved.rewritten).toEqual([]);
  });

  it("is the known one also where the catalogue has moved on already", () => {
    const known = shape(["id", "a"]);
    expect(resolve(["id", "a"], known, touched(["id", "a", "later"], 3)).shape).toBe(known);
    expect(resolve(["id", "a"], known, touched(["id", "renamed"], 2)).shape).toBe(known);
    expect(resolve(["id", "a"], known, touched(["id", ["a", "int"]], 2)).shape).toBe(known);
    expect(resolve(["id", "a"], known, touched(["id", null], 2)).shape).toBe(known);
    expect(resolve(["id", "a"], known, GONE).shape).toBe(known);
  });

  it("of an unknown table is the catalogue's, and all of it must be loaded", () => {
    const resolved = resolve(["id", "a"], null, catalogue(["id", null, "a"]));
    expect(ordinals(resolved)).toEqual([1, 3]);
    expect(resolved.rewritten).toEqual(["id", "a"]);
  });

  it("tells a rename from a column made anew by attnum", () => {
    const known = shape(["id", "a"]);
    const renamed = resolve(["id", "b"], known, touched(["id", "b"], 2));
    expect(ordinals(renamed)).toEqual([1, 2]);
    expect(renamed.rewritten).toEqual([]);
    const anew = resolve(["id", "b"], known, catalogue(["id", null, "b"]));
    expect(ordinals(anew)).toEqual([1, 3]);
    expect(anew.rewritten).toEqual([]);
  });

  it("sees a column that was dropped and added under the same name and type", () => {
    const resolved = resolve(["id", "a"], shape(["id", "a"]), catalogue(["id", null, "a"], [3]));
    expect(ordinals(resolved)).toEqual([1, 3]);
    expect(resolved.rewritten).toEqual(["a"]);
  });

  it("has an added column rewritten only where old rows may have got a value", () => {
    const known = shape(["id"]);
    expect(resolve(["id", "a"], known, touched(["id", "a"], 2)).rewritten).toEqual([]);
    expect(resolve(["id", "a"], known, catalogue(["id", "a"], [2])).rewritten).toEqual(["a"]);
  });

  it("has a column rewritten that was there before without being logged", () => {
    const known = shape(["id", null, "b"]);
    const resolved = resolve(["id", "g", "b"], known, touched(["id", "g", "b"], 2));
    expect(ordinals(resolved)).toEqual([1, 2, 3]);
    expect(resolved.rewritten).toEqual(["g"]);
  });

  it("has a retyped column rewritten", () => {
    const now = touched(["id", ["a", "int"]], 2);
    const resolved = resolve(["id", ["a", "int"]], shape(["id", "a"]), now);
    expect(ordinals(resolved)).toEqual([1, 2]);
    expect(resolved.rewritten).toEqual(["a"]);
    expect(resolved.shape.columns[1]?.sourceType).toBe("int");
  });

  it("leaves the attnum open where several fit, and loads the column again now and when it shows", () => {
    const known = shape(["id"]);
    const now = touched(["id", null, "c", null], 2, 3, 4);
    const open = resolve(["id", "b"], known, now);
    expect(ordinals(open)).toEqual([1, null]);
    expect(open.shape.columns[1]?.unproven).toBe(true);
    expect(open.rewritten).toEqual(["b"]);
    expect(resolve(["id", "b"], open.shape, now).rewritten).toEqual(["b"]);
    const next = resolve(["id", "c"], open.shape, catalogue(["id", null, "c", null]));
    expect(ordinals(next)).toEqual([1, 3]);
    expect(next.rewritten).toEqual(["c"]);
  });

  it("loads a table without key again where a column is not proven, though it looks as the catalogue does", () => {
    const known = shape(["id", "a"], []);
    const now = catalogue(["id", null, "a"], [], [], [2, 3]);
    const open = resolve(["id", "a"], known, now, "f", [0, 1]);
    expect(open.shape.columns[1]?.unproven).toBe(true);
    expect(open.rewritten).toEqual(["a"]);
    // Once for a look: the next message is of the same columns, until somebody touches one.
    const looked = { ...open.shape, look: { behind: 50, columns: now.touched } };
    const next = resolve(["id", "a"], looked, now, "f", [0, 1]);
    expect([next.rewritten, next.shape.columns[1]?.unproven]).toEqual([[], undefined]);
    const other = { ...now, touched: "touched since" };
    expect(resolve(["id", "a"], looked, other, "f", [0, 1]).rewritten).toEqual(["a"]);
    // With a key, each row is asked for by itself.
    const keyed = touched(["id", null, "a"], 2, 3);
    expect(resolve(["id", "a"], shape(["id", "a"]), keyed).rewritten).toEqual([]);
  });

  it("knows columns by an earlier look, of rows behind it, while nobody touches one", () => {
    const now = touched(["id", null, "a"], 2, 3);
    const look = { behind: 50, columns: now.touched };
    const known = { ...resolve(["id", "a"], shape(["id", "a"]), now).shape, look };
    const at = (lsn: number, catalogueThen = now) =>
      resolve(["id", "a"], known, catalogueThen, "d", [0], lsn).shape.columns[1];
    expect([at(49)?.unproven, at(50)?.unproven, at(50)?.ordinal]).toEqual([true, undefined, 3]);
    expect(at(50, { ...now, touched: "touched since" })?.unproven).toBe(true);
  });

  it("does not believe that a column has kept its attnum because it has kept its look", () => {
    const known = shape(["id", "a"]);
    const open = resolve(["id", "a"], known, touched(["id", null, "renamed"], 2, 3));
    expect(ordinals(open)).toEqual([1, null]);
    expect(open.rewritten).toEqual(["a"]);
  });

  it("does not believe names that were swapped", () => {
    const resolved = resolve(["b", "a"], shape(["a", "b"]), touched(["b", "a"], 1, 2));
    expect(ordinals(resolved)).toEqual([1, 2]);
    expect(resolved.shape.columns.map((column) => column.name)).toEqual(["b", "a"]);
    expect(resolved.rewritten).toEqual([]);
  });

  it("sees a column become nullable, and trusts no NOT NULL of later", () => {
    const strict = shape(["id", "a"], [0], false);
    const loosened = resolve(["id", "a"], strict, catalogue(["id", "a"]));
    expect(loosened.shape).not.toBe(strict);
    expect(loosened.shape.columns[1]?.nullable).toBe(true);
    expect(loosened.rewritten).toEqual([]);
    const known = shape(["id", "a"]);
    const tightened = { ...catalogue(["id", "a"]), shape: strict };
    expect(resolve(["id", "a"], known, tightened).shape).toBe(known);
  });

  it("takes the key from the replica identity, in the order of the catalogue's key", () => {
    const columns = ["a", "b", "c"];
    expect(resolve(columns, null, catalogue(columns, [], [2, 0]), "d", [0, 2]).shape.key).toEqual([
      2, 0,
    ]);
    expect(resolve(columns, null, catalogue(columns, [], [1]), "i", [0, 2]).shape.key).toEqual([
      0, 2,
    ]);
    expect(resolve(columns, null, catalogue(columns, [], []), "d", []).shape.key).toEqual([]);
  });

  it("takes the key from the catalogue where the replica identity is full, or else the known one", () => {
    const columns = ["a", "b"];
    expect(resolve(columns, null, catalogue(columns, [], [1]), "f", [0, 1]).shape.key).toEqual([1]);
    expect(resolve(columns, shape(columns, [1]), GONE, "f", [0, 1]).shape.key).toEqual([1]);
  });

  it("follows the key when columns before it are dropped", () => {
    const resolved = resolve(
      ["b", "c"],
      shape(["a", "b", "c"], [1]),
      catalogue([null, "b", "c"], [], [0], [1]),
    );
    expect(resolved.shape.key).toEqual([0]);
    expect(ordinals(resolved)).toEqual([2, 3]);
  });

  it("takes a type that is gone as it was known, or names it by its oid", () => {
    const relation: RelationMessage = {
      oid: 7,
      schema: "public",
      name: "t",
      replicaIdentity: "d",
      columns: [{ name: "id", isKey: true, typeOid: 99_999, typmod: -1 }],
    };
    const { shape: found } = resolveShape(relation, [null], null, GONE);
    expect(found.columns[0]?.type).toEqual({ kind: "other", name: "oid 99999" });
    const known = shape(["id"]);
    expect(resolveShape(relation, [null], known, GONE).shape).toBe(known);
  });
});
