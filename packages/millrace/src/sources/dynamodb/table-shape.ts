import { createHash } from "node:crypto";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json } from "../../model/position.ts";
import { tableId, type Column, type TableShape } from "../../model/table.ts";
import type { Item, TableDescription } from "./api.ts";
import { parsePath, pathText, type AttributePath } from "../../schema/attribute-path.ts";
import {
  columnType,
  columnText,
  type ColumnRule,
  type ColumnType,
} from "../../schema/document-columns.ts";
import { typeOfTag } from "./column-types.ts";
import type { ColumnsOptions, DocumentOptions } from "./columns-options.ts";
import { inferColumns, nameRefusal, type Inference } from "./inference.ts";

/** The schema of all tables: DynamoDB's have none, and without a route they go to `public.TABLE`. */
export const SCHEMA = "public";

/** A column with where its values stand in an item. */
export interface ShapeColumn {
  readonly name: string;
  readonly path: AttributePath;
  readonly type: ColumnType;
}

/** What a shape keeps of how items become its rows (`TableShape.facts`). */
export interface ShapeFacts {
  /** In the order of the shape's columns, the document not among them. */
  readonly columns: readonly ShapeColumn[];
  readonly document: DocumentOptions;
  /** What the file said of its columns: another text is another shape. */
  readonly rules: string;
}

/** The shape of a table, and what a sample said where one was looked at. */
export interface MadeShape {
  readonly shape: TableShape;
  readonly inference: Inference | null;
}

/**
 * Pure: the shape of a table's rows. What the pipeline has already (`remembered`) stays as long as the file says the same of
 * it: another sample never changes it. `sample` null: none was looked at.
 * @throws MillraceError MR_SOURCE_REFUSED where two columns would have one name, or a rule gives the key another type.
 */
export function tableShape(
  table: TableDescription,
  options: ColumnsOptions,
  sample: readonly Item[] | null,
  remembered?: TableShape,
): MadeShape {
  if (remembered !== undefined && keepsShape(remembered, table, options))
    return { shape: { ...remembered, identity: identityOf(table, options) }, inference: null };
  const own = options.rules.filter(({ tables }) => tables.match([SCHEMA, table.name]) !== null);
  const keys = table.key.map(({ name, type }) => keyColumn(own, table, name, typeOfTag(type)));
  const ruled = own.filter(({ path }) => !isKeyPath(table, path)).map(ruleColumn);
  const inference =
    own.length > 0 || sample === null || options.sampleItems === 0
      ? null
      : inferColumns(sample, table.key, {
          share: options.sampleShare,
          taken: new Set([...keys.map(({ name }) => name), options.document.column]),
        });
  const columns = [...keys, ...ruled, ...inferredColumns(inference)];
  refuseCollisions(table, columns, options.document);
  const { document } = options;
  const facts: ShapeFacts = { columns, document, rules: rulesText(table, options) };
  return { shape: shapeOf(table, facts, identityOf(table, options)), inference };
}

/** Whether a sample of the table's items is asked for: nothing else tells its columns. */
export function needsSample(
  table: TableDescription,
  options: ColumnsOptions,
  remembered?: TableShape,
): boolean {
  if (options.sampleItems === 0) return false;
  if (remembered !== undefined && keepsShape(remembered, table, options)) return false;
  return options.rules.every(({ tables }) => tables.match([SCHEMA, table.name]) === null);
}

function keepsShape(shape: TableShape, table: TableDescription, options: ColumnsOptions): boolean {
  const facts = readFacts(shape.facts);
  return facts?.rules === rulesText(table, options) && hasKeyOf(shape, table);
}

/** Whether the table has the key that a shape of it tells. */
export function hasKeyOf(
  shape: Pick<TableShape, "facts" | "key">,
  { key }: TableDescription,
): boolean {
  const keys = readFacts(shape.facts)?.columns.slice(0, shape.key.length) ?? [];
  return (
    keys.length === key.length &&
    keys.every(({ path, type }, at) => {
      const now = key[at];
      return now !== undefined && path[0] === now.name && type.text === typeOfTag(now.type).text;
    })
  );
}

function shapeOf(table: TableDescription, facts: ShapeFacts, identity: string): TableShape {
  const { columns, document } = facts;
  const keys = table.key.length;
  return {
    id: tableId(SCHEMA, table.name),
    schema: SCHEMA,
    name: table.name,
    identity,
    columns: [
      ...columns.map(({ name, path: [attribute], type }, at) => ({
        ...column(name, type.text, type.logical, at >= keys),
        // A key is an attribute of the item itself; other columns are in no message by the attribute's name.
        ...(at < keys && typeof attribute === "string" && attribute !== name
          ? { sourceName: attribute }
          : {}),
      })),
      column(document.column, documentType(document), { kind: "jsonb" }, false),
    ],
    key: table.key.map((_, at) => at),
    facts: factsJson(facts),
  };
}

function column(name: string, sourceType: string, type: Column["type"], nullable: boolean): Column {
  return { name, type, sourceType, nullable, ordinal: null };
}

