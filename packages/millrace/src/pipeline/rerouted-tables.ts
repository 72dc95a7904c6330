import type { TableId } from "../model/table.ts";
import { beginAnew } from "./left-tables.ts";
import { targetsOf, waysOf } from "./routes.ts";
import type { TableDocument } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { TaskParts } from "./task-api.ts";

/** Whether rows of a table that is known go elsewhere by the file as it is now, or arrive there in another way. */
export function isRerouted(
  { router, sink }: Pick<TaskParts, "router" | "sink">,
  known: Pick<TableDocument, "targets" | "ways" | "targetShape">,
): boolean {
  const targets = targetsOf(known.targetShape, router, sink);
  if (known.ways !== undefined) return !isEqual(known.ways, waysOf(targets));
  // Written by a version that did not keep the ways.
  const ids = targets.map(({ target }) => target.id);
  return !isEqual(known.targets, ids);
}

/**
 * Tables whose rows at the sink are not what the file says now: they are loaded anew, for no log tells of rows that are
 * there already (I1). Changes their documents, which the start writes. Where the log is all there is, nothing can be loaded:
 * that is said.
 */
export function meetReroutedTables(
  parts: TaskParts,
  known: ReadonlyMap<TableId, TableDocument>,
  tables: ReadonlyMap<TableId, TableRuntime>,
): void {
  for (const table of tables.values()) {
    const document = known.get(table.id);
    if (document === undefined || document.removed === true || !isRerouted(parts, document))
      continue;
    if (parts.source.isLogOnly === true) {
      const to = table.document.targets.join(", ");
      const message = `the file routes or transforms it in another way now: its rows go to ${to} from now on, and those that were read before stay as and where they are; under another name of the pipeline the log is read anew`;
      parts.observer.event({ type: "notice", table: table.id, message });
      continue;
    }
    // Where the file loads nothing, rows that were there before are left out.
    if (!parts.settings.fullLoad && document.nextChunk === 0) continue;
    beginAnew(parts, table);
    const where = table.document.targets.join(", ");
    const message = `the file routes or transforms it in another way now: it is loaded again into ${where}`;
    parts.observer.event({ type: "notice", table: table.id, message });
  }
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify(a.toSorted()) === JSON.stringify(b.toSorted());
}
