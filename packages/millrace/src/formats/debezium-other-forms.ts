import type { LogicalType } from "../model/logical-type.ts";
import type { Value } from "../model/value.ts";
import { bitTextBytes, bitsForm } from "./bytes-forms.ts";
import type { ColumnForm, FormColumn } from "./column-form.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import type { ValueOptions } from "./format.ts";
import { parseHstoreText } from "./hstore-text.ts";
import { bareName, elementType } from "./type-name.ts";

type FormOf = (column: FormColumn, options: ValueOptions) => ColumnForm;

const STRING: ConnectSchema = { type: "string", optional: false };
const NULLABLE_STRING: ConnectSchema = { type: "string", optional: true };
const MAX_BITS = 2_147_483_647;

/** An enumeration, or MySQL's set: its labels are a parameter of its schema. */
export function enumForm(labels: readonly string[], name: "Enum" | "EnumSet"): ColumnForm {
  const parameters = { allowed: labels.join(",") };
  const schema = { ...STRING, name: `io.debezium.data.${name}`, version: 1, parameters };
  return { kind: "text", schema };
}

/** Types that PostgreSQL carries as text and Debezium has a form for. */
export function otherForm(
  { name, labels }: Extract<LogicalType, { kind: "other" }>,
  options: ValueOptions,
  formOf: FormOf,
): ColumnForm {
  const element = elementType(name);
  if (element !== null) {
    const logical =
      element.kind === "other" && labels !== undefined ? { ...element, labels } : element;
    return arrayForm(formOf({ logical, sourceType: name.slice(0, -2) }, options));
  }
  if (labels !== undefined) return enumForm(labels, "Enum");
  switch (bareName(name)) {
    case "bit":
    case "bit varying":
    case "varbit":
      return bitForm(name);
    case "xml":
      return { kind: "text", schema: { ...STRING, name: "io.debezium.data.Xml", version: 1 } };
    case "ltree":
      return { kind: "text", schema: { ...STRING, name: "io.debezium.data.Ltree", version: 1 } };
    case "tsvector":
      return { kind: "text", schema: { ...STRING, name: "io.debezium.data.Tsvector", version: 1 } };
    case "hstore":
      return hstoreForm(options);
    case "point":
      return pointForm();
    case "geometry":
      return geometryForm("Geometry");
    case "geography":
      return geometryForm("Geography");
    default:
      return { kind: "text", schema: STRING };
  }
}

function arrayForm(items: ColumnForm): ColumnForm {
  const schema: ConnectSchema = {
    type: "array",
    optional: false,
    items: { ...items.schema, optional: true },
  };
  return { kind: "array", items, schema };
}

function bitForm(name: string): ColumnForm {
  const [, length] = /\((\d+)\)/.exec(name) ?? [];
  const isVarying = /var/.test(name);
  if (!isVarying && (length === undefined || length === "1"))
    return { kind: "boolean", schema: { type: "boolean", optional: false } };
  return bitsForm(length === undefined ? MAX_BITS : Number(length), bitTextBytes);
}

function hstoreForm({ hstore }: ValueOptions): ColumnForm {
  if (hstore === "map")
    return {
      kind: "map",
      schema: { type: "map", optional: false, keys: STRING, values: NULLABLE_STRING },
    };
  return {
    kind: "string",
    schema: { ...STRING, name: "io.debezium.data.Json", version: 1 },
    text: (value) => JSON.stringify(Object.fromEntries(parseHstoreText(value))),
  };
}

const FLOAT: ColumnForm = { kind: "float", schema: { type: "float64", optional: false } };
const NULLABLE_BYTES: ColumnForm = {
  kind: "bytes",
  schema: { type: "bytes", optional: true },
  encoding: "base64",
  bytes: (value) => (value instanceof Uint8Array ? value : new Uint8Array(0)),
};
const SRID: ColumnForm = { kind: "integer", max: null, schema: { type: "int32", optional: true } };

/** PostgreSQL's own point, `(1.5,-2)`. */
function pointForm(): ColumnForm {
  return {
    kind: "struct",
    forms: [FLOAT, FLOAT, NULLABLE_BYTES, SRID],
    parts: (value) => {
      const [x = "", y = ""] = value.slice(1, -1).split(",");
      return [x, y, pointWkb(Number(x), Number(y)), null];
    },
    schema: {
      type: "struct",
      optional: false,
      name: "io.debezium.data.geometry.Point",
      version: 1,
      doc: "Geometry (POINT)",
      fields: [
        { name: "x", schema: FLOAT.schema },
        { name: "y", schema: FLOAT.schema },
        { name: "wkb", schema: NULLABLE_BYTES.schema },
        { name: "srid", schema: SRID.schema },
      ],
    },
  };
}

/** Well-known binary of a point without SRID, little-endian. */
function pointWkb(x: number, y: number): Uint8Array {
  const wkb = Buffer.alloc(21);
  wkb.writeUInt8(1, 0);
  wkb.writeUInt32LE(1, 1);
  wkb.writeDoubleLE(x, 5);
  wkb.writeDoubleLE(y, 13);
  return wkb;
}

const BYTES: ColumnForm = { ...NULLABLE_BYTES, schema: { type: "bytes", optional: false } };
const HAS_SRID = 0x2000_0000;

/** PostGIS prints extended WKB in hexadecimal digits. */
function geometryForm(name: "Geometry" | "Geography"): ColumnForm {
  return {
    kind: "struct",
    forms: [BYTES, SRID],
    parts: geometryParts,
    schema: {
      type: "struct",
      optional: false,
      name: `io.debezium.data.geometry.${name}`,
      version: 1,
      doc: name,
      fields: [
        { name: "wkb", schema: BYTES.schema },
        { name: "srid", schema: SRID.schema },
      ],
    },
  };
}

function geometryParts(hex: string): readonly Value[] {
  const wkb = Buffer.from(hex, "hex");
  if (wkb.length < 9) return [wkb, null];
  const isLittle = wkb[0] === 1;
  const type = isLittle ? wkb.readUInt32LE(1) : wkb.readUInt32BE(1);
  if ((type & HAS_SRID) === 0) return [wkb, null];
  return [wkb, isLittle ? wkb.readUInt32LE(5) : wkb.readUInt32BE(5)];
}
