import { describe, expect, it } from "vitest";
import { loadLines, retentionLine } from "./protection-text.ts";

const FREE = {
  maxRowsPerSecond: null,
  maxBytesPerSecond: null,
  limited: false,
  waitedMs: 0,
  paused: null,
  givesWay: false,
};
const GIB = 1024 ** 3;

describe("what status says of a load", () => {
  it("is nothing where nothing holds it back", () => {
    expect(loadLines(FREE)).toEqual([]);
  });

  it("is its bounds, and how long chunks waited for them", () => {
    const load = { ...FREE, maxRowsPerSecond: 20_000, maxBytesPerSecond: 20 * 1024 * 1024 };
    expect(loadLines(load)).toEqual(["  load      at most 20,000 rows/s, 20.0 MiB/s"]);
    expect(loadLines({ ...load, limited: true, waitedMs: 90_000 })).toEqual([
      "  load      at most 20,000 rows/s, 20.0 MiB/s; chunks waited 90.0 s",
    ]);
  });

  it("is that it gives way, where changes come before it", () => {
    expect(loadLines({ ...FREE, givesWay: true })).toEqual([
      "  load      gives way to changes (scan.snapshot.give-way)",
    ]);
  });
});

describe("what status says of the log that is kept", () => {
  it("is the age at which it goes, where it goes by that", () => {
    const kept = { retainedBytes: GIB, limitBytes: null, limitOf: null, limitSeconds: null };
    const lineOf = (expireSeconds: number) => retentionLine({ ...kept, expireSeconds });
    expect([lineOf(604_800), lineOf(86_400), lineOf(600)].flat()).toEqual(
      ["7 days", "24 hours", "10 min"].map(
        (age) => `  log kept  1.0 GiB, whose files the server drops ${age} after they were written`,
      ),
    );
  });

  it("is no size where nobody measured any", () => {
    const kept = { retainedBytes: null, limitBytes: null, limitOf: null, limitSeconds: null };
    expect(retentionLine({ ...kept, expireSeconds: 86_400 })).toEqual([
      "  log kept  for 24 hours, whether it is read or not",
    ]);
    expect(retentionLine({ ...kept, expireSeconds: null })).toEqual([]);
  });

  it("is how much, of what, and when that is met", () => {
    const kept = {
      retainedBytes: 3 * GIB,
      limitBytes: null,
      limitOf: null,
      limitSeconds: null,
      expireSeconds: null,
    };
    const bounded = { ...kept, limitBytes: 5 * GIB, limitOf: "pipeline" as const };
    expect([
      retentionLine(null),
      retentionLine(kept),
      retentionLine(bounded),
      retentionLine({ ...bounded, limitOf: "server", limitSeconds: 7_200 }),
      retentionLine({ ...bounded, retainedBytes: 6 * GIB, limitSeconds: 0 }),
    ]).toEqual([
      [],
      ["  log kept  3.0 GiB, without a limit"],
      ["  log kept  3.0 GiB of 5.0 GiB (slot.max-retained)"],
      ["  log kept  3.0 GiB of 5.0 GiB (the server's limit), met in 120 min at this pace"],
      ["  log kept  6.0 GiB of 5.0 GiB (slot.max-retained), met now"],
    ]);
  });
});
