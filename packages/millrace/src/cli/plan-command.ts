import { planPipeline, type PipelinePlan, type PlannedTable } from "../plan-pipeline.ts";
import { grouped } from "./event-text.ts";
import { interruptible } from "./interrupted.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";
import { findingText } from "./validate-command.ts";

/** What `plan` was asked for. */
export interface PlanCommandOptions {
  readonly file: string;
  readonly json: boolean;
}

/** Says what `run` would do. Exit 0, or 2 where something is in its way. */
export async function planCommand(
  { file, json }: PlanCommandOptions,
  io: CliSurroundings,
): Promise<number> {
  const left = "the plan was not finished, and nothing was written";
  const plan = await interruptible(io, { left }, () =>
    planPipeline(file, { env: io.env, clock: io.clock }),
  );
  io.stdout.write(json ? `${JSON.stringify(plan)}\n` : planText(plan));
  return plan.findings.some(({ severity }) => severity === "error") ? EXIT.invalid : EXIT.done;
}

/** A plan as lines: each table with its targets, then the sum, then what there is to know. */
export function planText({ pipeline, tables, findings, messages }: PipelinePlan): string {
  const sum = (of: (table: PlannedTable) => number | null) =>
    tables.reduce((total, table) => total + (of(table) ?? 0), 0);
  const rows = sum((table) => (table.isKnown || table.refused !== null ? 0 : table.estimatedRows));
  const count = tables.length === 1 ? "1 table" : `${tables.length} tables`;
  const unknown = tables.filter(hasUnknownRows).length;
  const costs =
    unknown === 0 && tables.some(({ leastDpu }) => leastDpu !== null)
      ? [`at least ${dpuText(sum(({ leastDpu }) => leastDpu))} (what Aurora DSQL bills by)`]
      : [];
  const isTopic = messages !== undefined;
  const load = isTopic
    ? `about ${grouped(messages)} messages in the topics`
    : `about ${grouped(rows)} rows to load in ${unknown === 0 ? "" : "at least "}${chunksText(tables)}`;
  const all = [
    `${pipeline}: ${count}`,
    ...(unknown > 0 && rows === 0 && !isTopic ? [] : [load]),
    ...costs,
    ...(unknown === 0
      ? []
      : [`rows not known in ${unknown} of ${count} (a database knows them after ANALYZE)`]),
  ].join(", ");
  const wrong = findings.filter(({ severity }) => severity === "error").length;
  const verdict =
    wrong === 0
      ? []
      : [`${wrong === 1 ? "1 problem" : `${wrong} problems`}: a run would not start`];
  return [
    ...tables.flatMap((table) => tableLines(table, isTopic)),
    all,
    ...findings.map(findingText),
    ...verdict,
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** Of a table that nobody knows the size of there is one at least. */
function chunksText(tables: readonly PlannedTable[]): string {
  const count = tables.reduce(
    (total, table) => total + (table.chunks ?? (hasUnknownRows(table) ? 1 : 0)),
    0,
  );
  return count === 1 ? "1 chunk" : `${grouped(count)} chunks`;
}

/** Whether it is loaded, and nobody can say how much that is. */
function hasUnknownRows({ isKnown, estimatedRows, chunks }: PlannedTable): boolean {
  return !isKnown && estimatedRows === null && chunks !== 0;
}

function tableLines(table: PlannedTable, isTopic: boolean): string[] {
  const { estimatedRows, chunks, leastDpu, refused } = table;
  if (refused !== null) return [`${table.table}: the sink does not take it: ${refused}`];
  const rows = estimatedRows === null ? "rows not known" : `about ${grouped(estimatedRows)} rows`;
  const load = [
    isTopic ? "read from its topic" : rows,
    ...(isTopic || chunks === null ? [] : [chunks === 1 ? "1 chunk" : `${grouped(chunks)} chunks`]),
    ...(leastDpu === null || estimatedRows === null ? [] : [`at least ${dpuText(leastDpu)}`]),
  ].join(", ");
  return [
    `${table.table}: ${table.isKnown ? standText(table) : table.isLost ? `is loaded again: ${load}` : load}`,
    ...table.notices.map((notice) => `  ${notice}`),
    ...table.targets.flatMap(({ table: target, topic, exists, ddl, columns }) => [
      `  into ${topic === null ? target : `topic ${topic}`}${exists === null ? "" : exists ? ", which is there" : ", which is made"}`,
      ...(exists === true || ddl === null ? [] : [`    ${ddl};`]),
      ...columns.flatMap(({ name, sourceType, targetType, loss }) =>
        loss === null ? [] : [`    ${name}: ${sourceType} → ${targetType}: ${loss}`],
      ),
    ]),
  ];
}

/** What becomes of a table that the pipeline has. */
function standText({ isLost }: PlannedTable): string {
  return isLost
    ? "a run ends rather than go on: what comes next is lost (see below)"
    : "goes on where it stands";
}

function dpuText(dpu: number): string {
  return `${dpu < 10 ? dpu.toFixed(2) : grouped(Math.round(dpu))} DPU`;
}
