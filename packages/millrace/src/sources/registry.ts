import type { ConnectorContext, Source } from "../model/source.ts";
import { DynamoEstate } from "./dynamodb/estate.ts";
import type { DynamoSourceOptions } from "./dynamodb/options.ts";
import { tableSources } from "./dynamodb/table-sources.ts";
import { KafkaEstate } from "./kafka/estate.ts";
import type { KafkaSourceOptions } from "./kafka/options.ts";
import type { MysqlSourceOptions } from "./mysql/options.ts";
import { MysqlSource } from "./mysql/source.ts";
import type { PostgresSourceOptions } from "./postgres/options.ts";
import { PostgresSource } from "./postgres/source.ts";

/** The normalised options of each kind of source. A connector is its folder, a line here and below, and its cases in `build-source.ts`. */
export interface SourceOptions {
  readonly postgres: PostgresSourceOptions;
  readonly mysql: MysqlSourceOptions;
  readonly kafka: KafkaSourceOptions;
  readonly dynamodb: DynamoSourceOptions;
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
  kafka: (options, context) => new KafkaEstate(options, context),
  dynamodb: (options, context) => new DynamoEstate(options, tableSources(options, context)),
};
