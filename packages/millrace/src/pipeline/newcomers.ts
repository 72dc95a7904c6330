import { MillraceError, type ErrorClass } from "../errors/millrace-error.ts";
import type { Clock } from "../model/ports.ts";
import type { Router } from "../model/router.ts";
import type { Sink } from "../model/sink.ts";
import type { Source } from "../model/source.ts";
import type { TableId, TableShape } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import type { TaskObserver } from "./observer.ts";
import { targetsOf } from "./routes.ts";
import type { TaskSettings } from "./settings.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface NewcomersParts {
  readonly source: Pick<Source, "discover" | "refusals">;
  readonly sink: Pick<Sink, "mapTable" | "claimTargets" | "checkTable">;
  readonly router: Router;
  readonly settings: Pick<TaskSettings, "sharedTargets" | "create">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly observer: Pick<TaskObserver, "event">;
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
}

/** How often the source is asked for tables that have appeared, milliseconds; it lists all that the patterns match. */
const ASK_EVERY_MS = 15_000;

/** What is wrong with a table itself, and stays so until somebody mends it. */
const LASTING: ReadonlySet<ErrorClass> = new Set(["config", "schema"]);

/**
 * Tables that appear at the source and match the file's patterns. They are taken up by the next run, which begins like
 * any start; the one that runs only makes sure that this cannot fail for the newcomer's sake: one whose target is
 * another pipeline's, or is not as it has to be, is told of and waits.
 */
export class Newcomers {
  readonly #parts: NewcomersParts;
  /** Of tables that wait, what was told. */
  readonly #told = new Map<TableId, string>();
  #askedMs: number;

  constructor(parts: NewcomersParts) {
    this.#parts = parts;
    this.#askedMs = parts.clock.monotonic();
  }

  /** @throws RestartNeeded where there is one that can be taken up. */
  async look(): Promise<void> {
    const { source, clock, tables } = this.#parts;
    if (clock.monotonic() - this.#askedMs < ASK_EVERY_MS) return;
    this.#askedMs = clock.monotonic();
    const found = (await source.discover()).map(({ shape }) => shape);
    const fit: TableId[] = [];
    for (const shape of found) {
      if (!tables.has(shape.id) && (await this.#fits(shape))) fit.push(shape.id);
    }
    await this.#tellRefused();
    if (fit.length > 0) throw new RestartNeeded(`${fit.join(", ")} appeared at the source`);
  }

  /** Claimed before it is touched, together with all that the pipeline has. */
  async #fits(shape: TableShape): Promise<boolean> {
    const { sink, router, settings, tables } = this.#parts;
    try {
      const wanted = targetsOf(shape, router, sink).map(({ target }) => target);
      const all = [...tables.values()].flatMap(({ targets }) => targets.map((t) => t.target));
      const ids = new Set([...all, ...wanted].map(({ id }) => id));
      await sink.claimTargets?.([...ids], settings.sharedTargets);
      for (const target of wanted) await sink.checkTable(target, settings.create);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof MillraceError) || !LASTING.has(thrown.class)) throw thrown;
      this.#tell(shape.id, `${thrown.detail}. ${thrown.remedy}`);
      return false;
    }
  }

  async #tellRefused(): Promise<void> {
    const { source, tables } = this.#parts;
    for (const { id, why, remedy } of (await source.refusals?.()) ?? [])
      if (!tables.has(id)) this.#tell(id, `it cannot be captured: ${why}. ${remedy}`);
  }

  #tell(table: TableId, why: string): void {
    if (this.#told.get(table) === why) return;
    this.#told.set(table, why);
    const message = `appeared at the source and is not taken up: ${why}`;
    this.#parts.observer.event({ type: "notice", table, message });
  }
}
