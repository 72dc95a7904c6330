import type { TaskSettings } from "../pipeline/settings.ts";
import type { SinkKind } from "./connector-kinds.ts";
import type { Surroundings } from "./interpolate.ts";
import type { DYNAMODB_SOURCE_OPTIONS } from "./options/dynamodb-source-options.ts";
import type { KAFKA_SOURCE_OPTIONS } from "./options/kafka-source-options.ts";
import type { MYSQL_SOURCE_OPTIONS } from "./options/mysql-source-options.ts";
import type { POSTGRES_SOURCE_OPTIONS } from "./options/postgres-source-options.ts";
import type { SourceConfig } from "./pipeline-config.ts";
import type { Findings, Section } from "./section.ts";
import { finishDynamodbSource } from "./finish-dynamodb-source.ts";
import { finishKafkaSource } from "./finish-kafka-source.ts";
import { finishMysqlSource } from "./finish-mysql-source.ts";
import { finishPostgresSource } from "./finish-postgres-source.ts";

/** A source's section with its kind. */
export type ParsedSource =
  | { readonly kind: "postgres"; readonly section: Section<typeof POSTGRES_SOURCE_OPTIONS> }
  | { readonly kind: "mysql"; readonly section: Section<typeof MYSQL_SOURCE_OPTIONS> }
  | { readonly kind: "kafka"; readonly section: Section<typeof KAFKA_SOURCE_OPTIONS> }
  | { readonly kind: "dynamodb"; readonly section: Section<typeof DYNAMODB_SOURCE_OPTIONS> };

/** What sources are finished with. */
export interface SourceParts {
  /** The pipeline's. */
  readonly name: string;
  /** What the rows go to. */
  readonly sink: SinkKind;
  /** Whether that has a use for rows as they were before a change. */
  readonly tellsBefore: boolean;
  readonly settings: TaskSettings;
  readonly surroundings: Surroundings;
  readonly findings: Findings;
}

/** Fills in what follows from other options, and checks what only shows between them. */
export function finishSource(source: ParsedSource, parts: SourceParts): SourceConfig {
  switch (source.kind) {
    case "postgres":
      return finishPostgresSource(source.section, parts);
    case "mysql":
      return finishMysqlSource(source.section, parts);
    case "kafka":
      return finishKafkaSource(source.section, parts);
    case "dynamodb":
      return finishDynamodbSource(source.section, parts);
  }
}
