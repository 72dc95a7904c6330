import type { Output } from "./surroundings.ts";

/** One line that is written over and over on a terminal; nothing in a pipe. */
export interface ProgressLine {
  show(text: string): void;
  clear(): void;
}

/** A progress line on an output. */
export function progressLine(output: Output): ProgressLine {
  if (!output.isTerminal) return { show() {}, clear() {} };
  let shown = false;
  return {
    show(text) {
      output.write(`\r\u001B[2K${text.slice(0, Math.max(1, output.columns - 1))}`);
      shown = true;
    },
    clear() {
      if (shown) output.write("\r\u001B[2K");
      shown = false;
    },
  };
}
