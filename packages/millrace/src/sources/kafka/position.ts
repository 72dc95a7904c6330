import { MillraceError } from "../../errors/millrace-error.ts";
import type { Position } from "../../model/position.ts";

/**
 * Where a partition stands: an offset, and how much of its message. `BEFORE` is where a schema change stands that the
 * message's own row needs. What is known of the message's epoch does not order positions.
 */
export type KafkaPosition =
  | readonly [offset: number, step: Step]
  | readonly [offset: number, step: Step, epoch: EpochMark];

/** Under which leader's epoch the message was written. An object: three numbers are a place in PostgreSQL's log to who shows them. */
export type EpochMark = Readonly<Record<"epoch", number>>;

/** Before the message; behind the delete half of a key change; behind all of it. */
export type Step = typeof BEFORE | typeof HALF | typeof WHOLE;

/** See {@link KafkaPosition}. */
export const BEFORE = 0;
/** See {@link KafkaPosition}. */
export const HALF = 1;
/** See {@link KafkaPosition}. */
export const WHOLE = 2;

/** @throws MillraceError MR_BUG where state holds something else. */
export function parsePosition(position: Position): readonly [offset: number, step: Step] {
  if (Array.isArray(position) && (position.length === 2 || position.length === 3)) {
    const [offset, step, epoch] = position as readonly unknown[];
    const isPlace =
      Number.isSafeInteger(offset) && (step === BEFORE || step === HALF || step === WHOLE);
    if (isPlace && (epoch === undefined || isMark(epoch))) return [offset as number, step];
  }
  throw new MillraceError("MR_BUG", "this is no position in a partition of a topic");
}

/** Order of two positions of one partition. */
export function comparePositions(a: Position, b: Position): number {
  const [offset, step] = parsePosition(a);
  const [otherOffset, otherStep] = parsePosition(b);
  return offset === otherOffset ? step - otherStep : offset - otherOffset;
}

/** Everything before this offset has been read, the last message of it under this epoch; −1 where nobody knows. */
export function behind(offset: number, epoch = -1): KafkaPosition {
  return epoch < 0 ? [offset - 1, WHOLE] : [offset - 1, WHOLE, { epoch }];
}

/** That of the position's message; −1 where the position does not say. */
export function epochOf(position: Position): number {
  const epoch: unknown = Array.isArray(position) ? position[2] : undefined;
  return isMark(epoch) ? epoch.epoch : -1;
}

/** The offset before which everything was read, at least in part: as far as that its partition has to be as it was. */
export function readTo(position: Position): number {
  const [offset, step] = parsePosition(position);
  return step === BEFORE ? offset : offset + 1;
}

/** The offset of the first message that is not behind this position. */
export function nextOffset(position: Position): number {
  const [offset, step] = parsePosition(position);
  return step === WHOLE ? offset + 1 : offset;
}

function isMark(part: unknown): part is EpochMark {
  if (typeof part !== "object" || part === null || !("epoch" in part)) return false;
  return Number.isSafeInteger(part.epoch) && Number(part.epoch) >= 0;
}
