import type { ConnectSchema } from "./connect-schema.ts";

/*
 * What stands in a field that cannot be null where the log has no value, as in `before` of a delete: what Debezium writes
 * there, by the meaning of the field, so that who reads it by that meaning can.
 */

const TEXTS: Readonly<Record<string, string>> = {
  "io.debezium.time.ZonedTimestamp": "1970-01-01T00:00:00Z",
  "io.debezium.time.ZonedTime": "00:00:00Z",
  "io.debezium.time.Interval": "P0Y0M0DT0H0M0S",
};

const ZERO_BYTE = Uint8Array.of(0);
const NO_BYTES = new Uint8Array(0);

/** Of a field of type `string`. */
export function zeroText({ name = "" }: ConnectSchema): string {
  return TEXTS[name] ?? "";
}

/** Of a field of type `bytes`: a decimal has at least one, empty bytes are no number. */
export function zeroBytes({ name }: ConnectSchema): Uint8Array {
  return name === "org.apache.kafka.connect.data.Decimal" ? ZERO_BYTE : NO_BYTES;
}

/** The members of a struct with what stands in each; the digits of a decimal whose scale is beside them are bytes of one. */
export function zeroFields({
  name,
  fields = [],
}: ConnectSchema): readonly { readonly name: string; readonly schema: ConnectSchema }[] {
  if (name !== "io.debezium.data.VariableScaleDecimal") return fields;
  return fields.map((field) =>
    field.schema.type === "bytes"
      ? { ...field, schema: { ...field.schema, name: "org.apache.kafka.connect.data.Decimal" } }
      : field,
  );
}

/** The point where both are 0, and that as well-known binary. */
const POINT = '{"x":0,"y":0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null}';

/** The same as JSON. */
export function zeroJson(schema: ConnectSchema): string {
  switch (schema.type) {
    case "string":
      return JSON.stringify(zeroText(schema));
    case "bytes":
      return JSON.stringify(Buffer.from(zeroBytes(schema)).toString("base64"));
    case "boolean":
      return "false";
    case "array":
      return "[]";
    case "map":
      return "{}";
    case "struct": {
      if (schema.name === "io.debezium.data.geometry.Point") return POINT;
      const members = zeroFields(schema).map(({ name, schema: each }) => {
        return `${JSON.stringify(name)}:${each.optional ? "null" : zeroJson(each)}`;
      });
      return `{${members.join(",")}}`;
    }
    default:
      return "0";
  }
}
