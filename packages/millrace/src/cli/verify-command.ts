import { MillraceError } from "../errors/millrace-error.ts";
import type { CliSurroundings } from "./surroundings.ts";

/** What `verify` was asked for. */
export interface VerifyCommandOptions {
  readonly file: string;
  readonly rows: boolean;
  readonly json: boolean;
}

/** Compares source and target. Exit 0 when they are equal, 3 when not. */
export function verifyCommand(
  _options: VerifyCommandOptions,
  _io: CliSurroundings,
): Promise<number> {
  return Promise.reject(new MillraceError("MR_USAGE", "verify is being written"));
}
