import { MillraceError } from "../errors/millrace-error.ts";
import type { BarrierParts, Barriers } from "./barriers.ts";
import type { TableId } from "../model/table.ts";
import type { Found } from "./left-tables.ts";
import { compileRoutes, targetsOf } from "./routes.ts";
import { reachWith, type PlaceOrder } from "./standing.ts";
import type { IntentDocument, LoadedState } from "./state-documents.ts";
import { TableRuntime } from "./table-runtime.ts";
import type { TaskParts } from "./task-api.ts";

type Standing = Pick<BarrierParts, "acknowledged" | "unseen" | "reach" | "reached">;
type Tables = ReadonlyMap<TableId, TableRuntime>;

/**
 * Finishes an intent that was left open though the file or the source have its table no more, while the target is still
 * ours: it may be altered already, and who comes back by an older document would find what does not fit. False where
 * there is none.
 */
export async function finishLeft(
  parts: TaskParts,
  found: Pick<Found, "state" | "tables">,
  making: (tables: Tables) => { readonly barriers: (standing: Standing) => Barriers },
): Promise<boolean> {
  const { intent } = found.state;
  const table = tableLeft(parts, found);
  if (intent === null || table === null) return false;
  const { barriers } = making(new Map([...found.tables, [table.id, table]]));
  try {
    await barriers(standingAt(parts.source, found.state, intent)).finish(intent);
    return true;
  } catch (thrown) {
    // The target is not there as it was left, and nobody asks for it now.
    if (thrown instanceof MillraceError && thrown.class === "schema") return false;
    throw thrown;
  }
}

/** What is known of the log where an intent was left open. */
export function standingAt(
  source: PlaceOrder,
  { pipeline, frontier, checkpoints }: LoadedState,
  { acknowledge, unseen }: IntentDocument,
): Standing {
  const lanes = Array.from(
    { length: pipeline?.lanes ?? 0 },
    (_, lane) => checkpoints.get(lane) ?? null,
  );
  const now = { frontier: frontier?.position ?? null, lanes };
  return {
    acknowledged: () => acknowledge,
    unseen: () => unseen,
    reach: (position) => reachWith(source, now, position),
    reached: () => undefined,
  };
}

/** As its last document says. Null where its rows go elsewhere by now, or nothing was altered. */
function tableLeft(
  { router, sink }: Pick<TaskParts, "router" | "sink">,
  { state: { intent, tables: known }, tables }: Pick<Found, "state" | "tables">,
): TableRuntime | null {
  if (intent?.kind !== "shape" || tables.has(intent.table)) return null;
  const document = known.get(intent.table);
  if (document === undefined || document.removed === true) return null;
  const targets = targetsOf(document.targetShape, router, sink);
  const ids = targets.map(({ target }) => target.id);
  if (ids.toSorted().join("\n") !== document.targets.toSorted().join("\n")) return null;
  return new TableRuntime(document, targets, (shape, to, unlogged) =>
    compileRoutes(shape, to, router, unlogged),
  );
}
