import type { SourceConfig } from "./config/pipeline-config.ts";
import type { Finding } from "./model/finding.ts";
import type { ConnectorContext, Source } from "./model/source.ts";
import type { TableId } from "./model/table.ts";
import { mysqlOptions, postgresOptions } from "./source-options.ts";
import { openConnection } from "./sources/postgres/connection.ts";
import { chooseConnection } from "./sources/postgres/options.ts";
import { SOURCE_CHECKS, SOURCES } from "./sources/registry.ts";
import type { SideReaders } from "./verify/table-pair.ts";
import { readerOver } from "./verify/table-reader.ts";

/** Makes the source that a pipeline's file describes. Opens nothing. */
export function buildSource(config: SourceConfig, context: ConnectorContext): Source {
  switch (config.kind) {
    case "postgres":
      return SOURCES.postgres(postgresOptions(config, context.clock), context);
    case "mysql":
      return SOURCES.mysql(mysqlOptions(config, context.clock), context);
  }
}

/** What the source's server says about a pipeline before it is started; `known` are tables that it captures already. */
export function checkSource(
  config: SourceConfig,
  context: ConnectorContext,
  known: ReadonlySet<TableId> | null,
): Promise<Finding[]> {
  switch (config.kind) {
    case "postgres":
      return SOURCE_CHECKS.postgres(postgresOptions(config, context.clock), context, known);
    case "mysql":
      return SOURCE_CHECKS.mysql(mysqlOptions(config, context.clock), context, known);
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
