import { MillraceError } from "../errors/millrace-error.ts";
import type { OriginNames, SourceBlock } from "../model/source-block.ts";
import type { TargetTable } from "../model/table.ts";
import { avroEncoder, avroKeys, checkAvro, type AvroParts } from "./avro.ts";
import { CanalJsonEncoder } from "./canal-json.ts";
import { DebeziumJsonEncoder } from "./debezium-json.ts";
import { DynamoEnvelopeEncoder } from "./dynamodb-envelope.ts";
import { dynamoKeyWriter, keyFields } from "./dynamodb-key.ts";
import { schemaName } from "./envelope-schema.ts";
import type { FormatOptions, MessageFormat, TimeMode } from "./format.ts";
import { GenericSourceBlock } from "./generic-source-block.ts";
import { keyWriter } from "./key-format.ts";
import { PlainJsonEncoder } from "./plain-json.ts";
import { SchemaRegistry } from "./schema-registry.ts";
import type { TransactionMeter } from "./transaction-meter.ts";

/** What a format is made with beside its options. */
export interface FormatParts {
  readonly names: OriginNames;
  /** The source's block; null where the source is not known (checks of a sink alone). */
  readonly block: SourceBlock | null;
  /** Counts events of transactions; null where messages do not tell. */
  readonly meter?: TransactionMeter | null;
  /** Whether several tables share a topic: their keys name them then. Absent: none do. */
  readonly isShared?: (topic: string) => boolean;
  /** How the registry is asked; the process' own without it. */
  readonly fetch?: typeof fetch;
}

/** Debezium's connectors for MySQL and MariaDB do not know `adaptive`: a TIME may be longer than a day. */
function timeModeOf(mode: TimeMode, { connector }: SourceBlock): TimeMode {
  const isMysql = connector === "mysql" || connector === "mariadb";
  return isMysql && mode === "adaptive" ? "adaptive_time_microseconds" : mode;
}

/** Makes the format that a sink's file describes. Opens nothing. */
export function createFormat(given: FormatOptions, parts: FormatParts): MessageFormat {
  const { meter = null, isShared = () => false } = parts;
  const block = parts.block ?? new GenericSourceBlock(parts.names);
  const registry = given.registry === null ? null : new SchemaRegistry(given.registry, parts.fetch);
  const optionsOf = (topic: string): FormatOptions => ({
    ...given,
    values: { ...given.values, time: timeModeOf(given.values.time, block) },
    keyWithTable: given.keyWithTable || isShared(topic),
  });
  const avroOf = (topic: string): AvroParts | null =>
    registry === null ? null : { options: optionsOf(topic), block, topic, registry, meter };
  return {
    takesLines: takesLines(given),
    check: (table, topic) => checkedAvro(table, avroOf(topic)),
    async encoder(table, topic) {
      const options = optionsOf(topic);
      const avro = avroOf(topic);
      const keys =
        options.key === "avro"
          ? await avroKeys(table, wanted(avro))
          : options.value === "dynamodb-envelope" && options.key === "json"
            ? dynamoKeyWriter(keyFields(table, options), topic, { table, options })
            : keyWriter(table, options, schemaName(block.serverName, table, "Key"));
      switch (options.value) {
        case "plain-json":
          return new PlainJsonEncoder(table, options, keys);
        case "canal-json":
          return new CanalJsonEncoder(table, options, keys);
        case "avro":
          return avroEncoder(table, keys, wanted(avro));
        case "dynamodb-envelope":
          return new DynamoEnvelopeEncoder(table, options, keys);
        case "debezium-json":
          return new DebeziumJsonEncoder(table, { options, block, keys, meter });
      }
    },
  };
}

async function checkedAvro(table: TargetTable, avro: AvroParts | null): Promise<void> {
  if (avro !== null) await checkAvro(table, avro);
}

/** Both the value and the key are written from a line's bytes. */
function takesLines({ value, key }: FormatOptions): boolean {
  return key === "json" && (value === "debezium-json" || value === "plain-json");
}

function wanted(avro: AvroParts | null): AvroParts {
  if (avro !== null) return avro;
  throw new MillraceError(
    "MR_REGISTRY_REFUSED",
    "avro needs a schema registry, and the file names none",
  );
}
