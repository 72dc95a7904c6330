/** What the pipeline plans for a target whose source was altered, played against what the SQL sinks make of it. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { testRuns, timeFor } from "../../../test/support/test-runs.ts";
import type { Column } from "./model/table.ts";
import { columnOf, shapeOf, targetOf } from "./pipeline/pipeline-parts.fixture.ts";
import { planTargetChange } from "./pipeline/target-change.ts";
import { nextStep } from "./sinks/dsql/alter-plan.ts";

/** A column at the target, and which column of the source its values are of. */
interface Stored {
  readonly name: string;
  readonly type: string;
  readonly holds: string;
}

const TYPES = ["integer", "text", "uuid"];
const NAMES = ["a", "b", "c"];

/** A target as a catalogue, altered by the text of statements. */
class AlteredTarget {
  columns: Stored[] = [{ name: "id", type: "bigint", holds: "id" }];

  get catalogue(): Parameters<typeof nextStep>[0] {
    const columns = this.columns.map(({ name, type }) => ({
      name,
      type,
      notNull: name === "id",
      filled: false,
      generated: false,
    }));
    const keys = [{ columns: ["id"], primary: true }];
    return { columns, keys, otherConstraints: [], parents: [], children: [] };
  }

  run(statement: string): void {
    const [, from, to] = /RENAME COLUMN "(.*)" TO "(.*)"$/.exec(statement) ?? [];
    const [, added, type = ""] = /ADD COLUMN "(.*)" (\w+)$/.exec(statement) ?? [];
    const names = this.columns.map(({ name }) => name);
    const name = to ?? added;
    if (name === undefined || names.includes(name)) throw new Error(`fails: ${statement}`);
    if (added !== undefined) this.columns.push({ name, type, holds: "nothing" });
    else this.columns = this.columns.map((c) => (c.name === from ? { ...c, name } : c));
  }
}

/** Columns of a table at one time: by attnum, so that one may be renamed, retyped, dropped, or another under its name. */
const columnsArbitrary = fc
  .uniqueArray(
    fc.record({ ordinal: fc.integer({ min: 2, max: 5 }), name: fc.constantFrom(...NAMES) }),
    { selector: ({ name }) => name, maxLength: NAMES.length },
  )
  .chain((some) => {
    const each = fc.array(fc.constantFrom(...TYPES), { minLength: 3, maxLength: 3 });
    return each.map((types) => some.map((column, i) => ({ ...column, type: types[i] ?? "text" })));
  })
  .filter((some) => new Set(some.map(({ ordinal }) => ordinal)).size === some.length)
  .map((some) => some.toSorted((a, b) => a.ordinal - b.ordinal));

const id = columnOf("id", 1, "bigint");

it(
  "any change of columns ends in the wanted ones, each with its own values or to be filled",
  () => {
    const changes = fc.array(columnsArbitrary, { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(changes, (versions) => {
        const target = new AlteredTarget();
        let before: readonly Column[] = [id];
        for (const [moment, version] of versions.entries()) {
          const after = [id, ...version.map((c) => columnOf(c.name, c.ordinal, c.type))];
          const [old, wanted] = [shapeOf(before), shapeOf(after)];
          const plan = planTargetChange(
            { target: targetOf(old), from: old },
            { target: targetOf(wanted), from: wanted },
          );
          for (const change of plan.changes.map((c) => c(`${moment}`))) {
            if (change.kind !== "alter") throw new Error(`${change.kind}: the key has not changed`);
            let steps = 0;
            for (let next = nextStep(target.catalogue, change); next !== null;) {
              target.run(next);
              if ((steps += 1) > 30) throw new Error("has no end");
              next = nextStep(target.catalogue, change);
            }
          }
          for (const { name, sourceType, ordinal } of after) {
            const stored = target.columns.find((column) => column.name === name);
            expect(stored).toMatchObject({ name, type: sourceType });
            const own = name === "id" ? "id" : `${ordinal} as ${sourceType}`;
            if (!plan.reload) expect([own, "nothing"]).toContain(stored?.holds);
          }
          // A load, or row events of what is new, fill the columns.
          target.columns = target.columns.map((stored) => {
            const column = version.find(({ name }) => name === stored.name);
            const holds =
              column === undefined ? stored.holds : `${column.ordinal} as ${column.type}`;
            return { ...stored, holds };
          });
          before = after;
        }
      }),
      { numRuns: testRuns(300) },
    );
  },
  timeFor(20_000),
);
