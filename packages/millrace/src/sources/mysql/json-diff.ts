import { Skimmed, type Value } from "../../model/value.ts";
import { ByteCursor, protocolError } from "./byte-cursor.ts";
import { JsonPrinter } from "./json-binary.ts";
import { type JsonNode, parseJsonText, printJson } from "./json-tree.ts";
import { JsonWriter } from "./json-writer.ts";

const Operation = { REPLACE: 0, INSERT: 1, REMOVE: 2 } as const;

const writer = new JsonWriter();
const printer = new JsonPrinter(writer);

/**
 * The document that an update has left as differences to the old one (`binlog_row_value_options=PARTIAL_JSON`), both
 * binary; the text as the server prints it. Works on the old one's text, in which all is told that binary JSON tells.
 * @throws MillraceError MR_SOURCE_PROTOCOL
 */
export function applyJsonDiffs(document: Buffer, diffs: Buffer, maxBytes: number): Value {
  let root = parseJsonText(textOf(document));
  const cursor = new ByteCursor(diffs, 0, diffs.length);
  while (cursor.left > 0) {
    const operation = cursor.uint8();
    const path = parsePath(cursor.text(cursor.lengthEncoded()));
    const value =
      operation === Operation.REMOVE
        ? null
        : parseJsonText(textOf(cursor.bytes(cursor.lengthEncoded())));
    if (path.length > 0) apply(root, path, operation, value);
    else if (operation === Operation.REPLACE && value !== null) root = value;
    else throw misfit();
  }
  const text = printJson(root);
  const bytes = Buffer.byteLength(text);
  return bytes > maxBytes ? new Skimmed(bytes) : text;
}

function textOf(document: Buffer): string {
  const view = new DataView(document.buffer, document.byteOffset, document.length);
  printer.print(document, view, 0, document.length, Infinity);
  return writer.take();
}

/** A member's name, or an element's place. */
type Leg = string | number;

function parsePath(path: string): Leg[] {
  const legs: Leg[] = [];
  const pattern = /\$|\[(\d+)\]|\.("(?:[^"\\]|\\.)*")|\.([^.[\]"]+)/gsy;
  let at = 0;
  while (at < path.length) {
    pattern.lastIndex = at;
    const [all, index, quoted, plain] = pattern.exec(path) ?? [];
    if (all === undefined) throw misfit();
    at += all.length;
    if (index !== undefined) legs.push(Number(index));
    else if (quoted !== undefined) legs.push(nameOf(quoted));
    else if (plain !== undefined) legs.push(plain);
  }
  return legs;
}

function nameOf(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw misfit();
  }
}

function apply(
  root: JsonNode,
  path: readonly Leg[],
  operation: number,
  value: JsonNode | null,
): void {
  const parent = path.slice(0, -1).reduce(child, root);
  const last = path[path.length - 1];
  if (Array.isArray(parent) && typeof last === "number")
    changeArray(parent, last, operation, value);
  else if (parent instanceof Map && typeof last === "string")
    changeObject(parent, last, operation, value);
  else throw misfit();
}

function child(node: JsonNode, leg: Leg): JsonNode {
  const found =
    Array.isArray(node) && typeof leg === "number"
      ? node[leg]
      : node instanceof Map && typeof leg === "string"
        ? node.get(leg)
        : undefined;
  if (found === undefined) throw misfit();
  return found;
}

function changeArray(
  array: JsonNode[],
  index: number,
  operation: number,
  value: JsonNode | null,
): void {
  const exists = index < array.length;
  if (operation === Operation.INSERT && value !== null) array.splice(index, 0, value);
  else if (operation === Operation.REPLACE && value !== null && exists) array[index] = value;
  else if (operation === Operation.REMOVE && exists) array.splice(index, 1);
  else throw misfit();
}

function changeObject(
  object: Map<string, JsonNode>,
  name: string,
  operation: number,
  value: JsonNode | null,
): void {
  const exists = object.has(name);
  if (operation === Operation.REMOVE && exists) object.delete(name);
  else if (operation === Operation.INSERT && value !== null && !exists) object.set(name, value);
  else if (operation === Operation.REPLACE && value !== null && exists) object.set(name, value);
  else throw misfit();
}

/** Says nothing of the path, which is the application's. */
function misfit(): Error {
  return protocolError("a difference that does not fit its document");
}
