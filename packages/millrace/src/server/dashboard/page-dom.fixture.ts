/** As much of a browser's DOM as the dashboard's script asks for, and a reader of the markup that the server draws. */

const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
};
const VOID = new Set(["INPUT", "META", "LINK", "BR"]);
const TOKEN = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>|([^<]+)/g;
const ATTRIBUTE = /([\w:-]+)(?:="([^"]*)")?/g;

const plain = (text: string): string => text.replace(/&[^;]+;/g, (name) => ENTITIES[name] ?? name);

/** What has a place among the children of an element. */
abstract class ChildNode {
  abstract readonly nodeType: number;
  abstract readonly nodeName: string;
  parent: PageElement | null = null;

  get nextSibling(): PageNode | null {
    const siblings = this.parent?.childNodes ?? [];
    return siblings[siblings.findIndex((node: unknown) => node === this) + 1] ?? null;
  }

  remove(): void {
    this.parent?.childNodes.splice(
      this.parent.childNodes.findIndex((node: unknown) => node === this),
      1,
    );
    this.parent = null;
  }
}

/** Text of an element. */
export class PageText extends ChildNode {
  readonly nodeType = 3;
  readonly nodeName = "#text";
  data: string;

  constructor(data: string) {
    super();
    this.data = data;
  }

  replaceWith(next: PageNode): void {
    replace(this, next);
  }
}

/** An element, as far as it is asked. */
export class PageElement extends ChildNode {
  readonly nodeType = 1;
  readonly nodeName: string;
  readonly childNodes: PageNode[] = [];
  readonly #attributes = new Map<string, string>();
  readonly #listeners = new Map<string, ((event: { target: PageElement }) => unknown)[]>();
  className = "";
  /** Of an input. */
  value = "";
  /** How often a dialog was shown. */
  shown = 0;

  constructor(nodeName: string) {
    super();
    this.nodeName = nodeName.toUpperCase();
  }

  get attributes(): readonly { readonly name: string; readonly value: string }[] {
    return [...this.#attributes].map(([name, value]) => ({ name, value }));
  }

  get dataset(): Readonly<Record<string, string>> {
    const data = [...this.#attributes].filter(([name]) => name.startsWith("data-"));
    return Object.fromEntries(data.map(([name, value]) => [name.slice(5), value]));
  }

  get firstChild(): PageNode | null {
    return this.childNodes[0] ?? null;
  }

  get firstElementChild(): PageElement | null {
    return this.childNodes.find((node) => node instanceof PageElement) ?? null;
  }

  /** Of a template. */
  get content(): PageElement {
    return this;
  }

  get disabled(): boolean {
    return this.hasAttribute("disabled");
  }

  set disabled(is: boolean) {
    if (is) this.setAttribute("disabled", "");
    else this.removeAttribute("disabled");
  }

  get textContent(): string {
    return this.childNodes
      .map((node) => (node instanceof PageText ? node.data : node.textContent))
      .join("");
  }

  set textContent(text: string) {
    while (this.firstChild !== null) this.firstChild.remove();
    this.insertBefore(new PageText(text), null);
  }

  set innerHTML(markup: string) {
    while (this.firstChild !== null) this.firstChild.remove();
    fill(this, markup);
  }

  /** As markup, to be compared. */
  get outerHTML(): string {
    const attributes = this.attributes
      .map(({ name, value }) => ` ${name}=${JSON.stringify(value)}`)
      .toSorted();
    const inside = this.childNodes.map((node) =>
      node instanceof PageText ? node.data : node.outerHTML,
    );
    return `<${this.nodeName}${attributes.join("")}>${inside.join("")}</${this.nodeName}>`;
  }

  hasAttribute(name: string): boolean {
    return this.#attributes.has(name);
  }

  getAttribute(name: string): string | null {
    return this.#attributes.get(name) ?? null;
  }

  setAttribute(name: string, value: string): void {
    this.#attributes.set(name, value);
  }

  removeAttribute(name: string): void {
    this.#attributes.delete(name);
  }

  insertBefore(node: PageNode, before: PageNode | null): void {
    node.remove();
    const at = before === null ? this.childNodes.length : this.childNodes.indexOf(before);
    this.childNodes.splice(at, 0, node);
    node.parent = this;
  }

  replaceWith(next: PageNode): void {
    replace(this, next);
  }

  querySelector(name: string): PageElement | null {
    return this.all((element) => element.nodeName === name.toUpperCase())[0] ?? null;
  }

  /** Those of what is in it that are so. */
  all(is: (element: PageElement) => boolean): readonly PageElement[] {
    return this.childNodes.flatMap((node) =>
      node instanceof PageElement ? [...(is(node) ? [node] : []), ...node.all(is)] : [],
    );
  }

  addEventListener(type: string, listener: (event: { target: PageElement }) => unknown): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  /** Tells those who listen here, as an event of `target` does; each is told once where it asked for that by itself. */
  async dispatch(type: string, target: PageElement = this): Promise<void> {
    for (const listener of this.#listeners.get(type) ?? []) await listener({ target });
  }

  showModal(): void {
    this.shown++;
  }
}

/** One of the two. */
export type PageNode = PageText | PageElement;

function replace(old: PageNode, next: PageNode): void {
  old.parent?.insertBefore(next, old);
  old.remove();
}

/** The markup as nodes of an element. @throws {Error} where it is not well formed. */
function fill(element: PageElement, markup: string): void {
  let open = element;
  let read = 0;
  for (const [all, end, name = "", attributes = "", empty, text] of markup.matchAll(TOKEN)) {
    read += all.length;
    if (text !== undefined) open.insertBefore(new PageText(plain(text)), null);
    else if (end === "/") {
      if (open.nodeName !== name.toUpperCase() || open.parent === null)
        throw new Error(`</${name}> ends <${open.nodeName}>`);
      open = open.parent;
    } else {
      const made = new PageElement(name);
      for (const [, key = "", value = ""] of attributes.matchAll(ATTRIBUTE))
        made.setAttribute(key, plain(value));
      open.insertBefore(made, null);
      if (empty !== "/" && !VOID.has(made.nodeName)) open = made;
    }
  }
  if (open !== element || read !== markup.length) throw new Error("markup that does not end");
}
