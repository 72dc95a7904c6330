import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns } from "../../../../../test/support/test-runs.ts";
import { CapturedTables, type LoggedRelation } from "./captured-tables.ts";
import { resolveShape } from "./relation-shape.ts";
import { TableHistory, typeOf, type HistoryStep } from "./table-history.fixture.ts";
import type { TableId, TableShape } from "../../model/table.ts";

/** A sink's copy, by the name that each column has in the shape that was told last. */
class Copy {
  shape: TableShape;
  rows = new Map<string, Map<string, string | null>>();
  readonly #history: TableHistory;

  constructor(history: TableHistory) {
    this.#history = history;
    this.shape = history.shape(0);
    this.load(0);
  }

  /** Columns go by their ordinal; what is told as rewritten is read at the source as it is at `time`. */
  reshape(shape: TableShape, rewritten: readonly string[], time: number): void {
    const from = new Map(
      shape.columns.map((column) => [
        column.name,
        this.shape.columns.find((c) => c.ordinal !== null && c.ordinal === column.ordinal)?.name,
      ]),
    );
    for (const [id, row] of this.rows) {
      const kept = shape.columns.map(({ name }) => [name, row.get(from.get(name) ?? "") ?? null]);
      this.rows.set(id, new Map(kept as [string, string | null][]));
    }
    this.shape = shape;
    if (rewritten.length > 0) this.load(time);
  }

  load(time: number): void {
    for (const id of this.#history.at(time).rows.keys()) this.rows.set(id, this.read(id, time));
  }

  /** A row at the source: columns whose ordinal is open by their name. */
  read(id: string, time: number): Map<string, string | null> {
    const { columns, rows } = this.#history.at(time);
    const values = this.shape.columns.map(({ name, ordinal }) => {
      const found = columns.find((c) =>
        ordinal === null ? c.name === name && !c.isDropped : c.attnum === ordinal && !c.isDropped,
      );
      return [name, rows.get(id)?.get(found?.attnum ?? 0) ?? null] as const;
    });
    return new Map(values);
  }

  put(id: string, values: readonly (string | null)[], unproven: readonly number[], time: number) {
    const read = unproven.length === 0 ? null : this.read(id, time);
    const row = this.shape.columns.map(({ name }, i) => {
      const value = unproven.includes(i) ? (read?.get(name) ?? null) : (values[i] ?? null);
      return [name, value] as const;
    });
    this.rows.set(id, new Map(row));
  }
}

/** How late the catalogue is asked, and how much of the log is still to be read; one of each per write, in steps. */
interface Reading {
  readonly lags: readonly number[];
  readonly unsettled: readonly number[];
  readonly restarts: readonly boolean[];
}

/** Reads the log of a history to its end. */
async function follow(history: TableHistory, reading: Reading): Promise<Copy> {
  const copy = new Copy(history);
  const last = history.versions.length - 1;
  let asked = 0;
  let moment = { time: 0, lookedAt: 0, settledAt: 0 };
  const open = (): CapturedTables =>
    new CapturedTables(
      new Map<TableId, TableShape>([[copy.shape.id, copy.shape]]),
      (message, known, _exact, lsn) => {
        const { lookedAt, settledAt } = moment;
        const types = message.columns.map(({ typeOid }) => typeOf(typeOid));
        const catalogue = history.catalogue(lookedAt, settledAt);
        const resolved = resolveShape(message, types, known, catalogue, lsn);
        const { confirmed = null, ...found } = resolved;
        if (confirmed === null) return Promise.resolve(found);
        const { touched } = catalogue;
        const look =
          known?.look?.columns === touched
            ? known.look
            : { behind: lookedAt + 1, columns: touched };
        const shape = { ...found.shape, look };
        const later = { shape: confirmed, afterLsn: look.behind };
        return Promise.resolve({ ...found, shape, later });
      },
    );
  let tables = open();
  let relation: LoggedRelation | null = null;
  let described = -1;
  for (const [n, time] of writesOf(history).entries()) {
    if (reading.restarts[n % reading.restarts.length] === true) {
      tables = open();
      relation = null;
    }
    asked = Math.max(asked, Math.min(last, time + (reading.lags[n % reading.lags.length] ?? 0)));
    const settledAt = time - 1 - (reading.unsettled[n % reading.unsettled.length] ?? 0);
    moment = { time, lookedAt: asked, settledAt };
    if (relation === null || columnsOf(history, described) !== columnsOf(history, time)) {
      tables.describe(history.relation(time));
      relation = tables.relation(7);
      described = time;
    }
    if (relation.plan === null) await tables.resolve(relation, time);
    if (relation.later !== null) tables.confirm(relation, time);
    const told = relation.announcement?.shape ?? null;
    relation.announcement = null;
    if (relation.plan === null) throw new Error("no plan");
    if (told !== null) copy.reshape(relation.plan.shape, told.rewritten, asked);
    const id = history.at(time).written ?? "";
    copy.put(id, history.logged(time, id), relation.plan.unproven, asked);
  }
  return copy;
}

function writesOf({ versions }: TableHistory): number[] {
  return versions.flatMap(({ written }, time) => (written === null ? [] : [time]));
}

/** The server sends a message where a column was touched since the one before, whether it looks so or not. */
function columnsOf({ versions }: TableHistory, time: number): string {
  return JSON.stringify(versions[time]?.columns ?? null);
}

const small = fc.nat({ max: 7 });
const step: fc.Arbitrary<HistoryStep> = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), row: fc.nat({ max: 3 }) }),
  fc.record({ kind: fc.constant("write" as const), row: fc.nat({ max: 3 }) }),
  fc.record({ kind: fc.constant("add" as const), name: small, hasDefault: fc.boolean() }),
  fc.record({ kind: fc.constant("add" as const), name: small, hasDefault: fc.constant(false) }),
  fc.record({ kind: fc.constant("drop" as const), column: small }),
  fc.record({ kind: fc.constant("rename" as const), column: small, name: small }),
  fc.record({ kind: fc.constant("rename" as const), column: small, name: small }),
  fc.record({ kind: fc.constant("retype" as const), column: small }),
);
const reading: fc.Arbitrary<Reading> = fc.record({
  lags: fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 20 })), { minLength: 1, maxLength: 6 }),
  unsettled: fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 20 })), {
    minLength: 1,
    maxLength: 6,
  }),
  restarts: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
});

