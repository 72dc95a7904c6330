import { describe, expect, it } from "vitest";
import type { Column, TableShape } from "../model/table.ts";
import { columnOf, shapeOf, targetOf } from "./pipeline-parts.fixture.ts";
import type { RouteTarget } from "./routes.ts";
import { planTargetChange } from "./target-change.ts";

const of = (shape: TableShape): RouteTarget => ({ target: targetOf(shape), from: shape });
const id = columnOf("id", 1);
const v = columnOf("v", 2);

function plan(
  before: readonly Column[],
  after: readonly Column[],
  key: readonly number[] = [0],
  madeAnew = false,
) {
  const { changes, reload } = planTargetChange(
    of(shapeOf(before)),
    of(shapeOf(after, key)),
    madeAnew,
  );
  return { changes: changes.map((change) => change("tag")), reload };
}

describe("planTargetChange", () => {
  it("adds, drops and renames in place", () => {
    const { changes, reload } = plan(
      [id, v, columnOf("gone", 3)],
      [id, { ...v, name: "w" }, columnOf("added", 4)],
    );
    expect(changes).toMatchObject([
      {
        kind: "alter",
        renames: [{ from: "v", to: "w" }],
        drops: ["gone"],
        replaces: [],
        tag: "tag",
      },
    ]);
    expect(reload).toBe(false);
  });

  it("a column that comes back under its name is another one: the old one is dropped", () => {
    expect(plan([id, columnOf("c", 3)], [id, columnOf("c", 4)]).changes).toMatchObject([
      { drops: ["c"], renames: [] },
    ]);
  });

  it("puts a retyped column away and fills it anew", () => {
    const { changes, reload } = plan([id, v], [id, { ...v, sourceType: "int" }]);
    expect(changes).toMatchObject([{ kind: "alter", replaces: ["v"], drops: [] }]);
    expect(reload).toBe(true);
  });

  it("makes columns anew that exchange their names, and the target where one is of the key", () => {
    const a = columnOf("a", 2);
    const b = columnOf("b", 3);
    const c = columnOf("c", 4);
    const named = (name: string, column: Column): Column => ({ ...column, name });
    const { changes, reload } = plan(
      [id, a, b, c],
      [id, named("b", a), named("a", b), named("d", c)],
    );
    expect(changes).toMatchObject([
      { kind: "alter", renames: [{ from: "c", to: "d" }], drops: ["a", "b"], replaces: [] },
    ]);
    expect(reload).toBe(true);
    expect(
      plan([id, a, b, c], [id, named("b", a), named("c", b), named("a", c)]).changes,
    ).toMatchObject([{ renames: [], drops: ["a", "b", "c"] }]);
    expect(plan([id, a], [named("a", id), named("id", a)])).toMatchObject({
      changes: [{ kind: "drop" }, { kind: "create" }],
      reload: true,
    });
    expect(plan([id, a, b], [id, named("b", a), named("c", b)])).toMatchObject({
      changes: [
        {
          drops: [],
          renames: [
            { from: "a", to: "b" },
            { from: "b", to: "c" },
          ],
        },
      ],
      reload: false,
    });
  });

  it("makes the target anew for another key, another type of a key column, and a source table that was made anew", () => {
    const anew = [{ kind: "drop", tag: "tag" }, { kind: "create" }];
    expect(plan([id, v], [id, v], [1])).toMatchObject({ changes: anew, reload: true });
    expect(plan([id, v], [{ ...id, sourceType: "int" }, v])).toMatchObject({
      changes: anew,
      reload: true,
    });
    expect(plan([id, v], [id, v], [])).toMatchObject({ changes: anew, reload: true });
    expect(plan([id, v], [id, v], [0], true)).toMatchObject({ changes: anew, reload: true });
  });

  it("a renamed key column is the same key", () => {
    expect(plan([id, v], [{ ...id, name: "key" }, v])).toMatchObject({
      changes: [{ kind: "alter", renames: [{ from: "id", to: "key" }] }],
      reload: false,
    });
  });

  it("does nothing where the target stays as it is, and makes one that is new", () => {
    expect(plan([id, v], [id, v])).toEqual({ changes: [], reload: false });
    const { changes, reload } = planTargetChange(null, of(shapeOf()));
    expect(changes.map((change) => change("tag"))).toMatchObject([{ kind: "create" }]);
    expect(reload).toBe(true);
  });

  it("tables without key alter the columns behind their own", () => {
    const before = of(shapeOf([id, v], []));
    const after = of(shapeOf([id, { ...v, name: "w" }], []));
    const { changes } = planTargetChange(before, after);
    expect(changes.map((change) => change("tag"))).toMatchObject([
      { kind: "alter", renames: [{ from: "v", to: "w" }], drops: [] },
    ]);
  });
});
