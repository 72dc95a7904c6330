import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import { arrayLiteral } from "./array-literal.ts";
import { commitTransaction, rollBack } from "./end-transaction.ts";
import { classify, sqlStateOf } from "./errors.ts";
import { decideClaim } from "./ownership.ts";
import type { Claim, ClaimOutcome, Ownership } from "./ownership.ts";
import type { SinkConnection } from "./sink-connection.ts";
import type { StateStatements } from "./state-statements.ts";

/**
 * Claims targets in one transaction. There is one row per target, so that of two pipelines which claim it at once one
 * conflicts and looks again.
 * @throws MillraceError MR_TARGET_OWNED naming all that other pipelines have; of class `conflict` to be tried again.
 */
export async function claimTargets(
  connection: SinkConnection,
  statements: StateStatements,
  claim: Claim,
  stillMine: (connection: SinkConnection) => Promise<void>,
): Promise<void> {
  try {
    await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await stillMine(connection);
    const outcome = decideClaim(await readOwners(connection, statements), claim);
    if (outcome.refused.length > 0)
      throw new MillraceError("MR_TARGET_OWNED", outcome.refused.join("; "));
    if (outcome.put.length + outcome.gone.length === 0) return await rollBack(connection);
    await writeOwners(connection, statements, outcome);
    failpoint("sink.targets-claimed");
    await commitTransaction(connection, "claiming targets");
  } catch (error) {
    connection.destroy();
    throw claimError(error);
  }
}

/** Every target that a pipeline has. */
export async function readOwners(
  connection: SinkConnection,
  statements: StateStatements,
): Promise<readonly Ownership[]> {
  const rows = await connection.query(statements.readOwners);
  return rows.map(([target, pipelines, shared]) => ({
    target: target ?? "",
    pipelines: namesIn(pipelines ?? "[]"),
    shared: shared === "t",
  }));
}

function namesIn(text: string): string[] {
  const names: unknown = JSON.parse(text);
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}

async function writeOwners(
  connection: SinkConnection,
  statements: StateStatements,
  { put, gone }: ClaimOutcome,
): Promise<void> {
  if (gone.length > 0) await connection.query(statements.deleteOwners, [arrayLiteral(gone)]);
  if (put.length === 0) return;
  await connection.query(statements.putOwners, [
    arrayLiteral(put.map(({ target }) => target)),
    arrayLiteral(put.map(({ pipelines }) => JSON.stringify(pipelines))),
    arrayLiteral(put.map(({ shared }) => shared)),
  ]);
}

/** On PostgreSQL the second of two first claims meets the first one's new row. */
function claimError(error: unknown): MillraceError {
  if (sqlStateOf(error) === "23505")
    return new MillraceError("MR_SINK_CONFLICT", "another pipeline claims the target right now");
  return classify(error, { doing: "claiming targets" });
}
