import type { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { SharedSource, SharedWait } from "../../model/shared-source.ts";
import type { ConnectorContext, Source } from "../../model/source.ts";
import { tableId } from "../../model/table.ts";
import { type Discovery, discoverTables } from "./discover.ts";
import { FoundTables } from "./found-tables.ts";
import type { DynamoSourceOptions } from "./options.ts";
import { SCHEMA } from "./table-shape.ts";
import type { TableSources } from "./table-sources.ts";

/** Between the first looks, while none has told anything. */
const FIRST_LOOKS_MS = 5_000;

/** The tables that DISCOVERY finds, each a share: its log, its load and its state are its own (design/009). */
export class DynamoShares implements SharedSource {
  /** One process reads all tables: none of them goes to another one while it runs. */
  readonly moves = false;
  readonly #options: DynamoSourceOptions;
  readonly #context: ConnectorContext;
  readonly #parts: TableSources;
  readonly #found: FoundTables;
  #waits: readonly SharedWait[] = [];

  constructor(options: DynamoSourceOptions, context: ConnectorContext, parts: TableSources) {
    this.#options = options;
    this.#context = context;
    this.#parts = parts;
    this.#found = new FoundTables(options.discovery.graceMs);
  }

  /** A look at once, and then one each period; no error ends it, and none is read as a table that is gone. */
  async *shares(signal: AbortSignal): AsyncIterable<ReadonlySet<string>> {
    const { clock } = this.#context;
    let isFirst = true;
    for (;;) {
      const looked = await this.#look(signal);
      const change = looked === null ? null : this.#found.after(looked, clock.now());
      if (change !== null) {
        this.#tell(change.came, change.left);
        failpoint("dynamodb-shares.found");
        yield change.tables;
      }
      isFirst &&= looked === null;
      const { periodMs } = this.#options.discovery;
      await clock.sleep(isFirst ? Math.min(periodMs, FIRST_LOOKS_MS) : periodMs, signal);
    }
  }

  open(share: string): Source {
    return this.#parts.open(share);
  }

  waits(): readonly SharedWait[] {
    return this.#waits;
  }

  close(): Promise<void> {
    return this.#parts.api.close();
  }

  async #look(signal: AbortSignal): Promise<Discovery | null> {
    try {
      const looked = await discoverTables(this.#parts.api, this.#options.discovery, signal);
      this.#become(waitsOf(looked));
      return looked;
    } catch (thrown) {
      signal.throwIfAborted();
      const error = toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");
      if (error.class === "bug") throw error;
      const others = this.#waits.filter(({ reason }) => reason !== DISCOVERY_FAILS);
      this.#become([discoveryFails(error), ...others]);
      return null;
    }
  }

  /** What waits now; what waited before does so since then. News goes to the log, once. */
  #become(waits: readonly Omit<SharedWait, "sinceMs">[]): void {
    const { clock, log } = this.#context;
    this.#waits = waits.map((wait) => {
      const before = this.#waits.find(({ reason, table }) => same(wait, { reason, table }));
      if (before?.why !== wait.why) log.warn(`${wait.table ?? "discovery"}: ${wait.why}`);
      return { ...wait, sinceMs: before?.sinceMs ?? clock.now() };
    });
  }

  #tell(came: readonly string[], left: readonly string[]): void {
    const { log } = this.#context;
    if (came.length > 0) log.info("tables were found", { tables: came });
    if (left.length > 0)
      log.warn("tables are not found any more and are let go of", { tables: left });
  }
}

const DISCOVERY_FAILS = "discovery";

function discoveryFails(error: MillraceError): Omit<SharedWait, "sinceMs"> {
  const why = `tables cannot be looked for, those that are known are read on: ${error.message}`;
  return { what: "pipeline", reason: DISCOVERY_FAILS, table: null, why };
}

function waitsOf({ leftOut, unknown }: Discovery): Omit<SharedWait, "sinceMs">[] {
  return [
    ...leftOut.map(({ table, why, remedy }) => ({
      what: "table" as const,
      reason: "left-out",
      table: tableId(SCHEMA, table),
      why: `it is not read: it ${why}; ${remedy}`,
    })),
    ...unknown.map(({ table, error }) => ({
      what: "table" as const,
      reason: "not-described",
      table: tableId(SCHEMA, table),
      why: `it cannot be asked about, and stays as it is: ${error.message}`,
    })),
  ];
}

function same(
  wait: Pick<SharedWait, "reason" | "table">,
  other: Pick<SharedWait, "reason" | "table">,
): boolean {
  return wait.reason === other.reason && wait.table === other.table;
}
