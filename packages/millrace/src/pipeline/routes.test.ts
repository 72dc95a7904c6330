import { describe, expect, it } from "vitest";
import type { Router } from "../model/router.ts";
import type { TableShape, TargetTable } from "../model/table.ts";
import { Skimmed, UNCHANGED } from "../model/value.ts";
import { columnOf, plainRouter, shapeOf, targetOf } from "./pipeline-parts.fixture.ts";
import { compileRoutes, hasUnchanged, keepsKey, targetsOf, unfit } from "./routes.ts";

const id = columnOf("id", 1);
const v = columnOf("v", 2);

describe("compileRoutes", () => {
  it("hands rows of the target's own shape on as they are", () => {
    const shape = shapeOf();
    const [route] = compileRoutes(shape, [{ target: targetOf(shape), from: shape }], plainRouter);
    const row = ["1", "2", "3"];
    expect(route?.map(row)).toBe(row);
  });

  it("takes lines only where rows stay as they are and no value can be refused", () => {
    const shape = shapeOf([id, v]);
    const target = targetOf(shape);
    const taken = (from: TableShape, to: TargetTable, router = plainRouter): boolean | undefined =>
      compileRoutes(from, [{ target: to, from: shape }], router)[0]?.takesLines;
    expect(taken(shape, target)).toBe(true);
    expect(taken(shapeOf([v, id], [1]), target)).toBe(false);
    expect(taken(shapeOf([id, v, columnOf("more", 3)]), target)).toBe(false);
    const columns = target.columns.map((column) => ({ ...column, refuse: () => null }));
    expect(taken(shape, { ...target, columns })).toBe(false);
    expect(taken(shape, { ...target, keyless: true })).toBe(false);
    const masking: Router = {
      plan: (of) => plainRouter.plan(of).map((plan) => ({ ...plan, project: (row) => [...row] })),
    };
    expect(taken(shape, target, masking)).toBe(false);
  });

  it("fits rows of an older shape to a newer target: renamed columns by what stays the same, new ones NULL", () => {
    const older = shapeOf([id, v]);
    const newer = shapeOf([columnOf("added", 9), { ...v, name: "renamed" }, id], [2]);
    const [route] = compileRoutes(older, [{ target: targetOf(newer), from: newer }], plainRouter);
    expect(route?.map(["1", "x"])).toEqual([null, "x", "1"]);
  });

  it("never takes another column for one of the same name that was dropped", () => {
    const older = shapeOf([id, columnOf("c", 2)]);
    const newer = shapeOf([id, columnOf("c", 3)]);
    const [route] = compileRoutes(older, [{ target: targetOf(newer), from: newer }], plainRouter);
    expect(route?.map(["1", "old c"])).toEqual(["1", null]);
  });

  it("goes by names where the source knows nothing that stays", () => {
    const have = shapeOf([columnOf("v", null), columnOf("id", null)], [1]);
    const want = shapeOf([columnOf("id", null), columnOf("v", null)]);
    const [route] = compileRoutes(have, [{ target: targetOf(want), from: want }], plainRouter);
    expect(route?.map(["x", UNCHANGED])).toEqual([UNCHANGED, "x"]);
  });

  it("asks the source for a column that may be there under a name that nobody knows any more", () => {
    const lagging = shapeOf([id, columnOf("x", null)]);
    const newer = shapeOf([id, columnOf("y", 7)]);
    const [route] = compileRoutes(lagging, [{ target: targetOf(newer), from: newer }], plainRouter);
    expect(route?.map(["1", "written as x"])).toEqual(["1", UNCHANGED]);
    expect(route?.unsure).toBe(true);
    // What a snapshot reads is what there is now: what it does not have, the source does not have.
    expect(route?.mapRead(["1", "read as x"])).toEqual(["1", null]);
  });

  it("never takes a column that is not proven for one of the same name", () => {
    const lagging = shapeOf([id, { ...columnOf("x", null), unproven: true }]);
    const newer = shapeOf([id, columnOf("x", 7)]);
    const [route] = compileRoutes(lagging, [{ target: targetOf(newer), from: newer }], plainRouter);
    expect(route?.map(["1", "of another x"])).toEqual(["1", UNCHANGED]);
    const [back] = compileRoutes(
      newer,
      [{ target: targetOf(lagging), from: lagging }],
      plainRouter,
    );
    expect(back?.map(["1", "read"])).toEqual(["1", "read"]);
  });

  it("finds rows by their key even where no column of it is proven", () => {
    const lagging = shapeOf([{ ...columnOf("k", null), unproven: true }, v]);
    const newer = shapeOf([id, v]);
    const [route] = compileRoutes(lagging, [{ target: targetOf(newer), from: newer }], plainRouter);
    expect(route?.map(["1", "x"])).toEqual(["1", "x"]);
  });

  it("asks the source for what was converted since, and takes what was read as it is", () => {
    const [route] = compileRoutes(
      shapeOf([id, v]),
      [{ target: targetOf(shapeOf([id, v])), from: shapeOf([id, v]) }],
      plainRouter,
      new Set([v.ordinal ?? 0]),
    );
    expect(route?.map(["1", "before"])).toEqual(["1", UNCHANGED]);
    expect(route?.unsure).toBe(true);
    expect(route?.mapRead(["1", "now"])).toEqual(["1", "now"]);
  });

  it("projects first", () => {
    const shape = shapeOf([id, v]);
    const router: Router = {
      plan: (of) => [
        {
          target: { schema: "copy", name: of.name },
          shape: { ...of, columns: [id] },
          project: ([first]) => [first ?? null],
        },
      ],
    };
    const targets = targetsOf(shape, router, { mapTable: targetOf });
    expect(compileRoutes(shape, targets, router)[0]?.map(["1", "secret"])).toEqual(["1"]);
  });
});

