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

function catalogue(
  columns: readonly (Spec | null)[],
  filled: readonly number[] = [],
  key: readonly number[] = [0],
): CatalogueState {
  return {
    shape: shape(columns, key),
    attnums: columns.map((_, index) => index + 1),
    filled: new Set(filled),
  };
}

const GONE: CatalogueState = { shape: null, attnums: [], filled: new Set() };

function resolve(
  columns: readonly Spec[],
  known: TableShape | null,
  now: CatalogueState,
  replicaIdentity = "d",
  flagged: readonly number[] = [0],
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
  return resolveShape(relation, types, known, now);
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
    expect(resolve(["id", "a"], known, catalogue(["id", "a", "later"])).shape).toBe(known);
    expect(resolve(["id", "a"], known, catalogue(["id", "renamed"])).shape).toBe(known);
    expect(resolve(["id", "a"], known, catalogue(["id", ["a", "int"]])).shape).toBe(known);
    expect(resolve(["id", "a"], known, GONE).shape).toBe(known);
  });

  it("of an unknown table is the catalogue's, and all of it must be loaded", () => {
    const resolved = resolve(["id", "a"], null, catalogue(["id", null, "a"]));
    expect(ordinals(resolved)).toEqual([1, 3]);
    expect(resolved.rewritten).toEqual(["id", "a"]);
  });

  it("tells a rename from a column made anew by attnum", () => {
    const known = shape(["id", "a"]);
    const renamed = resolve(["id", "b"], known, catalogue(["id", "b"]));
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
    expect(resolve(["id", "a"], known, catalogue(["id", "a"])).rewritten).toEqual([]);
    expect(resolve(["id", "a"], known, catalogue(["id", "a"], [2])).rewritten).toEqual(["a"]);
  });

  it("has a retyped column rewritten", () => {
    const resolved = resolve(
      ["id", ["a", "int"]],
      shape(["id", "a"]),
      catalogue(["id", ["a", "int"]]),
    );
    expect(ordinals(resolved)).toEqual([1, 2]);
    expect(resolved.rewritten).toEqual(["a"]);
    expect(resolved.shape.columns[1]?.sourceType).toBe("int");
  });

  it("keeps the attnum of an added column that was renamed or dropped later, where only one fits", () => {
    const known = shape(["id", "a"]);
    expect(ordinals(resolve(["id", "a", "b"], known, catalogue(["id", "a", "renamed"])))).toEqual([
      1, 2, 3,
    ]);
    expect(ordinals(resolve(["id", "a", "b"], known, catalogue(["id", "a", null])))).toEqual([
      1, 2, 3,
    ]);
  });

  it("leaves the attnum open where several fit, and loads the column again now and when it shows up", () => {
    const known = shape(["id"]);
    const open = resolve(["id", "b"], known, catalogue(["id", null, "c"]));
    expect(ordinals(open)).toEqual([1, null]);
    expect(open.rewritten).toEqual(["b"]);
    const next = resolve(["id", "c"], open.shape, catalogue(["id", null, "c"]));
    expect(ordinals(next)).toEqual([1, 3]);
    expect(next.rewritten).toEqual(["c"]);
  });

  it("does not believe names that were swapped", () => {
    const resolved = resolve(["b", "a"], shape(["a", "b"]), catalogue(["b", "a"]));
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
      catalogue([null, "b", "c"], [], [0]),
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
