import type { ColumnRule } from "../../schema/document-columns.ts";
import type { DocumentForm } from "./document-text.ts";

/** What of an item its document has: all of it, or what no column has. */
export type DocumentContent = "whole" | "rest";

/** The column that holds what has no column of its own. */
export interface DocumentOptions {
  readonly column: string;
  readonly form: DocumentForm;
  readonly holds: DocumentContent;
}

/** What becomes of a value that its column cannot hold: it stays in the document, or its row is a dead letter. */
export type MisfitPolicy = "keep" | "refuse";

/** How items become rows. */
export interface ColumnsOptions {
  readonly rules: readonly ColumnRule[];
  /** Items that are looked at for the columns of a table that no rule names; 0 where there are to be none. */
  readonly sampleItems: number;
  /** Least share of the looked at items that have an attribute which becomes a column. */
  readonly sampleShare: number;
  readonly document: DocumentOptions;
  readonly misfits: MisfitPolicy;
  /**
   * Whether DynamoDB's own JSON has members of sets in an order of ours, or in that in which the service tells them. Plain JSON
   * has them in ours either way.
   */
  readonly sortsSets: boolean;
  /** Whether changes tell the old row too, where the stream has it. */
  readonly before: boolean;
}

/** Rows for sinks of tables: columns where they are known, the rest in `document`. */
export const TABLE_COLUMNS: ColumnsOptions = {
  rules: [],
  sampleItems: 1_000,
  sampleShare: 0.1,
  document: { column: "document", form: "plain", holds: "rest" },
  misfits: "keep",
  sortsSets: true,
  before: false,
};

/** Rows for sinks of messages: the key, and the whole item in DynamoDB's own JSON, sets in the service's order. */
export const MESSAGE_COLUMNS: ColumnsOptions = {
  ...TABLE_COLUMNS,
  sampleItems: 0,
  document: { column: "document", form: "dynamodb", holds: "whole" },
  sortsSets: false,
  before: true,
};