describe("unfit", () => {
  const shape = shapeOf([id, v]);
  const plain = targetOf(shape);
  const picky: TargetTable = {
    ...plain,
    columns: plain.columns.map((c) => ({
      ...c,
      refuse: (value) => (value === "1.23" ? "it would be rounded" : null),
    })),
  };

  it("says why a row cannot be written without loss, and never with a value", () => {
    expect(unfit(plain, ["1", new Skimmed(9_000)])).toEqual({
      code: "MR_VALUE_TOO_LARGE",
      reason: 'column "v" is 9000 bytes, more than the sink takes',
      column: "v",
    });
    expect(unfit(plain, ["1", new Skimmed(9_000)], 8_000)).toMatchObject({
      reason: 'column "v" is 9000 bytes, more than the 8000 that a value may have here',
    });
    expect(unfit(plain, ["1", new Skimmed(7_000)], 8_000)).toMatchObject({
      reason: 'column "v" is 7000 bytes, in a row that is too large: one value may have 8000',
    });
    expect(unfit(picky, ["1", "1.23"])).toEqual({
      code: "MR_VALUE_DOES_NOT_FIT",
      reason: 'column "v": it would be rounded',
      column: "v",
    });
    expect(unfit(plain, [null, "x"])).toEqual({
      code: "MR_KEY_NULL",
      reason: 'key column "id" is NULL',
      column: "id",
    });
  });

  it("lets pass what was left out, NULL outside of the key, and rows without key", () => {
    expect(unfit(picky, ["1", UNCHANGED])).toBeNull();
    expect(unfit(plain, ["1", null])).toBeNull();
    expect(unfit(targetOf(shapeOf([id, v], [])), ["k", null, null])).toBeNull();
    expect([hasUnchanged(["1", UNCHANGED]), hasUnchanged(["1", null])]).toEqual([true, false]);
  });
});

describe("keepsKey", () => {
  it("is false where a target's key is not the source's", () => {
    const hashed: Router = {
      plan: (of) => [
        {
          target: { schema: "copy", name: of.name },
          shape: of,
          project: (row) => ["hash", ...row.slice(1)],
        },
      ],
    };
    expect([keepsKey(shapeOf(), plainRouter), keepsKey(shapeOf(), hashed)]).toEqual([true, false]);
  });
});
