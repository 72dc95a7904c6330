/**
 * A clock for a test's PostgreSQL that can be set while the server runs, by libfaketime (Debian and others have it) in
 * front of the C library. The clock that does not jump stays the machine's.
 */
import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StartOptions } from "./postgres.ts";

/** See above. */
export class FakeClock {
  readonly #library: string;
  #folder: string | null = null;

  /** `library` is the path of libfaketime.so.1. */
  constructor(library: string) {
    this.#library = library;
  }

  /** The command in front of the server's, for `within`. */
  readonly within: NonNullable<StartOptions["within"]> = async () => {
    if (this.#folder === null) {
      // Read by the server's own user.
      this.#folder = await mkdtemp(join(tmpdir(), "millrace-clock-"));
      await chmod(this.#folder, 0o755);
      await this.jump(0);
    }
    return [
      "env",
      `LD_PRELOAD=${this.#library}`,
      `FAKETIME_TIMESTAMP_FILE=${this.#file}`,
      "FAKETIME_NO_CACHE=1",
      "DONT_FAKE_MONOTONIC=1",
      "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ];
  };

  /** Every look at the clock says so many seconds more than the machine's from now on; less where negative. */
  async jump(seconds: number): Promise<void> {
    const text = `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}s\n`;
    // Never read half written.
    await writeFile(`${this.#file}.next`, text, { mode: 0o644 });
    await rename(`${this.#file}.next`, this.#file);
  }

  async release(): Promise<void> {
    if (this.#folder !== null) await rm(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#folder ?? "", "offset");
  }
}
