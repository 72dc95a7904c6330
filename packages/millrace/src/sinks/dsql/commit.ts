import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Commit, CommitResult } from "../../model/sink.ts";
import type { PlannedStatement } from "./commit-plan.ts";
import { canPipelineCommit } from "./commit-plan.ts";
import { commitFailure, commitTransaction, expectCommitted, rollBack } from "./end-transaction.ts";
import { abortedForSure, classify, sqlStateOf } from "./errors.ts";
import type { StatementResult } from "./exchange.ts";
import { ExchangeError } from "./exchange.ts";
import type { SinkConnection } from "./sink-connection.ts";
import { COMMIT } from "./statement.ts";

type Missing = Extract<CommitResult, { outcome: "missing" }>["rows"];

/**
 * Sends one transaction: one round trip where nothing is to be looked at before its COMMIT, else two.
 * @throws MillraceError of class `unknown-outcome` where only the lane row can say how it ended (I6); with any other
 * class this call certainly made nothing durable.
 */
export async function sendCommit(
  connection: SinkConnection,
  commit: Commit,
  planned: readonly PlannedStatement[],
): Promise<CommitResult> {
  failpoint("sink.before-commit");
  const result = canPipelineCommit(commit, planned)
    ? await sendAtOnce(connection, planned)
    : await lookThenCommit(connection, planned);
  failpoint("sink.after-commit");
  return result;
}

async function sendAtOnce(
  connection: SinkConnection,
  planned: readonly PlannedStatement[],
): Promise<CommitResult> {
  let results: readonly StatementResult[];
  try {
    const answer = connection.run([...planned, { statement: COMMIT, values: [] }]);
    // A failpoint that throws leaves the answer to nobody, which is no crash.
    answer.catch(() => {});
    failpoint("sink.commit-sent");
    results = await answer;
  } catch (error) {
    await rollBack(connection, error);
    throw failureOf(error, planned, true);
  }
  expectCommitted(results[planned.length], "commit");
  return { outcome: "done", deletedSome: 0 };
}

async function lookThenCommit(
  connection: SinkConnection,
  planned: readonly PlannedStatement[],
): Promise<CommitResult> {
  let results: readonly StatementResult[];
  try {
    results = await connection.run(planned);
  } catch (error) {
    await rollBack(connection, error);
    throw failureOf(error, planned, false);
  }
  const missing = missingRows(planned, results);
  if (missing instanceof MillraceError || missing.length > 0) {
    await rollBack(connection);
    if (missing instanceof MillraceError) throw missing;
    return { outcome: "missing", rows: missing };
  }
  try {
    await commitTransaction(connection, "commit");
  } catch (error) {
    await rollBack(connection);
    throw error;
  }
  return { outcome: "done", deletedSome: sumOf(planned, results) };
}

/** Holds the answers against what they must be. */
function missingRows(
  planned: readonly PlannedStatement[],
  results: readonly StatementResult[],
): Missing | MillraceError {
  const missing: Missing[number][] = [];
  for (const [i, part] of planned.entries()) {
    const result = results[i];
    if (part.look === null || result === undefined) continue;
    if (part.purpose === "lane") {
      if (part.look.kind === "exactly" && result.count !== part.look.count) return laneMissing();
      continue;
    }
    missing.push(...missingOf(part, result));
  }
  return missing;
}

function missingOf({ look, write }: PlannedStatement, result: StatementResult): Missing {
  if (look === null || write === null || look.kind === "sum") return [];
  if (look.kind === "exactly") return result.count === look.count ? [] : [{ write, row: 0 }];
  if (result.count === look.rows) return [];
  const found = new Set(result.firstColumn.map(Number));
  const rows = Array.from({ length: look.rows }, (_, i) => i);
  return rows.filter((i) => !found.has(i + 1)).map((i) => ({ write, row: look.firstRow + i }));
}

function sumOf(planned: readonly PlannedStatement[], results: readonly StatementResult[]): number {
  return planned.reduce(
    (sum, part, i) => (part.look?.kind === "sum" ? sum + (results[i]?.count ?? 0) : sum),
    0,
  );
}

function laneMissing(): MillraceError {
  return new MillraceError("MR_SINK_LANE_MISSING", "a lane row of this task is gone");
}

/** Which statement failed, and what that means for the whole transaction. */
function failureOf(
  error: unknown,
  planned: readonly PlannedStatement[],
  commitSent: boolean,
): MillraceError {
  const at = error instanceof ExchangeError ? error.completed : -1;
  const part = planned[at];
  const state = sqlStateOf(error);
  if (part?.purpose === "lane" && state === "23514") {
    return new MillraceError("MR_SINK_LANE_MOVED", "the lane row has another fence or seq");
  }
  if (part?.purpose === "state" && state === "23502") return laneMissing();
  const doing = part?.doing ?? "commit";
  // The COMMIT was on its way: only a refusal by the server rules out that it landed (I6).
  if (commitSent && !abortedForSure(error)) return commitFailure(error, doing);
  const facts = part?.write === null || part === undefined ? {} : { write: part.write };
  return classify(error, { doing, facts });
}
