import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import { abortedForSure, classify, stalePlan } from "./errors.ts";
import type { StatementResult } from "./exchange.ts";
import type { SinkConnection } from "./sink-connection.ts";
import { COMMIT, ROLLBACK } from "./statement.ts";

/**
 * Commits what the connection has open.
 * @throws MillraceError MR_SINK_UNKNOWN_COMMIT where nobody can say whether it landed (I6).
 */
export async function commitTransaction(connection: SinkConnection, doing: string): Promise<void> {
  let results: readonly StatementResult[];
  try {
    const answer = connection.run([{ statement: COMMIT, values: [] }]);
    // A failpoint that throws leaves the answer to nobody, which is no crash.
    answer.catch(() => {});
    failpoint("sink.commit-sent-alone");
    results = await answer;
  } catch (error) {
    throw commitFailure(error, doing);
  }
  expectCommitted(results.at(-1), doing);
}

/** The error of a COMMIT that was sent: certain where the server said so, unknown in any other case. */
export function commitFailure(error: unknown, doing: string): MillraceError {
  const failure = classify(error, { doing });
  if (abortedForSure(error)) return failure;
  // What it hides is found in the lane rows by who takes over next.
  if (failure.class === "bug") return failure;
  // What the server says of itself (its disk is full) is the operator's matter all the same.
  const remedy = failure.code === "MR_SINK_LOST_CONNECTION" && failure.facts["sqlState"] !== null;
  return new MillraceError("MR_SINK_UNKNOWN_COMMIT", failure.detail, {
    facts: failure.facts,
    ...(remedy && { remedy: failure.remedy }),
  });
}

/** A transaction that had failed answers COMMIT with the tag ROLLBACK and no error at all. */
export function expectCommitted(result: StatementResult | undefined, doing: string): void {
  if (result?.tag === "COMMIT") return;
  throw new MillraceError(
    "MR_SINK_CONFLICT",
    `${doing}: the transaction was rolled back without an error`,
  );
}

/** Leaves the connection without an open transaction, or without a session. Never rejects. */
export async function rollBack(connection: SinkConnection, cause?: unknown): Promise<void> {
  if (connection.broken) return;
  if (cause !== undefined && stalePlan(cause)) return connection.destroy();
  await connection.run([{ statement: ROLLBACK, values: [] }]).catch(() => connection.destroy());
}
