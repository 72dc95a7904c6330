import { describe, expect, it } from "vitest";
import { lossRemedy, slotLoss } from "./slot-loss.ts";
import type { SlotState } from "./slot.ts";

const slot: SlotState = {
  slot_name: "millrace_shop",
  plugin: "pgoutput",
  slot_type: "logical",
  database: "shop",
  active: false,
  active_pid: null,
  temporary: false,
  restart_lsn: "0/1",
  confirmed_flush_lsn: "0/1",
  wal_status: "reserved",
};

describe("a slot that the server gave up", () => {
  it.each([
    [{ invalidation_reason: "rows_removed", conflicting: true }, /vacuum/, /hot_standby_feedback/],
    [
      { invalidation_reason: "wal_level_insufficient", conflicting: true },
      /wal_level/,
      /wal_level = logical/,
    ],
    [
      { invalidation_reason: "wal_removed", restart_lsn: null },
      /max_slot_wal_keep_size/,
      /Raise max_slot_wal_keep_size/,
    ],
    [
      { invalidation_reason: "idle_timeout" },
      /idle_replication_slot_timeout/,
      /Raise idle_replication_slot_timeout/,
    ],
    [{ invalidation_reason: "of a later version" }, /of a later version/, /Raise/],
    [{ conflicting: true }, /conflicted with recovery/, /hot_standby_feedback.*wal_level/],
    [{ wal_status: "lost" }, /wal_status lost/, /Raise max_slot_wal_keep_size/],
    [{ restart_lsn: null }, /wal_status lost/, /Raise max_slot_wal_keep_size/],
  ] as const)(
    "is told with why, and what keeps it from happening again (%o)",
    (part, why, remedy) => {
      const loss = slotLoss({ ...slot, ...part });
      expect(loss?.reason).toMatch(why);
      expect(lossRemedy(loss)).toMatch(remedy);
      expect(lossRemedy(loss)).toMatch(/on-loss: resync/);
    },
  );

  it("is none where it has what comes next, extended or not", () => {
    expect(slotLoss(slot)).toBeNull();
    expect(slotLoss({ ...slot, wal_status: "extended", conflicting: false })).toBeNull();
  });
});
