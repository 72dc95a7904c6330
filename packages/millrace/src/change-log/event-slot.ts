/** What happens at one row event, in this order; each at a position of its own (I2). */
export const Slot = {
  /** The table that had this name before is gone. */
  DROPPED: 0,
  /** The event's table has another shape from here on. */
  SHAPE: 1,
  /** The delete half of a key change. */
  MOVED_FROM: 2,
  /** The event itself; of a key change the upsert half. */
  EVENT: 3,
} as const;

const SLOTS = 4;

/** The last part of a position: the slot of the i-th event of a place of the log. */
export function ordinal(i: number, slot: (typeof Slot)[keyof typeof Slot]): number {
  return i * SLOTS + slot;
}
