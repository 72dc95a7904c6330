import { MillraceError } from "../errors/millrace-error.ts";
import type { PipelineConfig } from "./pipeline-config.ts";
import type { Place } from "./problem.ts";
import { formatPlace } from "./problem.ts";

type Places = Pick<PipelineConfig, "file" | "places">;

/** Where an option stands in the file; its section where it is left out. */
export function placeOfOption(path: string, { file, places }: Places): Place {
  const [section = ""] = path.split(".");
  return places.get(path) ?? places.get(section) ?? { file, line: null, column: null };
}

/** An error that names an option of the file (`facts.option`), with the option's place in front. */
export function withPlace(error: MillraceError, config: Places): MillraceError {
  const option = error.facts["option"];
  if (typeof option !== "string" || error.facts["place"] !== undefined) return error;
  const place = formatPlace(placeOfOption(option, config));
  return new MillraceError(error.code, `${place}: ${error.detail}`, {
    cause: error.cause,
    class: error.class,
    remedy: error.remedy,
    facts: { ...error.facts, place },
  });
}
