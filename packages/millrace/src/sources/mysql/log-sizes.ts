import { bytesBetween, type LogFile } from "./retention.ts";
import type { LogGroup } from "./position.ts";

/** The sizes of the log's files, as of the last look. */
export class LogSizes {
  #files: readonly LogFile[] = [];

  /** The files as they are now. */
  see(files: readonly LogFile[]): void {
    this.#files = files;
  }

  /** Null where that is not known. */
  between(from: LogGroup, to: LogGroup): number | null {
    return from.era === to.era ? bytesBetween(this.#files, from, to) : null;
  }
}
