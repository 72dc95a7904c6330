import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteBudget } from "./byte-budget.ts";

async function settles(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe("ByteBudget", () => {
  it("lets an account have its share and no more, whoever asks elsewhere", async () => {
    const budget = new ByteBudget(100);
    const log = budget.account(0.6);
    const chunks = budget.account(0.4);
    expect(chunks.tryTake(40)).toBe(true);
    expect(chunks.tryTake(1)).toBe(false);
    expect(log.tryTake(60)).toBe(true);
    const waiting = chunks.take(10);
    expect(await settles(waiting)).toBe(false);
    chunks.give(30);
    expect(await settles(waiting)).toBe(true);
    expect(budget.usedBytes).toBe(80);
  });

  it("lets a piece larger than the share pass alone", () => {
    const account = new ByteBudget(100).account(0.5);
    expect(account.tryTake(500)).toBe(true);
    expect(account.tryTake(1)).toBe(false);
  });

  it("serves those who wait in order", async () => {
    const account = new ByteBudget(100).account(1);
    account.tryTake(100);
    const large = account.take(90);
    const small = account.take(10);
    account.give(20);
    expect(await settles(small)).toBe(false);
    account.give(80);
    expect(await settles(large)).toBe(true);
    expect(await settles(small)).toBe(true);
  });

  it("forgets who no longer wants to wait, and goes on with the next", async () => {
    const account = new ByteBudget(100).account(1);
    account.tryTake(100);
    const abort = new AbortController();
    const given = account.take(100, abort.signal);
    const next = account.take(10);
    account.give(50);
    abort.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    expect(await settles(next)).toBe(true);
  });

  it("counts nothing of an account that was closed", async () => {
    const budget = new ByteBudget(100);
    const account = budget.account(1);
    account.tryTake(70);
    account.close();
    account.give(70);
    account.close();
    await account.take(30);
    expect(account.tryTake(1_000)).toBe(true);
    expect(budget.usedBytes).toBe(0);
  });

  it("comes back to zero when all is given back", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 80 })), (pieces) => {
        const budget = new ByteBudget(100);
        const accounts = [budget.account(0.6), budget.account(0.4)];
        const taken: [number, number][] = [];
        for (const [i, bytes] of pieces.entries()) {
          if (accounts[i % 2]?.tryTake(bytes) === true) taken.push([i % 2, bytes]);
          expect(budget.usedBytes).toBe(taken.reduce((sum, [, b]) => sum + b, 0));
        }
        for (const [i, bytes] of taken) accounts[i]?.give(bytes);
        expect(budget.usedBytes).toBe(0);
      }),
    );
  });
});
