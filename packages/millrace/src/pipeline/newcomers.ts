import { MillraceError, type ErrorClass } from "../errors/millrace-error.ts";
import type { Clock } from "../model/ports.ts";
import type { Router } from "../model/router.ts";
import type { Sink } from "../model/sink.ts";
import type { DiscoveredTable, Source } from "../model/source.ts";
import type { TableId, TableShape } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import { freshDocument } from "./fresh-document.ts";
import type { TaskObserver } from "./observer.ts";
import { targetsOf } from "./routes.ts";
import type { TaskSettings } from "./settings.ts";
import type { TableDocument } from "./state-documents.ts";
import type { Waits } from "./waits.ts";

interface NewcomersParts {
  readonly source: Pick<Source, "discover" | "refusals" | "check">;
  readonly sink: Pick<Sink, "mapTable" | "claimTargets" | "checkTable">;
  readonly router: Router;
  readonly settings: Pick<TaskSettings, "sharedTargets" | "create" | "fullLoad">;
  readonly clock: Pick<Clock, "monotonic" | "now">;
  readonly observer: Pick<TaskObserver, "event">;
  /** Documents of all tables that were ever captured: who comes back finds its targets as they were. */
  readonly documents: ReadonlyMap<TableId, Pick<TableDocument, "targetShape">>;
  /** Makes the document of a newcomer durable whose target fits now: by which shape, the run that takes it up must know. */
  readonly keep: (document: TableDocument) => Promise<void>;
  readonly waits: Pick<Waits, "begin" | "end" | "names">;
  /** What the pipeline has, and the targets of each table. */
  readonly tables: ReadonlyMap<TableId, { readonly document: Pick<TableDocument, "targets"> }>;
}

/** How often the source is asked for tables that have appeared, milliseconds; it lists all that the patterns match. */
const ASK_EVERY_MS = 15_000;

/** What the waits of newcomers are called by. */
const WAITS_AS = "newcomer/";

/** What is wrong with a table itself, and stays so until somebody mends it. */
const LASTING: ReadonlySet<ErrorClass> = new Set(["config", "schema"]);

/**
 * Tables that appear at the source and match the file's patterns, while the pipeline runs or between two starts. A run
 * takes them up as any start does; before, in the look that ends a run and at the beginning of each, it is made sure that this cannot fail for the newcomer's sake: one that
 * cannot be captured, that the role may not read or publish, whose target is another pipeline's, or is not as it has to
 * be, is told of and waits, and the others go on. A first start has no others: it is refused, see `first-start.ts`.
 */
export class Newcomers {
  readonly #parts: NewcomersParts;
  #askedMs: number;

  constructor(parts: NewcomersParts) {
    this.#parts = parts;
    this.#askedMs = parts.clock.monotonic();
  }

  /** Asks now and then. @throws RestartNeeded where there is one that can be taken up. */
  async look(): Promise<void> {
    const { source, clock } = this.#parts;
    if (clock.monotonic() - this.#askedMs < ASK_EVERY_MS) return;
    this.#askedMs = clock.monotonic();
    const fit = await this.fitting(await source.discover());
    if (fit.length === 0) return;
    throw new RestartNeeded(`${fit.join(", ")} appeared at the source`);
  }

  /** Of the tables that match, those that are new and that nothing stands against; the others wait. */
  async fitting(matching: readonly DiscoveredTable[]): Promise<TableId[]> {
    const { tables } = this.#parts;
    const found = matching.map(({ shape }) => shape);
    const known = found.filter(({ id }) => tables.has(id));
    const came = found.filter(({ id }) => !tables.has(id));
    // All at once, as the next run will ask; one by one only to find whom it is about.
    const areMany = came.length > 1;
    const areAllAllowed = areMany && (await this.#hinders(() => this.#ask(known, came))) === null;
    const fit: TableId[] = [];
    const waiting = new Map<TableId, string>();
    for (const shape of came) {
      const why = await this.#hinders(async () => {
        if (!areAllAllowed) await this.#ask(known, [shape]);
        await this.#claim(shape);
      });
      if (why === null) fit.push(shape.id);
      else waiting.set(shape.id, why);
    }
    for (const [id, why] of await this.#refused()) waiting.set(id, why);
    this.#tell(waiting);
    return fit;
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
    const all = [...tables.values()].flatMap(({ document }) => document.targets);
    const own = wanted.map(({ id }) => id);
    await sink.claimTargets?.([...new Set([...all, ...own])], settings.sharedTargets);
    for (const target of wanted) await sink.checkTable(target, settings.create);
    if (documents.has(shape.id)) return;
    // Altered before that run looks, it would differ from a target that we have made ourselves, and wait for ever.
    const fresh = freshDocument(this.#parts, { shape, estimatedRows: null });
    await this.#parts.keep({ ...fresh, targets: own, removed: true, awaited: true });
  }

  /** What lasts, as a sentence with its remedy; null where nothing does. Anything else ends the run. */
  async #hinders(work: () => Promise<void>): Promise<string | null> {
    try {
      await work();
      return null;
    } catch (thrown) {
      if (!(thrown instanceof MillraceError) || !LASTING.has(thrown.class)) throw thrown;
      return `${thrown.detail.replace(/[.;]+$/, "")}. ${thrown.remedy}`;
    }
  }

  /** Tables that match and cannot be captured, whatever the role may do. */
  async #refused(): Promise<[TableId, string][]> {
    const { source, tables } = this.#parts;
    const refused = (await source.refusals?.()) ?? [];
    return refused
      .filter(({ id }) => !tables.has(id))
      .map(({ id, why, remedy }) => [id, `it cannot be captured: ${why}. ${remedy}`]);
  }

  /** Each is told once as long as it waits for the same; those that wait no more are forgotten. */
  #tell(waiting: ReadonlyMap<TableId, string>): void {
    const { waits, observer } = this.#parts;
    for (const name of waits.names(WAITS_AS))
      if (![...waiting.keys()].some((id) => name === WAITS_AS + id)) waits.end(name);
    for (const [table, reason] of waiting) {
      const why = `appeared at the source and is not taken up: ${reason}`;
      const isNews = waits.begin(WAITS_AS + table, {
        what: "table",
        reason: "newcomer",
        table,
        why,
      });
      if (isNews) observer.event({ type: "notice", table, message: why });
    }
  }
}