describe("a log that is read while the catalogue is ahead of it", () => {
  it("never has a column's values under another column, nor loses them, whatever was altered meanwhile", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 2, maxLength: 24 }),
        reading,
        async (steps, how) => {
          // A row behind the last change: without one the log tells nothing (idle-shapes.ts).
          const history = new TableHistory([...steps, { kind: "write", row: 0 }]);
          const copy = await follow(history, how);
          const end = history.versions.length - 1;
          const { columns, rows } = history.at(end);
          const live = columns.filter((column) => !column.isDropped);
          for (const [id, row] of rows) {
            const wanted = live.map(({ name, attnum }) => [name, row.get(attnum) ?? null] as const);
            expect(Object.fromEntries(copy.rows.get(id) ?? [])).toEqual(Object.fromEntries(wanted));
          }
        },
      ),
      { numRuns: testRuns(3_000) },
    );
  });

  it("is not loaded again where columns are only added, renamed and dropped in step with it", async () => {
    const history = new TableHistory([
      { kind: "add", name: 0, hasDefault: false },
      { kind: "write", row: 0 },
      { kind: "rename", column: 0, name: 1 },
      { kind: "write", row: 1 },
      { kind: "drop", column: 0 },
      { kind: "add", name: 0, hasDefault: false },
      { kind: "write", row: 0 },
      { kind: "write", row: 1 },
    ]);
    const tables = new CapturedTables(
      new Map([[history.shape(0).id, history.shape(0)]]),
      (message, known) => {
        const types = message.columns.map(({ typeOid }) => typeOf(typeOid));
        const found = resolveShape(message, types, known, history.catalogue(asked, 0));
        return Promise.resolve({ shape: found.shape, rewritten: found.rewritten });
      },
    );
    let asked = 0;
    const rewritten: string[] = [];
    for (asked of [2, 4, 7]) {
      tables.describe(history.relation(asked));
      const relation = tables.relation(7);
      await tables.resolve(relation, asked);
      rewritten.push(...(relation.announcement?.shape?.rewritten ?? []));
    }
    expect(rewritten).toEqual([]);
  });
});
