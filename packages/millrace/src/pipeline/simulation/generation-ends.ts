import type { TableId } from "../../model/table.ts";
import type { LoadedState, TableDocument } from "../state-documents.ts";
import type { SinkTransaction } from "./sink-database.ts";
import type { Target } from "./target-rows.ts";
import { Violation } from "./violation.ts";

/**
 * Readers of topics are told where a load has ended: no table says SYNC, as far as anybody can know, before each of its
 * targets has had the mark of that generation (design/001 "Ghosts").
 */
export class GenerationEnds {
  /** Of a target, the newest generation whose end was told. */
  readonly #told = new Map<TableId, number>();

  /** A transaction of the sink became durable, and this is what is known behind it. */
  landed(
    { marks }: SinkTransaction,
    { tables }: Pick<LoadedState, "tables">,
    targetsOf: (document: TableDocument) => readonly Target[],
  ): void {
    for (const { kind, table, generation } of marks)
      if (kind === "generation-end") this.#told.set(table.id, generation ?? 0);
    for (const document of tables.values()) {
      if (document.state !== "SYNC" || document.removed === true) continue;
      for (const { id } of targetsOf(document)) {
        const told = this.#told.get(id);
        if (told !== document.generation)
          throw new Violation(
            `${id} is SYNC in generation ${document.generation}, whose end was not told; the last that was is ${told ?? "none"}`,
          );
      }
    }
  }
}
