import { finalRemedy } from "../../errors/final-remedy.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json } from "../../model/position.ts";
import type { DiscoveredTable, RefusedTable, Source } from "../../model/source.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { type Discovery, discoverTables } from "./discover.ts";
import { keyText } from "./keys.ts";
import type { DynamoSourceOptions } from "./options.ts";
import { SCHEMA } from "./table-shape.ts";
import type { TableSources } from "./table-sources.ts";

/**
 * All tables of a file at once, for who looks and does not run: `validate --connect`, `plan`. What runs is a source for each
 * table (design/009).
 */
export class DynamoEstate implements Source {
  readonly kind = "dynamodb";
  readonly keyText = keyText;
  readonly #options: DynamoSourceOptions;
  readonly #parts: TableSources;
  #looked: Promise<Discovery> | null = null;
  #remembered: readonly TableShape[] = [];

  constructor(options: DynamoSourceOptions, parts: TableSources) {
    this.#options = options;
    this.#parts = parts;
  }

  /** The account and region, which any of its tables tells; STS need not be within reach. */
  async identity(): Promise<Json> {
    const [table] = (await this.#look()).found;
    const { region } = this.#options.connection;
    const account = table?.arn.split(":")[4] ?? (await this.#parts.api.account());
    return { kind: "dynamodb", account, region };
  }

  /** So that another sample changes no shape. */
  remember(tables: readonly TableShape[]): void {
    this.#remembered = tables;
  }

  /** A table is a share, named as the table is (design/009). */
  shareOf({ name }: TableShape): string {
    return name;
  }

  openShare(share: string): Source {
    return this.#parts.open(share);
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    const { found } = await this.#look();
    const tables: DiscoveredTable[] = [];
    for (const { name } of found) tables.push(...(await this.#tablesOf(this.#parts.open(name))));
    return tables;
  }

  async refusals(): Promise<readonly RefusedTable[]> {
    const { leftOut, unknown } = await this.#look();
    return [
      ...leftOut.map(({ table, why, remedy }) => ({ id: tableId(SCHEMA, table), why, remedy })),
      ...unknown.map(({ table, error }) => ({
        id: tableId(SCHEMA, table),
        why: `cannot be asked about: ${error.detail}`,
        remedy: finalRemedy(error),
      })),
    ];
  }

  close(): Promise<void> {
    return this.#parts.api.close();
  }

  checkLog(): Promise<void> {
    return Promise.resolve();
  }

  comparePositions(): number {
    throw byTable();
  }

  positionText(): string {
    throw byTable();
  }

  sees(): boolean {
    throw byTable();
  }

  bytesBetween(): null {
    return null;
  }

  async nudge(): Promise<void> {}

  prepare(): Promise<never> {
    return Promise.reject(byTable());
  }

  safeToSnapshot(): Promise<never> {
    return Promise.reject(byTable());
  }

  openLog(): Promise<never> {
    return Promise.reject(byTable());
  }

  openSnapshot(): Promise<never> {
    return Promise.reject(byTable());
  }

  unseen(): Promise<never> {
    return Promise.reject(byTable());
  }

  logEnd(): Promise<never> {
    return Promise.reject(byTable());
  }

  planChunk(): Promise<never> {
    return Promise.reject(byTable());
  }

  /** A table that cannot be sampled now refuses the look: what it would become is not known. */
  async #tablesOf(source: Source): Promise<readonly DiscoveredTable[]> {
    try {
      source.remember?.(this.#remembered);
      return await source.discover();
    } finally {
      await source.close();
    }
  }

  #look(): Promise<Discovery> {
    this.#looked ??= discoverTables(this.#parts.api, this.#options.discovery);
    return this.#looked;
  }
}

function byTable(): MillraceError {
  return new MillraceError("MR_BUG", "DynamoDB is read table by table");
}
