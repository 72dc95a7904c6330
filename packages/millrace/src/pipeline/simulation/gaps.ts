import type { TableId } from "../../model/table.ts";
import type { TableDocument } from "../state-documents.ts";
import { compareModelPositions, type ModelPosition, type SourceServer } from "./source-server.ts";

interface Generation {
  readonly name: string;
  /** Where the log ended when it was first written down, less what no snapshot saw then. */
  readonly from: number;
}

/** Changes that are in no log because their table was not published: until a look finds out, nobody can know of them. */
export class Gaps {
  readonly #server: SourceServer;
  readonly #generations = new Map<TableId, Generation>();

  constructor(server: SourceServer) {
    this.#server = server;
  }

  /** A table's document as it stands now: it may be a new generation, which sees what no log has told. */
  begins({ shape, generation }: TableDocument): void {
    const name = `${shape.identity}/${generation}`;
    if (this.#generations.get(shape.id)?.name === name) return;
    this.#generations.set(shape.id, { name, from: this.#seenUpTo() });
  }

  #seenUpTo(): number {
    const hidden = new Set([...this.#server.logged].map(({ id }) => id));
    const first = this.#server.log.find(({ id }) => hidden.has(id));
    return first?.commit ?? this.#server.nextLsn;
  }

  /** Since the table's generation began, up to `position`, something of it was not published. */
  lies({ shape }: TableDocument, position: ModelPosition): boolean {
    const from = this.#generations.get(shape.id)?.from ?? 0;
    return this.#server.log.some(
      ({ commit, events }) =>
        commit >= from &&
        compareModelPositions([commit, 0], position) <= 0 &&
        events.some(({ op, published }) => op.table === shape.id && !published),
    );
  }
}
