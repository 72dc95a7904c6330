import { describe, expect, it } from "vitest";
import type { Queryable } from "./catalogue.ts";
import { shapeOfRelation } from "./relation-shapes.ts";

/** A catalogue that answers every question about columns with the next of `answers`, and others with nothing. */
function askedCatalogue(answers: readonly { touched: string; snapshot: string }[]) {
  let asked = 0;
  const client: Queryable = {
    query: <R extends object>(sql: string) => {
      if (!sql.includes("isSettled")) return Promise.resolve({ rows: [] as R[] });
      const answer = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      const row = { attnum: 1, name: "id", typeOid: 23, typmod: -1, recovery: false, ...answer };
      return Promise.resolve({ rows: [{ ...row, isDropped: false } as object as R] });
    },
  };
  return { client, asked: () => asked };
}

const relation = { oid: 7, schema: "public", name: "t", replicaIdentity: "d", columns: [] };
const place = { clock: { sleep: () => Promise.resolve() }, slotName: "s", publicationName: "p" };

describe("the catalogue at a Relation message", () => {
  it("is asked until it sees the transaction that is read: its commit is in the log before", async () => {
    const before = { touched: "90", snapshot: "100:101:100" };
    const after = { touched: "100", snapshot: "101:101:" };
    const { client, asked } = askedCatalogue([before, before, before, after, after]);
    await shapeOfRelation({ ...place, client, transaction: "100" }, relation, null);
    expect(asked()).toBe(6);
  });

  it("is asked until nobody touches a column between its answers", async () => {
    const snapshot = "101:101:";
    const { client, asked } = askedCatalogue([
      { touched: "90", snapshot },
      { touched: "95", snapshot },
      { touched: "95", snapshot },
    ]);
    await shapeOfRelation({ ...place, client, transaction: "100" }, relation, null);
    expect(asked()).toBe(4);
  });
});
