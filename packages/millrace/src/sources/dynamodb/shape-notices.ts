import type { Inference, SeenAttribute } from "./inference.ts";

/** More names than this are counted, not told. */
const MOST_NAMES = 20;

/** What a sample of a table came to, for people: which attributes became columns, and which stay in the document. */
export function shapeNotices({ items, attributes }: Inference): readonly string[] {
  if (items === 0)
    return ["it has no items to infer columns from: all but its key is in the document"];
  const columns = attributes.filter(({ type }) => type !== null);
  const rest = attributes.filter(({ type }) => type === null);
  return [
    `columns by a sample of ${items.toLocaleString("en-US")} items: ${columns.length === 0 ? "none" : listed(columns, columnText)}`,
    ...(rest.length === 0 ? [] : [`in the document: ${listed(rest, restText)}`]),
  ];
}

function columnText({ name, type, why }: SeenAttribute): string {
  return `${name} ${type?.text ?? ""} (${why})`;
}

function restText({ name, why }: SeenAttribute): string {
  return `${name} (${why})`;
}

function listed(
  attributes: readonly SeenAttribute[],
  text: (attribute: SeenAttribute) => string,
): string {
  const more = attributes.length - MOST_NAMES;
  const told = attributes.slice(0, MOST_NAMES).map(text);
  return [...told, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
