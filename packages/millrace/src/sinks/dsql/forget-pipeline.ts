import { arrayLiteral } from "./array-literal.ts";
import { claimTargets } from "./claim-targets.ts";
import { commitTransaction } from "./end-transaction.ts";
import { classify } from "./errors.ts";
import type { SinkConnection } from "./sink-connection.ts";
import type { StateStatements } from "./state-statements.ts";
import type { TaskName } from "./takeover.ts";

/** Below what DSQL takes of rows in one transaction, whatever else is in it. */
const ROWS_AT_ONCE = 1_000;

/** What is forgotten last: as long as they are there, who starts knows that the pipeline has been. */
const LAST = ["pipeline", "frontier/log"];

/**
 * Takes the state of a pipeline away. First the fence is raised: a process that runs it all the same writes nothing from
 * then on (I5). Its lane rows stay for that: without them the same fence would be drawn again. Tables go before the pipeline, so that a start behind a cleanup that broke off finds none of them, and
 * loads them, but never one in SYNC whose log is gone. Again and again it comes to the same.
 * @returns whether there was any.
 */
export async function forgetPipeline(
  connection: SinkConnection,
  statements: StateStatements,
  task: TaskName,
): Promise<boolean> {
  const { pipeline, task: name } = task;
  const mine = [pipeline, name];
  const state = await connection.query(statements.readState, mine);
  if (state.length === 0) return false;
  const write = (doing: string, work: () => Promise<void>) => written(connection, doing, work);
  await write("raising the fence", async () => {
    const [[highest] = []] = await connection.query(statements.maxFence, mine);
    await connection.query(statements.raiseFence, [...mine, String(Number(highest ?? 0) + 1)]);
  });
  const keys = state.map(([key]) => key ?? "").filter((key) => !LAST.includes(key));
  for (let at = 0; at < keys.length; at += ROWS_AT_ONCE) {
    const some = arrayLiteral(keys.slice(at, at + ROWS_AT_ONCE));
    await write("forgetting tables", async () => {
      await connection.query(statements.deleteState.text, [...mine, some]);
    });
  }
  const letters = await connection.query(statements.readLetterIds, mine);
  for (let at = 0; at < letters.length; at += ROWS_AT_ONCE) {
    const ids = letters.slice(at, at + ROWS_AT_ONCE).map(([id]) => id ?? "");
    await write("forgetting dead letters", async () => {
      await connection.query(statements.deleteLetters, [...mine, arrayLiteral(ids)]);
    });
  }
  const claim = { pipeline, targets: [], shared: false, others: "let-go" } as const;
  await claimTargets(connection, statements, claim, () => Promise.resolve());
  await write("forgetting the pipeline", async () => {
    await connection.query(statements.deleteState.text, [...mine, arrayLiteral(LAST)]);
  });
  return true;
}

/** One transaction. @throws MillraceError, the connection destroyed; of class `conflict` to be tried again. */
async function written(
  connection: SinkConnection,
  doing: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await work();
    await commitTransaction(connection, doing);
  } catch (error) {
    connection.destroy();
    throw classify(error, { doing });
  }
}
