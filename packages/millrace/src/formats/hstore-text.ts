/** Not an hstore as PostgreSQL prints one. */
export class NotHstore extends Error {}

const PAIR = /\s*"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|(NULL))\s*(?:,|$)/gsy;

/** Reads PostgreSQL's text of an hstore, `"a"=>"1", "b"=>NULL`. */
export function parseHstoreText(text: string): readonly (readonly [string, string | null])[] {
  const pairs: (readonly [string, string | null])[] = [];
  let end = 0;
  for (const match of text.matchAll(PAIR)) {
    const [whole, key = "", value, none] = match;
    end = match.index + whole.length;
    pairs.push([unescaped(key), none === undefined ? unescaped(value ?? "") : null]);
  }
  if (text.slice(end).trim() !== "") throw new NotHstore();
  return pairs;
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, "$1");
}
