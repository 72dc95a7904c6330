import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { CopyTrial } from "./copy-trial.ts";

const failure = (sqlState: string | null): MillraceError =>
  new MillraceError("MR_SINK_LOST_CONNECTION", "COPY", { facts: { sqlState } });

describe("whether COPY comes through", () => {
  it("is given up after three lost connections, once", () => {
    const trial = new CopyTrial();
    expect([1, 2, 3, 4].map(() => trial.failed(failure(null)))).toEqual([
      false,
      false,
      true,
      false,
    ]);
    expect(trial.open).toBe(false);
  });

  it("is known once it did", () => {
    const trial = new CopyTrial();
    trial.passed();
    expect([1, 2, 3, 4].map(() => trial.failed(failure(null)))).not.toContain(true);
    expect(trial.open).toBe(true);
  });

  it.each(["53100", "53200"])("is no question of a server without room (%s)", (sqlState) => {
    const trial = new CopyTrial();
    for (let attempt = 0; attempt < 10; attempt += 1)
      expect(trial.failed(failure(sqlState))).toBe(false);
    expect(trial.open).toBe(true);
  });
});
