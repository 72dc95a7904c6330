import { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import type { KeyPage, TargetChange, TargetCheck, TargetIdentities } from "../../model/sink.ts";
import { tableId, type TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { addStep, DROPPED_PREFIX, nextStep, putAwayName, putAwayNames } from "./alter-plan.ts";
import { AnsweredChanges } from "./answered-changes.ts";
import type { CatalogueTable } from "./catalogue.ts";
import {
  readCatalogueTable,
  readCatalogueTables,
  readIdentities,
  schemaExists,
} from "./catalogue.ts";
import { createSchemaText, createTableText, runDdl } from "./ddl.ts";
import { classify } from "./errors.ts";
import { quoteName, quoteTable } from "./identifiers.ts";
import { readKeyPage } from "./key-pages.ts";
import type { ConnectionPool } from "./pool.ts";
import type { RetryPorts } from "./retry.ts";
import { untilDone } from "./retry.ts";
import type { SinkConnection } from "./sink-connection.ts";
import { strayStep } from "./stray-columns.ts";
import { compareTable, onlyMissing } from "./table-comparison.ts";

/** What the target's tables are worked on with. */
export interface TargetTablesParts {
  readonly pool: ConnectionPool;
  readonly retry: RetryPorts;
  /** Rejects with MR_FENCED where another task has taken over; asked before every DDL, which carries no fence itself. */
  stillMine(connection: SinkConnection): Promise<void>;
  /** Whether a session can be told how long it may wait for a lock; where not, nobody locks. */
  readonly serverTimeouts: boolean;
}

/** What was put away can wait; lanes cannot. */
const TIDYING_LOCK_WAIT_MS = 500;
/** Steps of one change at most; more means that somebody undoes them. */
const MAX_STEPS = 2_000;

/** Makes, compares and changes the tables that rows are written to. */
export class TargetTables {
  readonly #parts: TargetTablesParts;
  readonly #answered = new AnsweredChanges();

  constructor(parts: TargetTablesParts) {
    this.#parts = parts;
  }

  /** See {@link Sink.checkTable}. */
  check(table: TargetTable, create: "if-missing" | "never"): Promise<TargetCheck> {
    let created = false;
    return this.#again(`checking ${table.id}`, async (connection) => {
      const actual = await readCatalogueTable(connection, table);
      if (actual !== null)
        return { created, ...(await this.#checkExisting(connection, table, actual)) };
      if (create === "never")
        throw new MillraceError(
          "MR_SINK_SCHEMA",
          `table ${table.id} does not exist, and create is "never"`,
        );
      created = true;
      await this.#create(connection, table);
      return { created, notices: [], secondaryUnique: false };
    });
  }

  /** See {@link Sink.checkPresent}. */
  checkPresent(tables: readonly TargetTable[]): Promise<ReadonlyMap<TargetTable, TargetCheck>> {
    return this.#again(`checking ${tables.length} tables`, async (connection) => {
      const catalogue = await readCatalogueTables(connection, tables);
      const checks = new Map<TargetTable, TargetCheck>();
      for (const table of tables) {
        const actual = catalogue.get(table.id);
        if (actual === undefined || actual.columns.some(isPutAway)) continue;
        const { problems, ...found } = compareTable(actual, table);
        if (problems.length === 0) checks.set(table, { created: false, ...found });
      }
      return checks;
    });
  }

  /** See {@link Sink.addColumns}. */
  async addColumns(table: TargetTable): Promise<readonly string[]> {
    const added = new Set<string>();
    await this.#again(`widening ${table.id}`, async (connection) => {
      for (;;) {
        const actual = await readCatalogueTable(connection, table);
        const [missing] = actual === null ? [] : onlyMissing(withoutPutAway(actual), table);
        if (missing === undefined) return;
        await this.#parts.stillMine(connection);
        added.add(missing.name);
        await runDdl(connection, addStep(table, missing), `widening ${table.id}`);
      }
    });
    return [...added];
  }

  /** See {@link Sink.identifyTargets}; the state of the pipeline lies in `home`. */
  identify(
    tables: readonly TargetTable[],
    home: { readonly schema: string; readonly name: string },
  ): Promise<TargetIdentities> {
    return this.#again("looking for the targets", async (connection) => {
      const ids = await readIdentities(connection, [home, ...tables]);
      return { home: ids.get(tableId(home.schema, home.name)) ?? "", ids };
    });
  }

  /** See {@link Sink.applyChange}. */
  async apply(change: TargetChange): Promise<void> {
    switch (change.kind) {
      case "create":
        await this.check(change.table, "if-missing");
        return;
      case "drop":
        return this.#drop(change.table, change.tag);
      case "alter":
        return this.#alter(change);
    }
  }

  /** See {@link Sink.finishChange}. */
  async finish(change: TargetChange): Promise<void> {
    if (change.kind !== "alter" || !this.#answered.take(change)) return;
    const { table } = change;
    const away = new Set(putAwayNames(change));
    try {
      await this.#parts.pool.use(async (connection) => {
        const actual = await readCatalogueTable(connection, table);
        const columns = actual?.columns.filter(({ name }) => away.has(name)) ?? [];
        if (columns.length === 0) return;
        await this.#withoutWaiting(connection, () => this.#dropColumns(connection, table, columns));
      });
    } catch (thrown) {
      const error = toMillraceError(thrown, "MR_SINK_LOST_CONNECTION");
      if (error.class === "bug") throw error;
      this.#parts.retry.log.debug("what was put away stays until a start", {
        table: table.id,
        code: error.code,
      });
    }
  }

  /** See {@link Sink.readKeys}. */
  readKeys(table: TargetTable, after: Row | null, limit: number): Promise<KeyPage> {
    return this.#again(`reading keys of ${table.id}`, (connection) =>
      readKeyPage(connection, table, after, limit),
    );
  }

  async #create(connection: SinkConnection, table: TargetTable): Promise<void> {
    await this.#parts.stillMine(connection);
    if (
      !(await schemaExists(connection, table.schema).catch(
        rethrow(`looking for schema ${table.schema}`),
      ))
    ) {
      await runDdl(connection, createSchemaText(table.schema), `creating schema ${table.schema}`);
    }
    await runDdl(connection, createTableText(table), `creating ${table.id}`);
  }

  async #checkExisting(
    connection: SinkConnection,
    table: TargetTable,
    actual: CatalogueTable,
  ): Promise<Omit<TargetCheck, "created">> {
    const { problems, ...found } = compareTable(withoutPutAway(actual), table);
    if (problems.length > 0)
      throw new MillraceError("MR_SINK_SCHEMA", `${table.id}: ${problems.join("; ")}`);
    // Of earlier runs' barriers. A start comes after a takeover, so that their tasks are fenced.
    await this.#dropColumns(connection, table, actual.columns.filter(isPutAway));
    return found;
  }

  /** While all lanes stand still behind a barrier: somebody who reads the table for long must not hold them up. */
  async #withoutWaiting(connection: SinkConnection, work: () => Promise<void>): Promise<void> {
    if (!this.#parts.serverTimeouts) return work();
    await connection.query(`SET lock_timeout = ${TIDYING_LOCK_WAIT_MS}`);
    try {
      await work();
    } finally {
      await connection.query("RESET lock_timeout");
    }
  }

  async #dropColumns(
    connection: SinkConnection,
    table: TargetTable,
    columns: readonly { readonly name: string }[],
  ): Promise<void> {
    for (const { name } of columns) {
      await this.#parts.stillMine(connection);
      const text = `ALTER TABLE ${quoteTable(table)} DROP COLUMN ${quoteName(name)}`;
      await runDdl(connection, text, `dropping a column of ${table.id}`);
    }
  }

  /** By way of another name, for the reason of `alter-plan.ts`; the old table is not kept, it may be large. */
  #drop(table: TargetTable, tag: string): Promise<void> {
    const away = { schema: table.schema, name: putAwayName(tag, table.name) };
    return this.#again(`dropping ${table.id}`, async (connection) => {
      await this.#parts.stillMine(connection);
      const putAside = (await readCatalogueTable(connection, away)) !== null;
      if (!putAside) {
        if ((await readCatalogueTable(connection, table)) === null) return;
        const text = `ALTER TABLE ${quoteTable(table)} RENAME TO ${quoteName(away.name)}`;
        await runDdl(connection, text, `putting ${table.id} away`);
      }
      await runDdl(connection, `DROP TABLE IF EXISTS ${quoteTable(away)}`, `dropping ${table.id}`);
    });
  }

  #alter(change: Extract<TargetChange, { kind: "alter" }>): Promise<void> {
    this.#answered.begin(change);
    return this.#again(`altering ${change.table.id}`, async (connection) => {
      for (let steps = 0; steps < MAX_STEPS; steps++) {
        await this.#parts.stillMine(connection);
        const actual = await readCatalogueTable(connection, change.table);
        if (actual === null)
          throw new MillraceError("MR_SINK_SCHEMA", `table ${change.table.id} does not exist`);
        const step = nextStep(actual, change) ?? (await strayStep(connection, actual, change));
        if (step === null) return expectFits(actual, change.table);
        await this.#answered.during(change, () =>
          runDdl(connection, step, `altering ${change.table.id}`),
        );
      }
      throw new MillraceError(
        "MR_SINK_SCHEMA",
        `${change.table.id} is being changed by somebody else`,
      );
    });
  }

  #again<T>(doing: string, work: (connection: SinkConnection) => Promise<T>): Promise<T> {
    return untilDone(() => this.#parts.pool.use(work), this.#parts.retry, doing);
  }
}

function expectFits(actual: CatalogueTable, table: TargetTable): void {
  const { problems } = compareTable(withoutPutAway(actual), table);
  if (problems.length > 0)
    throw new MillraceError("MR_SINK_SCHEMA", `${table.id}: ${problems.join("; ")}`);
}

/** The table as the pipeline knows it: without what barriers have put away. */
export function withoutPutAway(actual: CatalogueTable): CatalogueTable {
  return { ...actual, columns: actual.columns.filter((column) => !isPutAway(column)) };
}

function isPutAway(column: { readonly name: string }): boolean {
  return column.name.startsWith(DROPPED_PREFIX);
}

function rethrow(doing: string): (error: unknown) => never {
  return (error) => {
    throw classify(error, { doing });
  };
}