/** Another form or content is another column: its rows are written anew. */
function documentType({ form, holds }: DocumentOptions): string {
  return `${holds} item, ${form}`;
}

/**
 * A table that was made anew under its name is another one; stand-ins without TableId have only its ARN. So is one whose rows the
 * file makes in another way: no stream tells of rows that are there already, so that it is loaded anew.
 */
function identityOf(table: TableDescription, options: ColumnsOptions): string {
  const rules = createHash("sha256").update(rulesText(table, options)).digest("hex").slice(0, 8);
  return `${table.tableId === "" ? table.arn : table.tableId}/${rules}`;
}

function isKeyPath({ key }: TableDescription, path: AttributePath): boolean {
  return path.length === 1 && key.some(({ name }) => name === path[0]);
}

function ruleColumn({ column: name, path, type }: ColumnRule): ShapeColumn {
  return { name, path, type };
}

/** The key's type is the key schema's; a rule may give it another name. */
function keyColumn(
  rules: readonly ColumnRule[],
  table: TableDescription,
  attribute: string,
  type: ColumnType,
): ShapeColumn {
  const rule = rules.find(({ path }) => path.length === 1 && path[0] === attribute);
  if (rule === undefined) return { name: attribute, path: [attribute], type };
  if (rule.type.text !== type.text)
    throw refused(
      table,
      `columns gives its key "${attribute}" the type ${rule.type.text}, and its key schema says ${type.text}`,
    );
  return { name: rule.column, path: [attribute], type };
}

function inferredColumns(inference: Inference | null): ShapeColumn[] {
  if (inference === null) return [];
  return inference.attributes.flatMap(({ name, type }) =>
    type === null ? [] : [{ name, path: [name], type }],
  );
}

function refuseCollisions(
  table: TableDescription,
  columns: readonly ShapeColumn[],
  document: DocumentOptions,
): void {
  const known = new Map<string, string>([[document.column, "the document"]]);
  for (const { name, path } of columns) {
    const text = pathText(path);
    const other = known.get(name);
    if (other !== undefined)
      throw refused(table, `${other} and ${text} would both be column "${name}"`);
    const refusal = nameRefusal(name);
    if (refusal !== null) throw refused(table, `the column of ${text} ${refusal}`);
    known.set(name, text);
  }
}

function refused({ name }: TableDescription, why: string): MillraceError {
  return new MillraceError("MR_SOURCE_REFUSED", `table ${name}: ${why}`, {
    facts: { option: "source.columns" },
    remedy:
      "Give one of them another name in source.columns (`ATTRIBUTE as NAME TYPE`), or the document one by source.document.column.",
  });
}

/** What the file says that decides a table's columns. */
function rulesText(table: TableDescription, options: ColumnsOptions): string {
  const { document, sampleItems } = options;
  const own = options.rules.filter(({ tables }) => tables.match([SCHEMA, table.name]) !== null);
  const rules = own.map(columnText);
  const origin = own.length > 0 ? rules.join(", ") : sampleItems === 0 ? "" : "sample";
  return `${document.column} ${documentType(document)}: ${origin}`;
}

function factsJson({ columns, document, rules }: ShapeFacts): Json {
  return {
    columns: columns.map(({ name, path, type }) => [name, pathText(path), type.text]),
    document: { column: document.column, form: document.form, holds: document.holds },
    rules,
  };
}

/** What a shape of this source keeps. @throws MillraceError MR_BUG where it is none of ours. */
export function shapeFacts({ id, facts }: TableShape): ShapeFacts {
  const read = readFacts(facts);
  if (read === null) throw new MillraceError("MR_BUG", `the shape of ${id} is none of DynamoDB's`);
  return read;
}

function readFacts(facts: Json | undefined): ShapeFacts | null {
  const { columns, document, rules } = objectOf(facts);
  if (!Array.isArray(columns) || typeof rules !== "string") return null;
  const read = (columns as readonly Json[]).map(readColumn);
  const { column: name, form, holds } = objectOf(document);
  const isDocument =
    typeof name === "string" &&
    (form === "plain" || form === "dynamodb") &&
    (holds === "rest" || holds === "whole");
  const known = read.flatMap((each) => (each === null ? [] : [each]));
  if (!isDocument || known.length !== read.length) return null;
  return { columns: known, document: { column: name, form, holds }, rules };
}

function readColumn(json: Json): ShapeColumn | null {
  const [name, path, type] = Array.isArray(json) ? (json as readonly Json[]) : [];
  if (typeof name !== "string" || typeof path !== "string" || typeof type !== "string") return null;
  const [parsed, known] = [parsePath(path), columnType(type)];
  return parsed === null || known === null ? null : { name, path: parsed, type: known };
}

function objectOf(json: Json | undefined): Readonly<Record<string, Json | undefined>> {
  return typeof json === "object" && json !== null && !Array.isArray(json)
    ? (json as Readonly<Record<string, Json>>)
    : {};
}
