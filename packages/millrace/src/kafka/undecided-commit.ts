import { KafkaFault } from "./kafka-fault.ts";

/** A lost answer to the end of a transaction must not be mistaken for a refusal that may be tried again. */
export async function lostAsUndecided<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof KafkaFault && thrown.kind === "connection")
      throw new UndecidedCommit(thrown);
    throw thrown;
  }
}

/**
 * Whatever the end of a transaction fails with: a coordinator that has written it may say that it is not available, and the next
 * attempt may fail before it is sent.
 */
export async function failedAsUndecided(end: Promise<void>): Promise<void> {
  try {
    await end;
  } catch (thrown) {
    throw thrown instanceof KafkaFault ? new UndecidedCommit(thrown) : thrown;
  }
}

/** Nobody knows whether the transaction was committed (I6). */
export class UndecidedCommit extends Error {
  override readonly name = "UndecidedCommit";
  override readonly cause: KafkaFault;

  constructor(cause: KafkaFault) {
    super(cause.message);
    this.cause = cause;
  }
}
