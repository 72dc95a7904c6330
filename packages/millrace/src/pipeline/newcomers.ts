import { MillraceError, type ErrorClass } from "../errors/millrace-error.ts";
import type { Clock } from "../model/ports.ts";
import type { Router } from "../model/router.ts";
import type { Sink } from "../model/sink.ts";
import type { Source } from "../model/source.ts";
import type { TableId, TableShape } from "../model/table.ts";
import type { Admission } from "./admission.ts";
import { RestartNeeded } from "./committer.ts";
import type { TaskObserver } from "./observer.ts";
import { targetsOf } from "./routes.ts";
import type { TaskSettings } from "./settings.ts";
import type { TableDocument } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";

interface NewcomersParts {
  readonly source: Pick<Source, "discover" | "refusals" | "check">;
  readonly sink: Pick<Sink, "mapTable" | "claimTargets" | "checkTable">;
  readonly router: Router;
  readonly settings: Pick<TaskSettings, "sharedTargets" | "create" | "fullLoad">;
  readonly admission: Pick<Admission, "admit">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly observer: Pick<TaskObserver, "event">;
  /** Documents of all tables that were ever captured: who comes back finds its targets as they were. */
  readonly documents: ReadonlyMap<TableId, Pick<TableDocument, "targetShape">>;
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
}

/** How often the source is asked for tables that have appeared, milliseconds; it lists all that the patterns match. */
const ASK_EVERY_MS = 15_000;

/** What is wrong with a table itself, and stays so until somebody mends it. */
const LASTING: ReadonlySet<ErrorClass> = new Set(["config", "schema"]);

/**
 * Tables that appear at the source and match the file's patterns. They are taken up by the next run, which begins like
 * any start; the one that runs only makes sure that this cannot fail for the newcomer's sake: one that the role may not
 * read or publish, whose target is another pipeline's, or is not as it has to be, is told of and waits. Runs that begin
 * meanwhile, for whatever reason, leave it out.
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
    const { source, clock, tables, admission } = this.#parts;
    if (clock.monotonic() - this.#askedMs < ASK_EVERY_MS) return;
    this.#askedMs = clock.monotonic();
    const found = (await source.discover()).map(({ shape }) => shape);
    const known = found.filter(({ id }) => tables.has(id));
    const came = found.filter(({ id }) => !tables.has(id));
    // All at once, as the next run will ask; one by one only to find whom it is about.
    const areMany = came.length > 1;
    const areAllAllowed = areMany && (await this.#passes([], () => this.#ask(known, came)));
    const fit: TableId[] = [];
    for (const shape of came) {
      const isFit = await this.#passes([shape.id], async () => {
        if (!areAllAllowed) await this.#ask(known, [shape]);
        await this.#claim(shape);
      });
      if (isFit) fit.push(shape.id);
    }
    await this.#tellRefused();
    if (fit.length === 0) return;
    admission.admit(fit);
    throw new RestartNeeded(`${fit.join(", ")} appeared at the source`);
  }

  /** Whether the source lets them be published and read, beside what it is asked for already. */
  async #ask(known: readonly TableShape[], came: readonly TableShape[]): Promise<void> {
    const { source, settings } = this.#parts;
    await source.check?.([...known, ...came], { toLoad: settings.fullLoad ? came : [] });
  }

  /** Claimed before it is touched, together with all that the pipeline has. Made as the run will that takes it up. */
  async #claim(shape: TableShape): Promise<void> {
    const { sink, router, settings, tables, documents } = this.#parts;
    const made = documents.get(shape.id)?.targetShape ?? shape;
    const wanted = targetsOf(made, router, sink).map(({ target }) => target);
    const all = [...tables.values()].flatMap(({ targets }) => targets.map((t) => t.target));
    const ids = new Set([...all, ...wanted].map(({ id }) => id));
    await sink.claimTargets?.([...ids], settings.sharedTargets);
    for (const target of wanted) await sink.checkTable(target, settings.create);
  }

  /** What lasts is told of the tables; anything else ends the run. */
  async #passes(tables: readonly TableId[], work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (thrown) {
      if (!(thrown instanceof MillraceError) || !LASTING.has(thrown.class)) throw thrown;
      const why = `${thrown.detail.replace(/[.;]+$/, "")}. ${thrown.remedy}`;
      for (const table of tables) this.#tell(table, why);
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
