import { MillraceError } from "../errors/millrace-error.ts";
import type { DeadLetter } from "../model/dead-letter.ts";
import type { Task } from "./task-api.ts";

/**
 * Dead letters of several tasks. One that is between two runs does not know its own, and keeps nobody from the others'.
 * @throws MillraceError MR_NOT_RUNNING where none knows.
 */
export function lettersOfAll(tasks: readonly Task[]): readonly DeadLetter[] {
  const known = tasks.map(lettersOf);
  if (tasks.length > 0 && known.every((letters) => letters === null)) throw notRunning();
  return known.flatMap((letters) => letters ?? []);
}

/**
 * Does something to dead letters at whichever of several tasks has them; ids may be cut short.
 * @throws MillraceError MR_NOT_FOUND where none has one, or several have; MR_NOT_RUNNING where who may have it does not know.
 * Nothing is done then.
 */
export async function withLetters<T>(
  tasks: readonly Task[],
  ids: readonly string[],
  work: (task: Task, own: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const having = tasks.map((task) => {
    const letters = lettersOf(task);
    const own = ids.filter((id) => letters?.some((letter) => letter.id.startsWith(id)) === true);
    return { task, own, isKnown: letters !== null };
  });
  const lost = ids.find((id) => !having.some(({ own }) => own.includes(id)));
  if (lost !== undefined && having.some(({ isKnown }) => !isKnown)) throw notRunning();
  if (lost !== undefined) throw new MillraceError("MR_NOT_FOUND", `no dead letter ${lost}`);
  const several = ids.find((id) => having.filter(({ own }) => own.includes(id)).length > 1);
  if (several !== undefined)
    throw new MillraceError("MR_NOT_FOUND", `several dead letters begin with ${several}`);
  const asked = having.filter(({ own }) => own.length > 0);
  return (await Promise.all(asked.map(({ task, own }) => work(task, own)))).flat();
}

/** Null where nobody knows. */
function lettersOf(task: Task): readonly DeadLetter[] | null {
  try {
    return task.deadLetters();
  } catch (thrown) {
    if (thrown instanceof MillraceError && thrown.code === "MR_NOT_RUNNING") return null;
    throw thrown;
  }
}

function notRunning(): MillraceError {
  return new MillraceError("MR_NOT_RUNNING", "a share that is between two runs may have it");
}
