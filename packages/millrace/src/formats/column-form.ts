import type { LogicalType } from "../model/logical-type.ts";
import type { Value } from "../model/value.ts";
import type { ConnectSchema } from "./connect-schema.ts";

/** How bytes are written as a text, by Node's names. */
export type BytesEncoding = "base64" | "base64url" | "hex";

/**
 * What a column's values become: their schema, and how the canonical form is read. Writers of JSON and of Avro switch on
 * `kind`; so a type's meaning is in one place.
 */
export type ColumnForm = { readonly schema: ConnectSchema } & (
  | { readonly kind: "boolean" }
  /** Decimal text, a number or a bigint, within the bounds of the schema's type. */
  | { readonly kind: "integer"; readonly max: bigint | null }
  /** Text of a number that JSON may not know (`NaN`). */
  | { readonly kind: "float" }
  | { readonly kind: "text" }
  /** A text that is made of the canonical one. */
  | {
      readonly kind: "string";
      readonly text: (value: string) => string;
      /** It is a timestamp with time zone, with so many digits behind the point: writers may know a shorter way. */
      readonly zonedDigits?: number;
    }
  /** A whole number that is made of the canonical text. */
  | { readonly kind: "long"; readonly number: (value: string) => number | bigint }
  /** `encoding` is what a text of them has; bytes themselves are base64 in JSON. */
  | {
      readonly kind: "bytes";
      readonly bytes: (value: Value) => Uint8Array;
      readonly encoding: BytesEncoding;
    }
  | { readonly kind: "decimal"; readonly scale: number }
  | { readonly kind: "variable-decimal" }
  | { readonly kind: "array"; readonly items: ColumnForm }
  | { readonly kind: "map" }
  | {
      readonly kind: "struct";
      readonly parts: (value: string) => readonly Value[];
      readonly forms: readonly ColumnForm[];
    }
);

/** What decides a column's form. */
export interface FormColumn {
  readonly logical: LogicalType;
  readonly sourceType?: string;
}
