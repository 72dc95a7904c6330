/** Where a value stands in a document: names of attributes and places in lists, `address.city`, `tags[0]`. */
export type AttributePath = readonly (string | number)[];

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const STEP = /\.?(?:"((?:[^"\\]|\\.)*)"|([^."[\]\s]+))|\[(\d{1,9})\]/y;

/** A path of its text: names that hold anything but letters, digits, `_` and `-` stand in double quotes; null where it is none. */
export function parsePath(text: string): AttributePath | null {
  const path: (string | number)[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < text.length) {
    const at = STEP.lastIndex;
    const found = STEP.exec(text);
    if (found === null) return null;
    const [whole, quoted, plain, index] = found;
    const isName = index === undefined;
    if (isName && whole.startsWith(".") !== at > 0) return null;
    if (isName) path.push(quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "");
    else path.push(Number(index));
  }
  return typeof path[0] === "string" && !path.includes("") ? path : null;
}

/** The text of a path. */
export function pathText(path: AttributePath): string {
  return path.map((step, at) => stepText(step, at === 0)).join("");
}

function stepText(step: string | number, isFirst: boolean): string {
  if (typeof step === "number") return `[${step}]`;
  const name = PLAIN_NAME.test(step) ? step : `"${step.replaceAll(/["\\]/g, "\\$&")}"`;
  return isFirst ? name : `.${name}`;
}
