import type { PipelineConfig } from "./config/pipeline-config.ts";
import { isShared } from "./known-pipeline.ts";
import type { TableId } from "./model/table.ts";
import { loadState } from "./pipeline/state-documents.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";
import type { SinkConnection } from "./sinks/dsql/sink-connection.ts";
import { stateStatements } from "./sinks/dsql/state-statements.ts";
import { readDocuments, readLetters, readTasks } from "./sinks/dsql/takeover.ts";
import type { TableVerdict } from "./verify/verify-tables.ts";

/** What a table was found to be, and what the pipeline has about it beside its rows. */
export interface StandingVerdict extends TableVerdict {
  /** Rows of this table that this target refuses. */
  readonly deadLetters: number;
  /** The operator has paused it: its changes are left out. */
  readonly paused: boolean;
}

/** Adds to each verdict what the pipeline's state at the sink says of the table. Only a look. */
export async function withStandings(
  session: SinkConnection,
  { name, source, sink }: PipelineConfig,
  verdicts: readonly TableVerdict[],
): Promise<readonly StandingVerdict[]> {
  if (sink.kind === "jsonl" || sink.kind === "kafka") return verdicts.map(nothingKnown);
  const statements = stateStatements(sink.stateSchema);
  const paused = new Set<TableId>();
  const letters: { readonly table: TableId; readonly target: TableId }[] = [];
  // Another kind of source may have had the pipeline's name before.
  const tasks = (await readTasks(session, statements, name)).filter(
    (task) => (task !== ONLY_TASK) === isShared(source),
  );
  for (const task of tasks)
    letters.push(...(await readLetters(session, statements, { pipeline: name, task })));
  const documents =
    tasks.length === 0 ? [] : await readDocuments(session, statements, name, "table/");
  const own = documents.filter(({ task }) => tasks.includes(task));
  const { tables } = loadState(new Map(own.map(({ key, value }) => [key, value])));
  for (const [id, document] of tables) if ((document.paused ?? null) !== null) paused.add(id);
  return verdicts.map((verdict) => {
    const { table, target } = verdict;
    const refused = letters.filter((letter) => letter.table === table && letter.target === target);
    return { ...verdict, deadLetters: refused.length, paused: paused.has(table) };
  });
}

function nothingKnown(verdict: TableVerdict): StandingVerdict {
  return { ...verdict, deadLetters: 0, paused: false };
}
