/**
 * What a column holds, whatever the database calls it. The forms of the values are in `value.ts`.
 * `other` is carried as the server's own text; `name` is the server's name of the type. Of an enumeration `labels` are its
 * values in their order, as they were when somebody looked; of an array of one too.
 */
export type LogicalType =
  | { readonly kind: "boolean" }
  | { readonly kind: "int"; readonly bits: 8 | 16 | 24 | 32 | 64; readonly unsigned?: boolean }
  | { readonly kind: "float"; readonly bits: 32 | 64 }
  /** `precision` and `scale` are null where the column has none: any number of digits. */
  | { readonly kind: "decimal"; readonly precision: number | null; readonly scale: number | null }
  /**
   * `maxChars` counts characters; null is unbounded. `fixed` pads with blanks (`char(n)`). `charBytes` is the most that one
   * character can take in UTF-8, where the source's charset has none of four bytes.
   */
  | {
      readonly kind: "text";
      readonly maxChars: number | null;
      readonly fixed?: boolean;
      readonly charBytes?: 1 | 3;
    }
  | { readonly kind: "bytes"; readonly maxBytes: number | null }
  | { readonly kind: "date" }
  | { readonly kind: "time"; readonly precision: number }
  | { readonly kind: "timetz"; readonly precision: number }
  | { readonly kind: "timestamp"; readonly precision: number }
  | { readonly kind: "timestamptz"; readonly precision: number }
  | { readonly kind: "interval" }
  | { readonly kind: "uuid" }
  | { readonly kind: "json" }
  | { readonly kind: "jsonb" }
  | { readonly kind: "other"; readonly name: string; readonly labels?: readonly string[] };
