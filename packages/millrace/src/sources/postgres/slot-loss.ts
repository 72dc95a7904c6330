import type { SlotState } from "./slot.ts";

/** Why a server gave a slot's log up, and what keeps it from doing so again. */
export interface SlotLoss {
  /** What follows the slot's name. */
  readonly reason: string;
  readonly remedy: string;
}

const KEPT_TOO_LITTLE: SlotLoss = {
  reason: "no longer has its log (wal_status lost): max_slot_wal_keep_size was exceeded",
  remedy: "Raise max_slot_wal_keep_size at the server",
};

/** By `invalidation_reason` (17 and later). */
const BY_REASON: ReadonlyMap<string, SlotLoss> = new Map([
  ["wal_removed", KEPT_TOO_LITTLE],
  [
    "rows_removed",
    {
      reason:
        "was invalidated (rows_removed): a vacuum of the primary removed rows of the catalogue that the standby's slot needs",
      remedy:
        "Set hot_standby_feedback = on at the standby and give it a physical slot at the primary (primary_slot_name)",
    },
  ],
  [
    "wal_level_insufficient",
    {
      reason: "was invalidated (wal_level_insufficient): the primary's wal_level was below logical",
      remedy: "Set wal_level = logical at the primary and restart it",
    },
  ],
  [
    "idle_timeout",
    {
      reason: "was invalidated (idle_timeout): nobody read it for idle_replication_slot_timeout",
      remedy: "Raise idle_replication_slot_timeout at the server",
    },
  ],
]);

/** A standby of 16 does not say which. */
const CONFLICT: SlotLoss = {
  reason: "conflicted with recovery: the standby replayed what its slot cannot live with",
  remedy:
    "Set hot_standby_feedback = on at the standby, give it a physical slot at the primary (primary_slot_name), and keep wal_level = logical there",
};

/** Null where the slot has what comes next. */
export function slotLoss(state: SlotState): SlotLoss | null {
  const { wal_status: status, conflicting, invalidation_reason: reason } = state;
  if (typeof reason === "string")
    return BY_REASON.get(reason) ?? { ...KEPT_TOO_LITTLE, reason: `was invalidated: ${reason}` };
  if (conflicting === true) return CONFLICT;
  return status === "lost" || state.restart_lsn === null ? KEPT_TOO_LITTLE : null;
}

/** The remedy as a sentence: first so that it does not happen again, then what brings the tables back. */
export function lossRemedy(loss: SlotLoss | null): string {
  const { remedy } = loss ?? KEPT_TOO_LITTLE;
  return `${remedy}; then write \`on-loss: resync\` in the source and start again, which loads the tables anew.`;
}
