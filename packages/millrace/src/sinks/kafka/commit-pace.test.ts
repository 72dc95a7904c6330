import { describe, expect, it } from "vitest";
import { CommitPace } from "./commit-pace.ts";

describe("what one transaction may bring", () => {
  it("is anything until one was too slow, then half of it, and half of that again", () => {
    const pace = new CommitPace(60_000);
    expect(pace.fits(2 ** 40)).toBe(true);
    pace.tooSlow(1_000);
    expect([pace.fits(500), pace.fits(501)]).toEqual([true, false]);
    pace.tooSlow(400);
    expect([pace.fits(200), pace.fits(201)]).toEqual([true, false]);
  });

  it("grows as transactions of about so much are quick, and only then", () => {
    const pace = new CommitPace(60_000);
    pace.tooSlow(1_000);
    pace.took(500, 15_000);
    pace.took(250, 10);
    expect(pace.fits(501)).toBe(false);
    pace.took(400, 14_999);
    expect([pace.fits(1_000), pace.fits(1_001)]).toEqual([true, false]);
  });
});
