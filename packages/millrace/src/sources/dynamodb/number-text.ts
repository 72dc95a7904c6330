/**
 * Numbers as DynamoDB spells them in its answers: digits, a point, no exponent, no zeros that say nothing. Stand-ins and old
 * exports keep what was sent (`1e3`, `007`, `1.50`): these become the same spelling, so that equal numbers are equal texts.
 */
const PLAIN = /^(?:0|-?[1-9]\d*|-?(?:0|[1-9]\d*)\.\d*[1-9])$/;

/** Hot: per number. The digits are never read as a floating point number. */
export function plainNumber(text: string): string {
  return PLAIN.test(text) ? text : respelled(text);
}

const PARTS = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

function respelled(text: string): string {
  const [, sign, whole = "", fraction = "", exponent = "0"] = PARTS.exec(text.trim()) ?? [];
  // What is no number is left as it is: whoever has to hold it says so.
  if (sign === undefined || whole.length + fraction.length === 0) return text;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const padded = digits.padStart(digits.length + Math.max(0, -point), "0");
  const at = Math.max(0, point);
  const left = padded.slice(0, at).padEnd(at, "0").replace(/^0+/, "");
  const right = padded.slice(at).replace(/0+$/, "");
  const plain = `${left === "" ? "0" : left}${right === "" ? "" : `.${right}`}`;
  return sign === "-" && plain !== "0" ? `-${plain}` : plain;
}
