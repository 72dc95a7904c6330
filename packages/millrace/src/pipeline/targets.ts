import { MillraceError } from "../errors/millrace-error.ts";
import type { TargetCheck, TargetIdentities } from "../model/sink.ts";
import type { TableId, TargetTable } from "../model/table.ts";
import type { Checks } from "./lane-choice.ts";
import { orderNotice } from "./order-notice.ts";
import { stateKey, type TableDocument, targetsIn } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { ONLY_TASK, type TaskParts } from "./task-api.ts";

type Tables = ReadonlyMap<TableId, TableRuntime>;

/** Makes the pipeline the owner of the targets that its tables have now; and, where this is its only task, of no others. */
export async function claimTargets(
  { sink, settings, task = ONLY_TASK }: TaskParts,
  tables: Tables,
): Promise<void> {
  const targets = [...tables.values()].flatMap((table) => table.targets);
  const ids = [...new Set(targets.map(({ target }) => target.id))];
  const others = task === ONLY_TASK ? "let-go" : "keep";
  await sink.claimTargets?.(ids, settings.sharedTargets, others);
}

/**
 * Targets that another task of the pipeline writes too, by what it keeps: rows that this one has not brought go as well
 * where all rows of such a one go.
 */
export async function targetsElsewhere({
  sink,
  pipeline,
  task = ONLY_TASK,
}: TaskParts): Promise<ReadonlySet<TableId>> {
  if (task === ONLY_TASK) return new Set();
  const documents = (await sink.readDocuments?.(pipeline, stateKey.tables)) ?? [];
  const others = documents.filter((document) => document.task !== task);
  return new Set(others.flatMap(targetsIn));
}

/**
 * How many source tables write to a target; other pipelines' are counted as one, and so are, unless asked for `apart`, other tasks'
 * that share the source's tables.
 */
export function sourcesOf(
  { settings, source }: Pick<TaskParts, "settings" | "source">,
  tables: Tables,
  target: string,
  apart = false,
): number {
  let count = settings.sharedTargets || (!apart && source.sharesTables === true) ? 1 : 0;
  for (const table of tables.values())
    if (table.targets.some((t) => t.target.id === target)) count++;
  return count;
}

/**
 * One target. What a share of a table first brings may have columns that the others, one of which made the target, have not
 * brought yet, and may never: nobody could tell them to add it. *Without:* the share does not begin until they do.
 */
async function checkTarget(
  parts: TaskParts,
  table: TableRuntime,
  target: TargetTable,
  now: TargetIdentities | null,
): Promise<TargetCheck> {
  const { sink, settings, observer } = parts;
  try {
    return await sink.checkTable(target, settings.create);
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || thrown.code !== "MR_SINK_SCHEMA") throw thrown;
    if (!(await mayWiden(parts, table, target.id, now))) throw thrown;
    const added = (await sink.addColumns?.(target)) ?? [];
    if (added.length > 0) {
      const message = `${target.id} did not have all columns and got them, NULL in the rows that it had: ${added.join(", ")}`;
      table.notices.push(message);
      observer.event({ type: "notice", table: table.id, message });
    }
    // Another share may have added them meanwhile.
    return await sink.checkTable(target, settings.create);
  }
}

/**
 * What this task has written before had these columns: who has dropped one is told, as nothing would bring its values back. But
 * where it is another table by now, another share may have made it anew, with the columns that that one knew.
 */
async function mayWiden(
  parts: TaskParts,
  { document: { targetIds, repeated } }: TableRuntime,
  target: TableId,
  now: TargetIdentities | null,
): Promise<boolean> {
  const { source, settings } = parts;
  if (source.isLogOnly !== true || settings.schemaChangeBehavior !== "evolve") return false;
  if (settings.create === "never") return false;
  // Not which ids: a start that another share was making the target beside may not have seen its id.
  const isKnown = (targetIds ?? null) !== null || repeated === true;
  if (isKnown && !isOther(targetIds ?? null, target, now)) return false;
  return isBroughtElsewhere(parts, target);
}

/** It is another table than the one that was written, or was none a moment ago, by ids that the same server gave. */
function isOther(
  known: TableDocument["targetIds"] | null,
  target: TableId,
  now: TargetIdentities | null,
): boolean {
  if (known === null || known === undefined || now === null || known.home !== now.home)
    return false;
  const [was = "", is] = [known.ids[target], now.ids.get(target)];
  return was !== "" && is !== "" && was !== is;
}

/** Columns that this task does not know are, of a table that others bring too, theirs. */
async function noticesOf(
  parts: TaskParts,
  target: TableId,
  { notices, ownColumns }: TargetCheck,
): Promise<readonly string[]> {
  if (ownColumns === undefined || parts.source.isLogOnly !== true) return notices;
  return (await isBroughtElsewhere(parts, target))
    ? notices.filter((notice) => notice !== ownColumns)
    : notices;
}

async function isBroughtElsewhere(parts: TaskParts, target: TableId): Promise<boolean> {
  return parts.source.sharesTables === true || (await targetsElsewhere(parts)).has(target);
}

/**
 * Creates targets that are missing, or says all that does not fit, of all tables at once. What it found out is the answer.
 * @param now which tables they were before.
 */
export async function checkTargets(
  parts: TaskParts,
  tables: Tables,
  now: TargetIdentities | null,
): Promise<Checks> {
  const checks = new Map<TableId, TargetCheck>();
  const problems: MillraceError[] = [];
  const targets = [...tables.values()].flatMap((table) => table.targets);
  const present = await parts.sink.checkPresent?.(targets.map(({ target }) => target));
  for (const table of tables.values()) {
    for (const { target } of table.targets) {
      try {
        const check = present?.get(target) ?? (await checkTarget(parts, table, target, now));
        checks.set(target.id, check);
        table.notices.push(...(await noticesOf(parts, target.id, check)));
        const order = orderNotice(target.id, check, parts.settings.parallelism);
        if (order === null) continue;
        const message = `${order.what}. ${order.remedy}.`;
        table.notices.push(message);
        parts.observer.event({ type: "notice", table: table.id, message });
      } catch (thrown) {
        if (!(thrown instanceof MillraceError) || thrown.class !== "schema") throw thrown;
        problems.push(thrown);
      }
    }
  }
  const [first] = problems;
  if (first === undefined) return checks;
  if (problems.length === 1)
    throw new MillraceError(first.code, first.message.replace(`${first.code}: `, ""), {
      cause: first,
      class: "config",
      facts: first.facts,
    });
  const all = problems
    .map((problem) => problem.message.replace(`${problem.code}: `, ""))
    .join("; ");
  throw new MillraceError("MR_SINK_SCHEMA", all, { cause: first, class: "config" });
}
