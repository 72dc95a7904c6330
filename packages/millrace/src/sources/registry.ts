import type { ConnectorContext, Source } from "../model/source.ts";
import type { MysqlSourceOptions } from "./mysql/options.ts";
import { MysqlSource } from "./mysql/source.ts";
import type { PostgresSourceOptions } from "./postgres/options.ts";
import { PostgresSource } from "./postgres/source.ts";

/** The normalised options of each kind of source. A connector is its folder, a line here and below, and its cases in `build-source.ts`. */
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
