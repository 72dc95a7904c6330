import { constants } from "node:os";
import type { CliSurroundings } from "./surroundings.ts";

/** What shells say of a process that a signal has ended: 130 of Ctrl-C. */
function exitCodeOfSignal(signal: string): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return 128 + (numbers[signal] ?? 0);
}

/**
 * Does what can be left off anywhere: a signal ends the process at once, in a sentence and not as a failure of ours. A server
 * that hangs keeps nobody. `clear` takes a progress line away first; `left` says what is left undone.
 */
export async function interruptible<T>(
  io: CliSurroundings,
  { left, clear = () => {} }: { readonly left: string; readonly clear?: () => void },
  work: () => Promise<T>,
): Promise<T> {
  const ignoreSignals = io.onSignal((signal) => {
    clear();
    io.stderr.write(`stopped by ${signal}: ${left}\n`);
    io.exit(exitCodeOfSignal(signal));
  });
  try {
    return await work();
  } finally {
    ignoreSignals();
  }
}
