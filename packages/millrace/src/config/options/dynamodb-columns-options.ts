import { columnRules } from "../column-rules.ts";
import { defaulting, optional } from "../option.ts";
import { choice, integer, percent, text } from "../option-type.ts";

/** How items become rows. */
export const DYNAMODB_COLUMNS = {
  columns: optional(columnRules, {
    name: "columns",
    example: "orders: customer text, total decimal(12,2), address.city as city text",
    defaultDoc: "what a sample of the table shows, into tables; the key alone, into messages",
    doc: "Attributes that become columns: `TABLE: ATTRIBUTE TYPE` or `TABLE: ATTRIBUTE as COLUMN TYPE`, separated by commas, semicolons or ends of lines; TABLE is a pattern and holds for the columns that follow. Types are `text`, `decimal`, `decimal(p,s)`, `integer`, `bigint`, `double`, `boolean`, `bytes`, `uuid`, `date`, `timestamptz` (ISO 8601 with a zone), `jsonb`. A table that is named here has these columns and no others; key attributes are columns in any case. A value that its column cannot hold without loss stays in the document, or is a dead letter with `schema.change.behavior: exception`.",
  }),
  sampleItems: optional(integer(0, 10_000, "items"), {
    name: "columns.sample.items",
    example: "1000",
    defaultDoc: "1000 into tables, 0 into messages",
    doc: "Items of a table that are looked at once, before its first load, to find its columns; 0 gives it none but its key. `plan` shows what was found and why.",
  }),
  sampleShare: defaulting(percent, 0.1, {
    name: "columns.sample.share",
    example: "50%",
    doc: "The share of the sampled items that has to have an attribute for it to become a column.",
  }),
  documentColumn: defaulting(text, "document", {
    name: "document.column",
    example: "rest",
    doc: "The column that holds what has no column of its own, or the whole item.",
  }),
  documentForm: optional(choice(["plain", "dynamodb"]), {
    name: "document.format",
    example: "dynamodb",
    defaultDoc: "plain into tables, dynamodb into messages",
    doc: 'How that column is written. `plain`: what a reader who knows nothing of DynamoDB expects, numbers with all their digits, sets as arrays in an order of their own, binary as base64 text. `dynamodb`: DynamoDB\'s own JSON, `{"total":{"N":"9.50"}}`, which tells every type.',
  }),
  documentHolds: optional(choice(["rest", "whole"]), {
    name: "document.content",
    example: "whole",
    defaultDoc: "rest into tables, whole into messages",
    doc: "Whether that column holds what has no column of its own, or the whole item.",
  }),
} as const;
