import { describe, expect, it } from "vitest";
import { withoutLockWaits } from "./lock-waits.ts";

/** With what was taken out as one mark. */
function told(sql: string): string {
  const out = withoutLockWaits(sql);
  expect(out).toHaveLength(sql.length);
  return out.replace(/ {4,}/g, " # ").trim();
}

describe("SKIP LOCKED and NOWAIT", () => {
  it("are taken out behind FOR UPDATE and FOR KEY SHARE, whatever they are OF", () => {
    expect(told("select 1 from t for update skip locked")).toBe("select 1 from t for update #");
    expect(told("select 1 from t For Update NoWait limit 1")).toBe(
      "select 1 from t For Update # limit 1",
    );
    expect(told('select 1 from t for key share of t, "a b", s . u /* x */ skip locked; x')).toBe(
      'select 1 from t for key share of t, "a b", s . u /* x */ # ; x',
    );
    expect(told("(select 1 from t for update nowait) union (select 2 from u for update)")).toBe(
      "(select 1 from t for update # ) union (select 2 from u for update)",
    );
  });

  it("are left where they are other words", () => {
    for (const sql of [
      "select skip locked from t for update",
      "select 'for update nowait' from t for update of nowait",
      "select nowait from t -- for update skip locked",
    ]) {
      expect(told(sql)).toBe(sql);
    }
  });
});
