import { MillraceError } from "./millrace-error.ts";

/**
 * What may be shown of an error that nobody has given its place in the catalogue. A server's message and the message of a
 * text that could not be read quote what they are about, which may be a row's value; everything else speaks of the program.
 */
export function safeMessage(thrown: unknown): string {
  if (thrown instanceof MillraceError) return thrown.message;
  if (!(thrown instanceof Error)) return `a thrown ${typeof thrown}`;
  const state = sqlStateIn(thrown);
  if (state !== null) return `a server's error (SQLSTATE ${state})`;
  const quotes = thrown instanceof SyntaxError || /cannot be converted/i.test(thrown.message);
  return quotes ? `${thrown.name}: a value that cannot be read` : thrown.message;
}

/** Where an error came from, for who is to mend it: its safe message and its frames. */
export function safeStack(thrown: unknown): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  const frames = stack.split("\n").filter((line) => /^ {4}at /.test(line));
  return [safeMessage(thrown), ...frames].join("\n");
}

function sqlStateIn(error: Error): string | null {
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : null;
}
