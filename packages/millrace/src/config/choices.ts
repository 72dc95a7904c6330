import { z } from "zod";
import { optionType, type OptionType } from "./option-type.ts";

/** Some of a few words, separated by commas, or a YAML list. */
export function choices<const T extends string>(known: readonly T[]): OptionType<readonly T[]> {
  const remedy = `Write some of ${known.join(", ")}, separated by commas`;
  return optionType<readonly T[]>({
    name: `some of ${known.map((word) => `\`${word}\``).join(", ")}`,
    json: {
      anyOf: [{ type: "string" }, { type: "array", items: { type: "string", enum: known } }],
    },
    list: true,
    value: z.array(z.enum(known)).readonly(),
    decode: (value) => {
      const words = value.split(",").map((word) => word.trim().toLowerCase());
      const found = words.flatMap((word) => known.find((each) => each === word) ?? []);
      return found.length < words.length
        ? { wrong: "has a word that is not known", remedy }
        : found;
    },
    encode: (words) => words.join(","),
  });
}
