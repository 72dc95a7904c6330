import type { LogicalType } from "../model/logical-type.ts";
import type { ColumnForm } from "./column-form.ts";
import type { ConnectSchema, ConnectType } from "./connect-schema.ts";
import type { TimeMode } from "./format.ts";
import {
  epochDay,
  isoDate,
  isoTimestamp,
  timeMicros,
  timeMillis,
  timestampMicros,
  timestampMillis,
  timestampNanos,
} from "./temporal.ts";

type Temporal = Extract<LogicalType, { kind: "date" | "time" | "timestamp" }>;

function schema(type: ConnectType, name: string): ConnectSchema {
  return { type, optional: false, name, version: 1 };
}

function long(
  type: ConnectType,
  name: string,
  number: (value: string) => number | bigint,
): ColumnForm {
  return { kind: "long", schema: schema(type, name), number };
}

function text(name: string, convert: (value: string) => string): ColumnForm {
  return { kind: "string", schema: schema("string", `io.debezium.time.${name}`), text: convert };
}

/** `time.precision.mode` of a type without time zone. */
export function temporalForm(type: Temporal, mode: TimeMode): ColumnForm {
  switch (type.kind) {
    case "date":
      return dateForm(mode);
    case "time":
      return timeForm(type.precision, mode);
    case "timestamp":
      return timestampForm(type.precision, mode);
  }
}

function dateForm(mode: TimeMode): ColumnForm {
  if (mode === "connect") return long("int32", "org.apache.kafka.connect.data.Date", epochDay);
  if (mode === "isostring") return text("IsoDate", (value) => withZone(isoDate(value)));
  return long("int32", "io.debezium.time.Date", epochDay);
}

function timeForm(precision: number, mode: TimeMode): ColumnForm {
  switch (mode) {
    case "connect":
      return long("int32", "org.apache.kafka.connect.data.Time", timeMillis);
    case "isostring":
      return text("IsoTime", withZone);
    case "nanoseconds":
      return long("int64", "io.debezium.time.NanoTime", (value) => timeMicros(value) * 1_000);
    case "adaptive":
      if (precision <= 3) return long("int32", "io.debezium.time.Time", timeMillis);
      return long("int64", "io.debezium.time.MicroTime", timeMicros);
    default:
      return long("int64", "io.debezium.time.MicroTime", timeMicros);
  }
}

function timestampForm(precision: number, mode: TimeMode): ColumnForm {
  switch (mode) {
    case "connect":
      return long("int64", "org.apache.kafka.connect.data.Timestamp", timestampMillis);
    case "isostring":
      return text("IsoTimestamp", (value) => withZone(isoTimestamp(value, 0)));
    case "nanoseconds":
      return long("int64", "io.debezium.time.NanoTimestamp", timestampNanos);
    case "microseconds":
      return long("int64", "io.debezium.time.MicroTimestamp", timestampMicros);
    default:
      if (precision <= 3) return long("int64", "io.debezium.time.Timestamp", timestampMillis);
      return long("int64", "io.debezium.time.MicroTimestamp", timestampMicros);
  }
}

/** Debezium's ISO strings end in `Z`, though the type has no zone, and have no zeros behind a second's last digit. */
function withZone(iso: string): string {
  if (iso.endsWith("infinity")) return iso;
  return `${iso.includes(".") ? iso.replace(/\.?0+$/, "") : iso}Z`;
}
