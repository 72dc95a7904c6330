/** What a client is told of an error. */
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { movePosition, report as message, Type } from "../wire/messages.ts";

/** As binder.ts names them. */
const TWIN = /"(_dl_asking\d*)"/;

/** The refusal that an error is to the client. Throws what ends the connection without one. */
export function refusalOf(error: unknown): Violation {
  if (error instanceof Violation) return error;
  // Reading beyond the end of a message.
  if (error instanceof RangeError)
    return violation("protocol", { reason: "invalid message format" });
  throw error;
}

/** As a message. Throws one that ends the connection. */
export function refusalFrame({ report: told, raw }: Violation): Buffer {
  if (told.severity === "FATAL") throw new Violation(told);
  return raw ?? message(Type.error, told);
}

/** The same error without the name of a statement's twin, which the client does not know. */
export function unmasked(refusal: Violation, nameOf: (twin: string) => string): Violation {
  const { report, raw } = refusal;
  if (raw === undefined || !TWIN.test(report.message)) return refusal;
  const text = report.message.replace(TWIN, (_whole, twin: string) => `"${nameOf(twin)}"`);
  return new Violation({ ...report, message: text });
}

/** The same error about a statement that begins so many characters behind the start of what the client sent. */
export function moved(error: unknown, characters: number): unknown {
  if (characters === 0 || !(error instanceof Violation) || error.raw === undefined) return error;
  return new Violation(error.report, movePosition(error.raw, characters));
}
