import type { SourceConfig } from "./config/pipeline-config.ts";
import type { Finding } from "./model/finding.ts";
import type { ConnectorContext, Source } from "./model/source.ts";
import type { TableId } from "./model/table.ts";
import { mysqlOptions, postgresOptions } from "./source-options.ts";
import type { SideReaders } from "./verify/table-pair.ts";
import { readerOver } from "./verify/table-reader.ts";

/*
 * Only what a pipeline reads from is loaded, when it is wanted: each kind of source is a third of all code, and most of a
 * short run is loading.
 */

/** Makes the source that a pipeline's file describes. Opens nothing. */
export async function buildSource(
  config: SourceConfig,
  context: ConnectorContext,
): Promise<Source> {
  switch (config.kind) {
    case "postgres": {
      const { PostgresSource } = await import("./sources/postgres/source.ts");
      return new PostgresSource(postgresOptions(config, context.clock), context);
    }
    case "mysql": {
      const { MysqlSource } = await import("./sources/mysql/source.ts");
      return new MysqlSource(mysqlOptions(config, context.clock), context);
    }
  }
}

/** What the source's server says about a pipeline before it is started; `known` are tables that it captures already. */
export async function checkSource(
  config: SourceConfig,
  context: ConnectorContext,
  known: ReadonlySet<TableId> | null,
): Promise<Finding[]> {
  switch (config.kind) {
    case "postgres": {
      const { validatePostgres } = await import("./sources/postgres/validate.ts");
      return validatePostgres(postgresOptions(config, context.clock), context, known);
    }
    case "mysql": {
      const { validateMysql } = await import("./sources/mysql/validate.ts");
      return validateMysql(mysqlOptions(config, context.clock), context, known);
    }
  }
}

/** What `verify` reads a source's rows through: a session that speaks the target's SQL, or the source itself. */
export async function openSourceReader(
  config: SourceConfig,
  source: Source,
  { pipeline, clock }: ConnectorContext,
): Promise<SourceReader> {
  switch (config.kind) {
    case "postgres": {
      const { chooseConnection } = await import("./sources/postgres/options.ts");
      const { openConnection } = await import("./sources/postgres/connection.ts");
      const choice = await chooseConnection(postgresOptions(config, clock), pipeline);
      const connection = await openConnection(choice, { purpose: "verify" });
      return {
        rows: readerOver(connection.client, "postgres"),
        close: () => connection.close(),
      };
    }
    case "mysql":
      return { rows: source, close: () => Promise.resolve() };
  }
}

/** See {@link openSourceReader}. */
export interface SourceReader {
  readonly rows: SideReaders["source"];
  close(): Promise<void>;
}
