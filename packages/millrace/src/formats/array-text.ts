/** An element of an array's text: null, a text, or an array of its own. */
export type ArrayElement = null | string | readonly ArrayElement[];

/** Not an array as PostgreSQL prints one. */
export class NotArray extends Error {}

/** Reads PostgreSQL's text of an array, `{1,NULL,"a\"b",{2,3}}`; bounds before it (`[0:1]=`) are left. */
export function parseArrayText(text: string): readonly ArrayElement[] {
  const start = text.startsWith("[") ? text.indexOf("=") + 1 : 0;
  const reader = new ArrayReader(text, start);
  const elements = reader.array();
  if (!reader.atEnd) throw new NotArray();
  return elements;
}

class ArrayReader {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  array(): readonly ArrayElement[] {
    this.#take("{");
    const elements: ArrayElement[] = [];
    if (this.#peek() === "}") {
      this.#at++;
      return elements;
    }
    for (;;) {
      elements.push(this.#element());
      if (this.#peek() !== ",") break;
      this.#at++;
    }
    this.#take("}");
    return elements;
  }

  #element(): ArrayElement {
    const first = this.#peek();
    if (first === "{") return this.array();
    if (first === '"') return this.#quoted();
    const start = this.#at;
    while (this.#at < this.#text.length && !",}".includes(this.#peek())) this.#at++;
    const word = this.#text.slice(start, this.#at);
    if (word === "") throw new NotArray();
    return word.toUpperCase() === "NULL" ? null : word;
  }

  #quoted(): string {
    let value = "";
    this.#at++;
    for (; this.#peek() !== '"'; this.#at++) {
      if (this.#peek() === "\\") this.#at++;
      if (this.#at >= this.#text.length) throw new NotArray();
      value += this.#peek();
    }
    this.#at++;
    return value;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #take(expected: string): void {
    if (this.#peek() !== expected) throw new NotArray();
    this.#at++;
  }
}
