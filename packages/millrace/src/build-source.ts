import type { SourceConfig } from "./config/pipeline-config.ts";
import type { Finding } from "./model/finding.ts";
import type { DynamoObserver } from "./observe/dynamodb-metrics.ts";
import type { SharedSource } from "./model/shared-source.ts";
import type { ConnectorContext, Source } from "./model/source.ts";
import type { TableId } from "./model/table.ts";
import { dynamodbOptions } from "./dynamodb-source-options.ts";
import { kafkaSourceOptions } from "./kafka-source-options.ts";
import { MillraceError } from "./errors/millrace-error.ts";
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
    case "kafka": {
      const { KafkaEstate } = await import("./sources/kafka/estate.ts");
      return new KafkaEstate(kafkaSourceOptions(config), context);
    }
    case "dynamodb": {
      const { DynamoEstate } = await import("./sources/dynamodb/estate.ts");
      const { tableSources } = await import("./sources/dynamodb/table-sources.ts");
      const options = dynamodbOptions(config);
      return new DynamoEstate(options, tableSources(options, context));
    }
  }
}

/**
 * The source as several processes share it; null where one process reads all of it. Opens nothing. `observer` hears of the calls of
 * one that is DynamoDB.
 */
export async function buildSharedSource(
  config: SourceConfig,
  context: ConnectorContext,
  observer?: DynamoObserver,
): Promise<SharedSource | null> {
  switch (config.kind) {
    case "postgres":
    case "mysql":
      return null;
    case "kafka": {
      const { KafkaShares } = await import("./sources/kafka/shares.ts");
      return new KafkaShares(kafkaSourceOptions(config), context);
    }
    case "dynamodb": {
      const { DynamoShares } = await import("./sources/dynamodb/shares.ts");
      const { tableSources } = await import("./sources/dynamodb/table-sources.ts");
      const options = dynamodbOptions(config);
      return new DynamoShares(options, context, tableSources(options, context, observer));
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
    case "kafka": {
      const { validateKafkaSource } = await import("./sources/kafka/validate.ts");
      return validateKafkaSource(kafkaSourceOptions(config), context);
    }
    case "dynamodb": {
      const { validateDynamodb } = await import("./sources/dynamodb/validate.ts");
      return validateDynamodb(dynamodbOptions(config), context, { rows: config.rows, known });
    }
  }
}

/**
 * What `verify` reads a source's rows through: a session that speaks the target's SQL, or the source itself (of one that is
 * shared out, a share's).
 */
export async function openSourceReader(
  config: SourceConfig,
  source: Source,
  { pipeline, clock }: ConnectorContext,
): Promise<SourceReader> {
  switch (config.kind) {
    case "postgres": {
      const { chooseConnection } = await import("./sources/postgres/options.ts");
      const { openConnection } = await import("./sources/postgres/connection.ts");
      const { connectionError } = await import("./sources/postgres/connection-error.ts");
      const choice = await chooseConnection(postgresOptions(config, clock), pipeline);
      const connection = await openConnection(choice, { purpose: "verify" });
      return {
        rows: readerOver(connection.client, "postgres", (error) =>
          connectionError(error, "compare rows at the source"),
        ),
        close: () => connection.close(),
      };
    }
    case "mysql":
    case "dynamodb":
      return { rows: source, close: () => Promise.resolve() };
    case "kafka":
      throw new MillraceError(
        "MR_SOURCE_REFUSED",
        "a topic cannot be asked for the rows that there are now: verify compares tables",
        { remedy: "Verify the topic's origin against the sink, by a file with that source." },
      );
  }
}

/** See {@link openSourceReader}. */
export interface SourceReader {
  readonly rows: SideReaders["source"];
  close(): Promise<void>;
}
