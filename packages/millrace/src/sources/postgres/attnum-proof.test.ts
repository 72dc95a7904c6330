import { describe, expect, it } from "vitest";
import { proveAttnums, type Attribute } from "./attnum-proof.ts";

const logged = (...names: readonly string[]) =>
  names.map((name) => ({ name, isKey: false, typeOid: 25, typmod: -1 }));

/** `a` settled, `a?` touched since; `-` settled and dropped, `-?` dropped since; `a*` generated. */
const now = (...specs: readonly string[]): Attribute[] =>
  specs.map((spec, index) => ({
    attnum: index + 1,
    name: spec.replaceAll(/[?*]/g, ""),
    typeOid: 25,
    typmod: -1,
    isDropped: spec.startsWith("-"),
    isGenerated: spec.includes("*"),
    isSettled: !spec.includes("?"),
  }));

describe("attnums of a Relation message", () => {
  it("are those of its names where nothing was touched", () => {
    expect(proveAttnums(logged("id", "b"), now("id", "-", "b"))).toEqual([1, 3]);
  });

  it("are proven over any number of renames: what is there now was there since it was added", () => {
    expect(proveAttnums(logged("id", "a"), now("id", "c?"))).toEqual([1, 2]);
    expect(proveAttnums(logged("id", "a"), now("id", "c?", "d?", "-?"))).toEqual([1, 2]);
    expect(proveAttnums(logged("id", "a", "b"), now("id", "c?", "-?"))).toEqual([1, 2, 3]);
    expect(proveAttnums(logged("b", "a"), now("a?", "b?"))).toEqual([1, 2]);
  });

  it("are open where a column dropped since could be the one as well", () => {
    expect(proveAttnums(logged("id", "b"), now("id", "-?", "b?"))).toEqual([1, null]);
    expect(proveAttnums(logged("id", "b"), now("id", "-?", "-?"))).toEqual([1, null]);
  });

  it("are proven where as many columns as could be are there", () => {
    expect(proveAttnums(logged("id", "x", "y"), now("id", "-?", "b?"))).toEqual([1, 2, 3]);
  });

  it("are no others than those of columns that were there all the time", () => {
    expect(proveAttnums(logged("id", "a", "z"), now("id", "-?", "a?", "z"))).toEqual([1, 3, 4]);
    expect(proveAttnums(logged("id", "z"), now("id", "-?", "z"))).toEqual([1, 3]);
  });

  it("leave out what was added later, but nothing in front of what was there before", () => {
    expect(proveAttnums(logged("id"), now("id", "b?", "c?"))).toEqual([1]);
    expect(proveAttnums(logged("id", "a"), now("id", "-?", "x?", "-"))).toEqual([1, 3]);
  });

  it("leave generated columns out or not", () => {
    expect(proveAttnums(logged("id", "b"), now("id", "g*", "b"))).toEqual([1, 3]);
    expect(proveAttnums(logged("id", "g", "b"), now("id", "g*", "b"))).toEqual([1, 2, 3]);
    expect(proveAttnums(logged("id", "b"), now("id", "g?*", "b?"))).toEqual([1, null]);
  });

  it("may be any of a publication that names columns, but for those that are settled", () => {
    expect(proveAttnums(logged("id", "b"), now("id", "a", "b"), true)).toEqual([1, 3]);
    expect(proveAttnums(logged("id", "b"), now("id", "a?", "c?"), true)).toEqual([1, null]);
  });

  it("are all open where the message and the catalogue contradict each other", () => {
    expect(proveAttnums(logged("id", "x", "y"), now("id", "a"))).toEqual([null, null, null]);
  });
});
