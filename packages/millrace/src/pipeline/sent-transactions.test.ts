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
});
