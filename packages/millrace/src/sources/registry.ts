import type { Finding } from "../model/finding.ts";
import type { ConnectorContext, Source } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import type { MysqlSourceOptions } from "./mysql/options.ts";
import { MysqlSource } from "./mysql/source.ts";
import { validateMysql } from "./mysql/validate.ts";
import type { PostgresSourceOptions } from "./postgres/options.ts";
import { PostgresSource } from "./postgres/source.ts";
import { validatePostgres } from "./postgres/validate.ts";

/** The normalised options of each kind of source. A connector is its folder and a line here and below. */
export interface SourceOptions {
  readonly postgres: PostgresSourceOptions;
  readonly mysql: MysqlSourceOptions;
}

/** Makes a source of options; opens nothing yet. */
export const SOURCES: {
  readonly [Kind in keyof SourceOptions]: (
    options: SourceOptions[Kind],
    context: ConnectorContext,
  ) => Source;
} = {
  postgres: (options, context) => new PostgresSource(options, context),
  mysql: (options, context) => new MysqlSource(options, context),
};

/** Asks the server what would be in the way of a pipeline (`validate --connect`); writes nothing, worst first. */
export const SOURCE_CHECKS: {
  readonly [Kind in keyof SourceOptions]: (
    options: SourceOptions[Kind],
    context: ConnectorContext,
    known?: ReadonlySet<TableId> | null,
  ) => Promise<Finding[]>;
} = {
  postgres: validatePostgres,
  mysql: validateMysql,
};
