import { serviceLimits } from "../rules/bounds.ts";
import { describe, expect, it } from "vitest";
import { Door, TokenBucket, type DoorRules } from "./door.ts";

describe("the connect rate", () => {
  it("lets a burst through and then so many a second", () => {
    let nowMs = 0;
    const bucket = new TokenBucket({ connectBurst: 1_000, connectsPerSecond: 100 }, () => nowMs);
    const takeAll = (tries: number): number =>
      Array.from({ length: tries }, () => bucket.take()).filter(Boolean).length;
    expect(takeAll(1_500)).toBe(1_000);
    nowMs += 1_000;
    expect(takeAll(500)).toBe(100);
    nowMs += 5;
    expect(takeAll(5)).toBe(0);
    nowMs += 5;
    expect(takeAll(5)).toBe(1);
    nowMs += 3_600_000;
    expect(takeAll(5_000)).toBe(1_000);
  });

  it("does not gain by a clock that goes back", () => {
    let nowMs = 10_000;
    const bucket = new TokenBucket({ connectBurst: 1, connectsPerSecond: 1 }, () => nowMs);
    expect(bucket.take()).toBe(true);
    nowMs = 0;
    expect(bucket.take()).toBe(false);
  });
});

describe("the door", () => {
  const rules: DoorRules = {
    auth: "trust",
    key: undefined,
    hosts: ["localhost"],
    requireServerName: true,
    nowMs: () => 0,
    limits: serviceLimits(),
  };
  const login = { user: "admin", database: "postgres", password: "any", serverName: undefined };

  it("asks for a server name where it is told to", () => {
    expect(() => new Door(rules).check(login)).toThrow(
      "unable to accept connection, sni was not received",
    );
    expect(() => new Door(rules).check({ ...login, serverName: "local" })).not.toThrow();
    expect(() => new Door({ ...rules, requireServerName: false }).check(login)).not.toThrow();
  });

  it("holds 10,000 connections, if they come slowly enough", () => {
    let nowMs = 0;
    const door = new Door({ ...rules, nowMs: () => nowMs });
    for (let i = 0; i < 10_000; i++) {
      nowMs += 10;
      door.enter();
    }
    nowMs += 1_000;
    expect(() => door.enter()).toThrow("Unable to accept connection, too many open connections.");
    door.leave();
    expect(() => door.enter()).not.toThrow();
  });

  it("turns away who comes in a rush", () => {
    const door = new Door(rules);
    for (let i = 0; i < 1_000; i++) door.enter();
    expect(() => door.enter()).toThrow("Unable to accept connection, rate exceeded.");
  });
});
