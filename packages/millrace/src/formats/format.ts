import type { LoggedChange } from "../model/logged-change.ts";
import type { RowLine } from "../model/row-line.ts";
import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { DocumentStyle } from "./dynamodb-document.ts";
import type { NameScope } from "./dynamodb-names.ts";

/** A header of a message. Its bytes are shared: who takes them copies them. */
export interface MessageHeader {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly value: Uint8Array;
}

/** A header of two texts. */
export function messageHeader(name: string, value: string | Uint8Array): MessageHeader {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return { name, nameBytes: Buffer.from(name), value: bytes };
}

/** The row that a message is about: its values, or what they were not read from. */
export type MessageRow = Row | RowLine | LoggedChange;

/**
 * Where an encoder puts its messages: it writes key and value and then calls {@link MessageOutput.message}, which takes
 * what both writers hold, and clears them.
 */
export interface MessageOutput {
  readonly key: ByteWriter;
  readonly value: ByteWriter;
  /**
   * One message. Without key, or without value (a tombstone), what the writer holds does not count. `row` is the one whose
   * columns may choose the partition; null where the message is about no row.
   */
  message(
    hasKey: boolean,
    hasValue: boolean,
    row: MessageRow | null,
    headers: readonly MessageHeader[],
  ): void;
}

/** Writes the messages of one target table; everything that is the same in all of them is prepared. */
export interface TableEncoder {
  /**
   * The messages of a change, in their order: one; of a delete also its tombstone. `nowMs` is when it is written.
   * @throws MillraceError of class `row` naming the column of a value that the format cannot tell.
   */
  change(event: TargetChangeEvent, nowMs: number, output: MessageOutput): void;
  /**
   * What there is to tell of the whole table: no message where the format has no word for it. The end of a generation is a
   * message of headers alone, by option.
   */
  mark(mark: TargetMark, nowMs: number, output: MessageOutput): void;
}

/** How changes look outside: key, value, headers. Made once for a sink by `create-format.ts`. */
export interface MessageFormat {
  /**
   * The encoder of a target table; ask once per table object, and again when its shape has changed. May ask a registry.
   * @throws MillraceError where the registry refuses the schema, or cannot be reached.
   */
  encoder(table: TargetTable, topic: string): Promise<TableEncoder>;
  /** Whether {@link encoder} would be made, without leaving a trace. Absent where nobody has to be asked. */
  check?(table: TargetTable, topic: string): Promise<void>;
  /** Rows of a load are written from their lines; absent where their values are needed. */
  readonly takesLines?: boolean;
}

/** `decimal.handling.mode`. */
export type DecimalMode = "precise" | "double" | "string";
/** `time.precision.mode`. */
export type TimeMode =
  | "adaptive"
  | "adaptive_time_microseconds"
  | "connect"
  | "isostring"
  | "microseconds"
  | "nanoseconds";
/** `binary.handling.mode`. */
export type BinaryMode = "bytes" | "base64" | "base64-url-safe" | "hex";
/** `interval.handling.mode`. */
export type IntervalMode = "numeric" | "string";

/** `bigint.unsigned.handling.mode`. */
export type BigintUnsignedMode = "long" | "precise";

/** What values become: Debezium's options under their names. */
export interface ValueOptions {
  readonly decimal: DecimalMode;
  readonly time: TimeMode;
  readonly binary: BinaryMode;
  readonly interval: IntervalMode;
  /** `hstore.handling.mode`. */
  readonly hstore: "json" | "map";
  readonly bigintUnsigned: BigintUnsignedMode;
  /** `unavailable.value.placeholder`. */
  readonly unavailable: string;
}

/** What `dynamodb-envelope` adds to the ancestor's record, by option. */
export type EnvelopeAddition = "before" | "position" | "ttl";

/** What is said of `dynamodb-envelope`: with the defaults it is the record of Trustpilot's connector. */
export interface EnvelopeOptions {
  readonly document: DocumentStyle;
  /** Which attributes' names are made what a field's name may be. */
  readonly names: NameScope;
  readonly add: ReadonlySet<EnvelopeAddition>;
}

/** How a Confluent-compatible schema registry is reached. */
export interface RegistryOptions {
  readonly urls: readonly string[];
  readonly auth:
    | null
    | { readonly kind: "basic"; readonly username: string; readonly password: string }
    | { readonly kind: "bearer"; readonly token: string };
  readonly subject: "TopicName" | "RecordName" | "TopicRecordName";
  /** Whether schemas are registered by us; else only looked up. */
  readonly register: boolean;
  readonly timeoutMs: number;
}

/** All that a sink's file says of its messages. */
export interface FormatOptions {
  readonly value: "debezium-json" | "plain-json" | "canal-json" | "avro" | "dynamodb-envelope";
  readonly key: "json" | "csv" | "string" | "avro";
  /** Keys name their table (`TableId`): where several tables share a topic. */
  readonly keyWithTable: boolean;
  /** `debezium-json.include-schema.enabled`; keys in JSON have theirs then, too. */
  readonly includeSchema: boolean;
  /** `tombstones.on.delete`. */
  readonly tombstones: boolean;
  /** `sink.add-tableId-to-header-enabled`: headers namespace, schemaName, tableName. */
  readonly tableIdHeaders: boolean;
  /** `sink.custom-header`. */
  readonly customHeaders: readonly { readonly name: string; readonly value: string }[];
  /** A message of headers alone when a resync of a table is over. */
  readonly generationMarkers: boolean;
  readonly values: ValueOptions;
  readonly registry: RegistryOptions | null;
  readonly envelope: EnvelopeOptions;
}

/** Debezium's defaults, but lossless where Debezium's lose something. */
export const DEFAULT_FORMAT: FormatOptions = {
  value: "debezium-json",
  key: "json",
  keyWithTable: false,
  includeSchema: false,
  tombstones: true,
  tableIdHeaders: false,
  customHeaders: [],
  generationMarkers: true,
  values: {
    decimal: "precise",
    time: "adaptive",
    binary: "bytes",
    interval: "string",
    hstore: "json",
    bigintUnsigned: "long",
    unavailable: "__debezium_unavailable_value",
  },
  registry: null,
  envelope: { document: "connector", names: "top", add: new Set() },
};
