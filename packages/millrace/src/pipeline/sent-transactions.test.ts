import { describe, expect, it } from "vitest";
import { SentTransactions } from "./sent-transactions.ts";

describe("SentTransactions", () => {
  it("begins with what an earlier run had sent and no snapshot had seen", () => {
    expect(new SentTransactions(["7", "9"]).list()).toEqual(["7", "9"]);
  });

  it("forgets only what was asked about and is visible: what came meanwhile stays", () => {
    const sent = new SentTransactions(["1", "2"]);
    const asked = sent.list();
    sent.add("3");
    sent.prune(asked, ["2"]);
    expect(sent.list()).toEqual(["2", "3"]);
    sent.add("2");
    expect(sent.size).toBe(2);
  });

  it("is one id for all where the source can join them, beside what was carried (I10)", () => {
    const sent = new SentTransactions(["c"], (one, other) => `${one}+${other}`);
    for (const id of ["1", "2", "3"]) sent.add(id);
    expect(sent.list()).toEqual(["c", "1+2+3"]);
    const asked = sent.list();
    sent.add("4");
    // What was asked about is seen; what it has become since is not known to be.
    sent.prune(asked, []);
    expect(sent.list()).toEqual(["1+2+3+4"]);
    sent.prune(sent.list(), []);
    sent.add("5");
    expect(sent.list()).toEqual(["5"]);
  });
});
