import { required } from "../option.ts";
import type { OptionValues } from "../option.ts";
import { path } from "../option-type.ts";
import { SINK_OPTIONS } from "./sink-options.ts";

/** `sink:` with `type: jsonl`. */
export const JSONL_SINK_OPTIONS = {
  path: required(path, {
    name: "path",
    example: "out",
    doc: "Folder that changes are written to, a file for each target with one JSON object per line. The pipeline's state is kept in a second folder beside it, `<path>.millrace`. For looking at what happens; it is not a store.",
  }),
  ...SINK_OPTIONS,
} as const;

/** What `sink:` with `type: jsonl` is once it is parsed. */
export type JsonlSinkOptions = OptionValues<typeof JSONL_SINK_OPTIONS>;
