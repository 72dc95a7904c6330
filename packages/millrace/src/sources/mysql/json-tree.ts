import { protocolError } from "./byte-cursor.ts";

/** A document whose scalars are their own text, so that nothing of them is lost. */
export type JsonNode = string | JsonNode[] | Map<string, JsonNode>;

const TOKEN = /[[\]{}:,]|"(?:[^"\\]|\\.)*"|[^\s[\]{}:,"]+/gy;

/** Takes apart what the server, or our printer in its way, has printed. */
export function parseJsonText(text: string): JsonNode {
  const tokens = new Tokens(text);
  return node(tokens, tokens.next());
}

class Tokens {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string {
    while (this.#text.charCodeAt(this.#at) === 32) this.#at += 1;
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text)?.[0];
    if (token === undefined) throw protocolError("JSON that ends too early");
    this.#at += token.length;
    return token;
  }
}

function node(tokens: Tokens, token: string): JsonNode {
  if (token === "[") return array(tokens);
  return token === "{" ? object(tokens) : token;
}

function array(tokens: Tokens): JsonNode[] {
  const elements: JsonNode[] = [];
  for (let token = tokens.next(); token !== "]"; token = tokens.next())
    if (token !== ",") elements.push(node(tokens, token));
  return elements;
}

function object(tokens: Tokens): Map<string, JsonNode> {
  const members = new Map<string, JsonNode>();
  for (let token = tokens.next(); token !== "}"; token = tokens.next()) {
    if (token === ",") continue;
    tokens.next();
    members.set(String(JSON.parse(token)), node(tokens, tokens.next()));
  }
  return members;
}

/** As MySQL prints it: members by the bytes of their names, shorter ones first. */
export function printJson(root: JsonNode): string {
  if (typeof root === "string") return root;
  if (Array.isArray(root)) return `[${root.map(printJson).join(", ")}]`;
  const members = [...root].toSorted(([a], [b]) => compareNames(a, b));
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}: ${printJson(value)}`).join(", ")}}`;
}

function compareNames(a: string, b: string): number {
  const [first, second] = [Buffer.from(a), Buffer.from(b)];
  return first.length - second.length || first.compare(second);
}
