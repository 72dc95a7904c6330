import { MillraceError } from "../../errors/millrace-error.ts";
import type { Position } from "../../model/position.ts";

/**
 * Where a partition stands: an offset, and how much of its message. `BEFORE` is where a schema change stands that the
 * message's own row needs.
 */
export type KafkaPosition = readonly [offset: number, step: Step];

/** Before the message; behind the delete half of a key change; behind all of it. */
export type Step = typeof BEFORE | typeof HALF | typeof WHOLE;

/** See {@link KafkaPosition}. */
export const BEFORE = 0;
/** See {@link KafkaPosition}. */
export const HALF = 1;
/** See {@link KafkaPosition}. */
export const WHOLE = 2;

/** @throws MillraceError MR_BUG where state holds something else. */
export function parsePosition(position: Position): KafkaPosition {
  if (Array.isArray(position) && position.length === 2) {
    const [offset, step] = position as readonly unknown[];
    if (Number.isSafeInteger(offset) && (step === BEFORE || step === HALF || step === WHOLE))
      return [offset as number, step];
  }
  throw new MillraceError("MR_BUG", "this is no position in a partition of a topic");
}

/** Order of two positions of one partition. */
export function comparePositions(a: Position, b: Position): number {
  const [offset, step] = parsePosition(a);
  const [otherOffset, otherStep] = parsePosition(b);
  return offset === otherOffset ? step - otherStep : offset - otherOffset;
}

/** Everything before this offset has been read. */
export function behind(offset: number): KafkaPosition {
  return [offset - 1, WHOLE];
}

/** The offset of the first message that is not behind this position. */
export function nextOffset(position: Position): number {
  const [offset, step] = parsePosition(position);
  return step === WHOLE ? offset + 1 : offset;
}
