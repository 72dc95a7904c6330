import type { TaskSettings } from "../pipeline/settings.ts";
import type { RouteMode, RouteRule } from "../transform/rules.ts";
import type { DynamodbSourceSection } from "./options/dynamodb-source-options.ts";
import type { JsonlSinkOptions } from "./options/jsonl-sink-options.ts";
import type { KafkaSinkOptions } from "./options/kafka-sink-options.ts";
import type { KafkaSourceSection } from "./options/kafka-source-options.ts";
import type { MysqlSourceSection } from "./options/mysql-source-options.ts";
import type { PostgresSourceOptions } from "./options/postgres-source-options.ts";
import type { DsqlSinkOptions, PostgresSinkOptions } from "./options/sql-sink-options.ts";
import type { Notice, Place } from "./problem.ts";
import type { Secret } from "./secret.ts";

/** How a connection is encrypted; paths of PEM files, absolute. */
export interface TlsConfig {
  readonly mode: "disable" | "require" | "verify-ca" | "verify-full";
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

/** Options that are read into {@link TlsConfig}. */
type TlsKeys = "sslMode" | "sslCa" | "sslCert" | "sslKey";

/** A PostgreSQL source with everything filled in. */
export interface PostgresSourceConfig extends Omit<
  PostgresSourceOptions,
  TlsKeys | "slotName" | "publicationName"
> {
  readonly kind: "postgres";
  readonly database: string;
  readonly slotName: string;
  readonly publicationName: string;
  readonly tls: TlsConfig;
}

/** Where the log of a new pipeline begins; all but `initial` load nothing. */
export type MysqlStartupConfig =
  | { readonly mode: "initial" | "latest-offset" | "earliest-offset" }
  | { readonly mode: "specific-offset"; readonly file: string; readonly pos: number }
  | { readonly mode: "specific-offset"; readonly gtidSet: string }
  | { readonly mode: "timestamp"; readonly timestampMs: number };

/** A MySQL or MariaDB source with everything filled in. */
export interface MysqlSourceConfig extends Omit<
  MysqlSourceSection,
  TlsKeys | "startupFile" | "startupPos" | "startupGtidSet" | "startupTimestampMs"
> {
  readonly kind: "mysql";
  /** Names have two parts: a pipeline may read several databases. */
  readonly database: null;
  readonly startup: MysqlStartupConfig;
  readonly tls: TlsConfig;
}

/** Where a partition is begun with that the pipeline has never read. */
export type KafkaStartupConfig =
  | { readonly mode: "earliest-offset" | "latest-offset" }
  | { readonly mode: "timestamp"; readonly timestampMs: number }
  | { readonly mode: "specific-offsets"; readonly offsets: ReadonlyMap<number, number> };

/** A Kafka source with everything filled in. */
export interface KafkaSourceConfig extends Omit<
  KafkaSourceSection,
  TlsKeys | "clientId" | "groupId" | "startupMode" | "startupTimestampMs" | "startupOffsets"
> {
  readonly kind: "kafka";
  /** Names of tables have two parts. */
  readonly database: null;
  readonly startup: KafkaStartupConfig;
  readonly clientId: string;
  readonly groupId: string;
  readonly tls: TlsConfig;
}

/** Where a table is begun with that the pipeline has never read; all but `initial` load nothing. */
export type DynamodbStartupConfig =
  | { readonly mode: "initial" | "earliest-offset" | "latest-offset" }
  | { readonly mode: "timestamp"; readonly timestampMs: number };

/** A DynamoDB source with everything filled in. */
export interface DynamodbSourceConfig extends Omit<
  DynamodbSourceSection,
  "sessionName" | "startupMode" | "startupTimestampMs"
> {
  readonly kind: "dynamodb";
  /** Names of tables have two parts, of which the first is always the same. */
  readonly database: null;
  /** All that DISCOVERY finds. */
  readonly tables: string;
  readonly tablesExclude: null;
  readonly startup: DynamodbStartupConfig;
  readonly sessionName: string;
  /** What items are made into: rows of tables, or messages with the whole item. */
  readonly rows: "tables" | "messages";
  /** Whether messages have a use for the item as it was before a change. */
  readonly tellsBefore: boolean;
  /** A value that its column cannot hold makes its row a dead letter. */
  readonly refusesMisfits: boolean;
}

/** A DSQL sink with everything filled in. */
export interface DsqlSinkConfig extends Omit<
  DsqlSinkOptions,
  TlsKeys | "useIamAuth" | "maxPoolSize"
> {
  readonly kind: "dsql";
  readonly useIamAuth: boolean;
  readonly maxPoolSize: number;
  readonly tls: TlsConfig;
}

/** A PostgreSQL sink with everything filled in. */
export interface PostgresSinkConfig extends Omit<PostgresSinkOptions, TlsKeys | "maxPoolSize"> {
  readonly kind: "postgres";
  readonly maxPoolSize: number;
  readonly tls: TlsConfig;
}

/** A Kafka sink with everything filled in. */
export interface KafkaSinkConfig extends Omit<
  KafkaSinkOptions,
  TlsKeys | "clientId" | "topicPrefix" | "tableTopicPrefix"
> {
  readonly kind: "kafka";
  /** The file has `batch-size`. */
  readonly batchRowsAreGiven: boolean;
  readonly clientId: string;
  readonly topicPrefix: string;
  readonly tls: TlsConfig;
}

/** A file of lines; `path` is absolute. */
export interface JsonlSinkConfig extends JsonlSinkOptions {
  readonly kind: "jsonl";
}

export type SourceConfig =
  | PostgresSourceConfig
  | MysqlSourceConfig
  | KafkaSourceConfig
  | DynamodbSourceConfig;
export type SinkConfig = DsqlSinkConfig | PostgresSinkConfig | KafkaSinkConfig | JsonlSinkConfig;

/** A rule of `transform:`; as `ColumnRule`, with its key wrapped. */
export interface ColumnChoice {
  readonly sourceTable: string;
  readonly exclude?: readonly string[];
  readonly mask?: { readonly columns: readonly string[]; readonly text: string };
  readonly hash?: { readonly columns: readonly string[]; readonly key: Secret };
  readonly description?: string;
}

/** A pipeline file that was understood: what the rest of the code uses. Made by `load.ts`. */
export interface PipelineConfig {
  readonly name: string;
  /** Where it came from, for messages. */
  readonly file: string;
  readonly source: SourceConfig;
  readonly sink: SinkConfig;
  readonly routes: readonly RouteRule[];
  readonly columnChoices: readonly ColumnChoice[];
  readonly routeMode: RouteMode;
  readonly settings: TaskSettings;
  readonly memoryBudgetBytes: number;
  readonly notices: readonly Notice[];
  /** Where each given option stands, by its path such as `route[0].source-table`; for what only servers can tell. */
  readonly places: ReadonlyMap<string, Place>;
  /** What each option says, hashed: two readings of a file are compared by it. */
  readonly given: ReadonlyMap<string, string>;
}
