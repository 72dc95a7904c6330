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
  /** Documents of all tables that were ever captured, or claimed: who comes back finds its targets as they were. */
  readonly documents: ReadonlyMap<TableId, Claimed>;
  /**
   * Makes the document of a newcomer durable: by which shape its target is made or fits, the run that takes it up must know.
   * Null takes away that of one that is gone.
   */
  readonly keep: (id: TableId, document: TableDocument | null) => Promise<void>;
  readonly waits: Pick<Waits, "begin" | "end" | "names">;
  /** What the pipeline has, and the targets of each table. */
  readonly tables: ReadonlyMap<TableId, { readonly document: Pick<TableDocument, "targets"> }>;
}

/** By which shape a table's target was made, or is about to be. */
type Claimed = Pick<TableDocument, "targetShape" | "awaited">;

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
  readonly #documents: Map<TableId, Claimed>;
  /** Gone from the source, and a target stands that may be ours. */
  readonly #standing = new Set<TableId>();
  #askedMs: number;

  constructor(parts: NewcomersParts) {
    this.#parts = parts;
    this.#documents = new Map(parts.documents);
    this.#askedMs = parts.clock.monotonic();
  }

  /** Asks now and then. @throws RestartNeeded where there is one that can be taken up. */
  async look(): Promise<void> {
    const { source, clock } = this.#parts;
    if (clock.monotonic() - this.#askedMs < ASK_EVERY_MS) return;
    this.#askedMs = clock.monotonic();
    const matching = await source.discover();
    await this.#forgetGone(matching);
    const fit = await this.fitting(matching);
    if (fit.length === 0) return;
    const message = "appeared at the source: it is taken up and loaded";
    for (const table of fit)
      this.#parts.observer.event({ type: "notice", table, message, level: "info" });
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
      else waiting.set(shape.id, `${why.detail.replace(/[.;]+$/, "")}. ${why.remedy}`);
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
    const { sink, router, settings, tables } = this.#parts;
    const before = this.#documents.get(shape.id);
    const made = before?.targetShape ?? shape;
    const own = targetsOf(made, router, sink).map(({ target }) => target.id);
    const all = [...tables.values()].flatMap(({ document }) => document.targets);
    await sink.claimTargets?.([...new Set([...all, ...own])], settings.sharedTargets);
    // Before it is made: altered before that run looks, it would differ from what we have made ourselves, and wait for ever.
    if (before === undefined) await this.#keep(shape);
    try {
      await this.#check(made, settings.create);
    } catch (thrown) {
      if (!isMisfit(thrown) || before?.awaited !== true) throw thrown;
      // Not of our making, then: it may fit the table as that is by now.
      await this.#check(shape, "never");
      await this.#keep(shape);
    }
  }

  async #check(shape: TableShape, create: TaskSettings["create"]): Promise<void> {
    const { sink, router } = this.#parts;
    for (const { target } of targetsOf(shape, router, sink)) await sink.checkTable(target, create);
  }

  async #keep(shape: TableShape): Promise<void> {
    const { router, sink, keep } = this.#parts;
    const targets = targetsOf(shape, router, sink).map(({ target }) => target.id);
    const fresh = freshDocument(this.#parts, { shape, estimatedRows: null });
    const document = { ...fresh, targets, removed: true, awaited: true } as const;
    await keep(shape.id, document);
    this.#documents.set(shape.id, document);
    this.#standing.delete(shape.id);
  }

  /**
   * Who waited and is gone leaves no document behind (I10). But where a target stands as it was to be made: that may be
   * ours, and only the document says by which shape it was made, should the table come back with another one.
   */
  async #forgetGone(matching: readonly DiscoveredTable[]): Promise<void> {
    const { tables, keep } = this.#parts;
    const there = new Set(matching.map(({ shape }) => shape.id));
    for (const [id, { awaited, targetShape }] of this.#documents) {
      if (awaited !== true || there.has(id) || tables.has(id) || this.#standing.has(id)) continue;
      if (await this.#mayHaveTarget(targetShape)) {
        this.#standing.add(id);
        continue;
      }
      await keep(id, null);
      this.#documents.delete(id);
    }
  }

  async #mayHaveTarget(made: TableShape): Promise<boolean> {
    const { router, sink } = this.#parts;
    for (const { target } of targetsOf(made, router, sink)) {
      const misfit = await this.#hinders(() => sink.checkTable(target, "never"));
      if (misfit?.code !== "MR_SINK_SCHEMA") return true;
    }
    return false;
  }

  /** What lasts; null where nothing does. Anything else ends the run. */
  async #hinders(work: () => Promise<unknown>): Promise<MillraceError | null> {
    try {
      await work();
      return null;
    } catch (thrown) {
      if (!(thrown instanceof MillraceError) || !LASTING.has(thrown.class)) throw thrown;
      return thrown;
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

function isMisfit(thrown: unknown): boolean {
  return thrown instanceof MillraceError && thrown.code === "MR_SINK_SCHEMA";
}
