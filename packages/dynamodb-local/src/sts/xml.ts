/** The answers of STS, which are XML. */
import type { Refusal } from "../rules/refusal.ts";

const NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";

/** Elements by name; a nested object is a nested element. */
export interface Elements {
  readonly [name: string]: string | Elements;
}

/** An answer. */
export function stsAnswer(action: string, result: Elements, requestId: string): string {
  const content = `<${action}Result>${xmlOf(result)}</${action}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
  return `<${action}Response xmlns="${NAMESPACE}">${content}${metadata}</${action}Response>`;
}

/** A refusal. */
export function stsRefusal({ code, message }: Refusal, requestId: string): string {
  const error = xmlOf({ Error: { Type: "Sender", Code: code, Message: message } });
  return `<ErrorResponse xmlns="${NAMESPACE}">${error}<RequestId>${requestId}</RequestId></ErrorResponse>`;
}

function xmlOf(elements: Elements): string {
  return Object.entries(elements)
    .map(
      ([name, value]) =>
        `<${name}>${typeof value === "string" ? escaped(value) : xmlOf(value)}</${name}>`,
    )
    .join("");
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
