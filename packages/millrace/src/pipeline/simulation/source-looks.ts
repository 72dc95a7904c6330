import type { TableLook, TableStanding } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { SourceServer } from "./source-server.ts";
import type { Part } from "./source-tables.ts";

/** What a table is held against. */
interface Known {
  readonly shape: TableShape;
  readonly standing: TableStanding;
}

/** What the model source's catalogue tells of tables, and its log does not. */
export class ModelLooks {
  readonly #server: SourceServer;
  /** Shapes that this process was told last, by identity. */
  readonly #told = new Map<string, TableShape>();

  constructor(server: SourceServer) {
    this.#server = server;
  }

  at({ shape, standing }: Known): TableLook {
    const { identity, id } = shape;
    const { visible, publication } = this.#server;
    const holder = visible.get(id);
    const isThere = holder?.shape.identity === identity;
    const carrier = publication.carrierOf(identity);
    const being = holder === undefined ? "gone" : isThere ? "there" : "remade";
    const parts = isThere ? holder.parts : [];
    return {
      id,
      being,
      shape: isThere ? this.#news(holder.shape) : null,
      carrier,
      lost: isThere ? lossOf(standing.carrier, carrier) : null,
      ...movedSince(standing.parts, parts),
    };
  }

  #news(shape: TableShape): TableShape | null {
    if (this.#told.get(shape.identity) === shape) return null;
    this.#told.set(shape.identity, shape);
    return shape;
  }
}

function lossOf(known: unknown, carrier: string | null): string | null {
  if (carrier === null) return "(model) is not in the publication";
  return known === null || known === carrier ? null : "(model) left the publication for a while";
}

function movedSince(
  known: unknown,
  now: readonly Part[],
): Pick<TableLook, "parts" | "rows" | "moved"> {
  const parts = now.map(({ id }) => id);
  if (!Array.isArray(known)) return { parts, rows: "same", moved: now.length > 0 };
  const before: readonly unknown[] = known;
  const came = now.filter(({ id }) => !before.includes(id));
  const went = before.some((id) => !parts.some((part) => part === id));
  const rows = came.some(({ brought }) => brought) ? "more" : went ? "fewer" : "same";
  return { parts, rows, moved: went || came.length > 0 };
}
