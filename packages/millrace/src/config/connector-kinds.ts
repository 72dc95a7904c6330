import type { OptionTable } from "./option.ts";
import type { AcceptedKeys } from "./section.ts";
import {
  DYNAMODB_SOURCE_ACCEPTED,
  DYNAMODB_SOURCE_OPTIONS,
  DYNAMODB_SOURCE_REFUSED,
} from "./options/dynamodb-source-options.ts";
import { JSONL_SINK_OPTIONS } from "./options/jsonl-sink-options.ts";
import {
  KAFKA_SINK_ACCEPTED,
  KAFKA_SINK_OPTIONS,
  KAFKA_SINK_REFUSED,
} from "./options/kafka-sink-options.ts";
import {
  KAFKA_SOURCE_ACCEPTED,
  KAFKA_SOURCE_OPTIONS,
  KAFKA_SOURCE_REFUSED,
} from "./options/kafka-source-options.ts";
import {
  MYSQL_SOURCE_ACCEPTED,
  MYSQL_SOURCE_OPTIONS,
  MYSQL_SOURCE_REFUSED,
} from "./options/mysql-source-options.ts";
import {
  POSTGRES_SOURCE_ACCEPTED,
  POSTGRES_SOURCE_OPTIONS,
  POSTGRES_SOURCE_REFUSED,
} from "./options/postgres-source-options.ts";
import {
  DSQL_SINK_OPTIONS,
  POSTGRES_SINK_OPTIONS,
  POSTGRES_SINK_REFUSED,
  SINK_ACCEPTED,
} from "./options/sql-sink-options.ts";

/** One kind of connector, as the parser, the reference and the JSON Schema see it. */
export interface ConnectorKind {
  /** One sentence for the reference. */
  readonly title: string;
  readonly options: OptionTable;
  readonly accepted: AcceptedKeys;
  readonly refused: Readonly<Record<string, string>>;
}

/** Sources by `type`. A new one adds its line here and in `sources/registry.ts`. */
export const SOURCE_KINDS = {
  postgres: {
    title: "PostgreSQL 13 and later, read by logical replication.",
    options: POSTGRES_SOURCE_OPTIONS,
    accepted: POSTGRES_SOURCE_ACCEPTED,
    refused: POSTGRES_SOURCE_REFUSED,
  },
  mysql: {
    title: "MySQL 8.0 and later and MariaDB 10.6 and later, read by their binary log.",
    options: MYSQL_SOURCE_OPTIONS,
    accepted: MYSQL_SOURCE_ACCEPTED,
    refused: MYSQL_SOURCE_REFUSED,
  },
  kafka: {
    title: "Apache Kafka 3.0 and later: topics of Debezium's messages, or of plain rows.",
    options: KAFKA_SOURCE_OPTIONS,
    accepted: KAFKA_SOURCE_ACCEPTED,
    refused: KAFKA_SOURCE_REFUSED,
  },
  dynamodb: {
    title:
      "Amazon DynamoDB: tables by their tags or names, scanned and then followed by their streams.",
    options: DYNAMODB_SOURCE_OPTIONS,
    accepted: DYNAMODB_SOURCE_ACCEPTED,
    refused: DYNAMODB_SOURCE_REFUSED,
  },
} as const satisfies Record<string, ConnectorKind>;

/** Sinks by `type`. A new one adds its line here and in `sinks/registry.ts`. */
export const SINK_KINDS = {
  dsql: {
    title: "Amazon Aurora DSQL, exactly once.",
    options: DSQL_SINK_OPTIONS,
    accepted: SINK_ACCEPTED,
    refused: {},
  },
  postgres: {
    title: "PostgreSQL 13 and later, exactly once.",
    options: POSTGRES_SINK_OPTIONS,
    accepted: SINK_ACCEPTED,
    refused: POSTGRES_SINK_REFUSED,
  },
  kafka: {
    title: "Apache Kafka 3.0 and later, exactly once.",
    options: KAFKA_SINK_OPTIONS,
    accepted: KAFKA_SINK_ACCEPTED,
    refused: KAFKA_SINK_REFUSED,
  },
  jsonl: {
    title: "Lines of JSON in a file, for looking at what happens.",
    options: JSONL_SINK_OPTIONS,
    accepted: SINK_ACCEPTED,
    refused: {},
  },
} as const satisfies Record<string, ConnectorKind>;

/** What people call a kind too, and what it is called here. */
export const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["mariadb", "mysql"],
  ["postgresql", "postgres"],
]);

/** A `type:` of a source. */
export type SourceKind = keyof typeof SOURCE_KINDS;
/** A `type:` of a sink. */
export type SinkKind = keyof typeof SINK_KINDS;
