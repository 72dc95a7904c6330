import { describe, expect, it } from "vitest";
import { tableId } from "../../model/table.ts";
import { AnsweredChanges } from "./answered-changes.ts";
import { classify } from "./errors.ts";

const id = tableId("app", "t");
const table = { id, schema: "app", name: "t", columns: [], key: [], keyless: false };
const CHANGE = { kind: "alter", table, renames: [], drops: ["a"], replaces: [], tag: "1" } as const;

/** Whether what was put away may go, after a statement that ended like this and another attempt that worked. */
async function mayGo(thrown: object): Promise<boolean> {
  const answered = new AnsweredChanges();
  answered.begin(CHANGE);
  const failing = answered.during(CHANGE, () =>
    Promise.reject(classify(thrown, { doing: "altering app.t", ddl: true })),
  );
  await expect(failing).rejects.toThrow("altering app.t");
  await answered.during(CHANGE, () => Promise.resolve());
  return answered.take(CHANGE);
}

describe("a change whose statements were answered", () => {
  it("may be tidied up after where the server refused a statement, which it has ended by that", async () => {
    expect(await mayGo({ code: "55P03", message: "canceling statement due to lock timeout" })).toBe(
      true,
    );
    expect(await mayGo({ code: "57014", message: "canceling statement due to user request" })).toBe(
      true,
    );
  });

  it("may not where nobody says that the server is done with it: a connection broke, or something in between says so", async () => {
    expect(await mayGo(new Error("Connection terminated unexpectedly"))).toBe(false);
    expect(await mayGo({ code: "08P01", severity: "FATAL", message: "query_timeout" })).toBe(false);
    expect(await mayGo({ code: "40003", message: "statement completion unknown" })).toBe(false);
  });
});
