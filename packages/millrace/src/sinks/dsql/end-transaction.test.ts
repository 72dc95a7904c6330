import { describe, expect, it } from "vitest";
import { commitFailure, expectCommitted } from "./end-transaction.ts";
import { ExchangeError } from "./exchange.ts";

const serverError = (code: string, severity = "ERROR") =>
  Object.assign(new Error("text"), { code, severity });

describe("the answer to COMMIT", () => {
  it("is good only with its own tag: a failed transaction answers ROLLBACK without an error", () => {
    expect(() =>
      expectCommitted({ tag: "COMMIT", count: 0, firstColumn: [] }, "commit"),
    ).not.toThrow();
    for (const result of [{ tag: "ROLLBACK", count: 0, firstColumn: [] }, undefined]) {
      expect(() => expectCommitted(result, "commit")).toThrow(
        expect.objectContaining({ class: "conflict" }),
      );
    }
  });

  it.each(["40001", "23505", "54000"])("is certain where the server refused it with %s", (code) => {
    expect(commitFailure(new ExchangeError(5, serverError(code)), "commit").class).not.toBe(
      "unknown-outcome",
    );
  });

  it.each([
    ["a lost connection", new Error("Connection terminated unexpectedly")],
    ["a shutdown", serverError("57P01", "FATAL")],
    ["an internal error", serverError("XX000")],
    ["an unknown completion", serverError("40003")],
  ])("is unknown after %s (I6)", (_, error) => {
    expect(commitFailure(new ExchangeError(5, error), "commit")).toMatchObject({
      code: "MR_SINK_UNKNOWN_COMMIT",
    });
  });
});
