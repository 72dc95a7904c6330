import { z } from "zod";
import {
  ColumnRuleError,
  columnRulesText,
  parseColumnRules,
  type ColumnRule,
} from "../schema/document-columns.ts";
import { optionType } from "./option-type.ts";

/** Columns of tables whose rows are documents (`schema/document-columns.ts`), in one text or a YAML list. */
export const columnRules = optionType<readonly ColumnRule[]>({
  name: "columns of tables",
  json: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
  list: true,
  value: z.array(z.custom<ColumnRule>()).readonly(),
  decode: (value) => {
    try {
      return parseColumnRules(value);
    } catch (thrown) {
      if (!(thrown instanceof ColumnRuleError)) throw thrown;
      return { wrong: thrown.wrong, remedy: thrown.remedy };
    }
  },
  encode: columnRulesText,
});
