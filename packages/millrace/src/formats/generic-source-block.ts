import type {
  Origin,
  OriginNames,
  OriginValue,
  SourceBlock,
  SourceField,
} from "../model/source-block.ts";
import { COMMON_FIELDS, commonValue } from "../model/source-block.ts";

const FIELDS: readonly SourceField[] = [
  ...COMMON_FIELDS,
  { name: "schema", type: "string", optional: false, varies: "table" },
  { name: "table", type: "string", optional: false, varies: "table" },
];
const CONNECTOR = "millrace";

/** The block of a source that has none of its own. */
export class GenericSourceBlock implements SourceBlock {
  readonly connector = CONNECTOR;
  readonly schemaName = "io.millrace.Source";
  readonly fields = FIELDS;
  readonly serverName: string;
  readonly #names: OriginNames;

  constructor(names: OriginNames) {
    this.serverName = names.serverName;
    this.#names = names;
  }

  /** See {@link SourceBlock.value}. */
  value(index: number, origin: Origin): OriginValue {
    const name = FIELDS[index]?.name ?? "";
    if (name === "schema") return origin.schema;
    if (name === "table") return origin.table;
    if (name === "db") return "";
    return commonValue(name, { ...this.#names, connector: CONNECTOR }, origin);
  }
}
