import type { TableId } from "../../model/table.ts";
import type { TableDocument } from "../state-documents.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SinkDatabase } from "./sink-database.ts";
import { identitiesOf, loseTarget } from "./sink-ddl.ts";

/** Targets that somebody has dropped: until a start finds out, nobody can know that their rows are gone. */
export class LostTargets {
  readonly #db: SinkDatabase;
  /** By source table: the generation whose rows are gone. */
  readonly #generations = new Map<TableId, number>();

  constructor(db: SinkDatabase) {
    this.#db = db;
  }

  /** Somebody drops a target of one of these tables, if there is any. */
  lose(tables: Iterable<TableDocument>, random: SeededRandom): void {
    const documents = [...tables];
    const targets = documents.flatMap((document) => document.targets);
    const there = identitiesOf(
      this.#db,
      targets.map((id) => ({ id })),
    ).ids;
    if (there.size === 0) return;
    const id = random.pick([...there.keys()]);
    for (const { shape, generation, targets: own } of documents)
      if (own.includes(id)) this.#generations.set(shape.id, generation);
    loseTarget(this.#db, id, random.chance(0.3));
  }

  /** Rows of this generation were lost. */
  holds({ shape, generation }: TableDocument): boolean {
    return this.#generations.get(shape.id) === generation;
  }
}
