import { describe, expect, it } from "vitest";
import { tableId } from "../model/table.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { letterFor } from "./letter.ts";
import { itemOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";
import { PUT_OFF } from "./put-off.ts";
import { PutOffCohort } from "./put-off-cohort.ts";

const REFUSED = { code: "MR_SINK_CONSTRAINT", reason: "23505", column: null };

function booked() {
  const table = tableOf();
  const book = new DeadLetterBook({ policy: "park", maxPerTable: 100, maxShare: 1 }, []);
  /** A row is refused; its letter as the book has it. */
  const refused = (key: string, atMs: number, why = PUT_OFF) => {
    const item = itemOf(table, "put", [key, "v", "b"], 4);
    const earlier = book.get(item.route.target.id, key);
    const letter = letterFor(item, why, atMs, earlier);
    book.add(letter);
    return letter;
  };
  return { table, book, refused };
}

describe("rows that are given up together", () => {
  it("are those that were put off by then, however often they are refused since", () => {
    const { table, book, refused } = booked();
    const first = refused("1", 1);
    const parked = refused("2", 1, REFUSED);
    const cohort = PutOffCohort.of(table.id, [], book.arrivals);
    const again = refused("1", 2);
    const late = refused("3", 2);
    const backAgain = refused("2", 3);
    const ours = [first, again, parked, late, backAgain].map((letter) => cohort.has(letter));
    expect(ours).toEqual([true, true, false, false, false]);
  });

  it("are not one whose key was free in between", () => {
    const { table, book, refused } = booked();
    const gone = refused("1", 1);
    const cohort = PutOffCohort.of(table.id, [], book.arrivals);
    book.remove(gone.target, gone.key);
    expect([cohort.has(gone), cohort.has(refused("1", 2))]).toEqual([true, false]);
  });

  it("are those of linked tables too, and of no others", () => {
    const { table, book, refused } = booked();
    const letter = refused("1", 1);
    const other = tableOf({ ...shapeOf(), id: tableId("shop", "other"), name: "other" });
    expect(PutOffCohort.of(other.id, [table.id], book.arrivals).has(letter)).toBe(true);
    expect(PutOffCohort.of(other.id, [], book.arrivals).has(letter)).toBe(false);
  });
});
